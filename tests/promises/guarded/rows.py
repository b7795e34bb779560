"""Where in a model each launch of a step stands: of which op, in which layer and direction.

`rinzler/guard.py` has to find out the same, of a step that has gone wrong. Read next: that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from spoiled import Spoiled

from rinzler import autograd, step
from rinzler.gpt import GPT
from rinzler.ops import Array, OpSpec


class Rows:
    """A watcher that notes, for each launch, which op of the model it belongs to, and where it is.

    The guard reads that off the functions under way. Here those functions say it themselves, while
    they are replaced by some that do.
    """

    def __init__(self, model: GPT, device: Spoiled) -> None:
        self.model = model
        self.device = device
        self.depth = 0
        self.owners: dict[int, str] = {}
        self.places: dict[int, str] = {}  # of a launch: "in h.0.mlp, forward: ", as in a message
        self.direction = "forward"
        self.calls = [""]  # paths of the modules that are called now
        self.made_in: dict[int, str] = {}  # the path of the module that made a node, by its index
        self.node = 0  # whose gradients are being computed

    def run(self, row: OpSpec, outs: Sequence[Array | None], work: Callable[[], None]) -> None:
        first = self.device.count
        self.depth += 1
        work()
        self.depth -= 1
        if not self.depth:
            launches = range(first, self.device.count)
            self.owners.update(dict.fromkeys(launches, row.name))
            self.places.update(dict.fromkeys(launches, self.place()))

    def place(self) -> str:
        path = {
            "forward": self.calls[-1],
            "backward": self.made_in.get(self.node, ""),
            "clipping": "the gradient's norm",
        }[self.direction]
        return f" in {path or 'the model itself'}, {self.direction}: "

    def made(self, node: Any) -> None:
        self.made_in[node.index] = self.calls[-1]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it every function of which the place depends says that it runs."""
        paths = {id(module): path for path, module in self.model.paths()}
        measure, backward, gradients_of = step.measure, autograd.backward, autograd._gradients_of

        def measured(*arguments: Any) -> Any:
            self.direction = "clipping"
            return measure(*arguments)

        def back(*arguments: Any) -> None:
            self.direction = "backward"
            backward(*arguments)
            self.direction = "forward"

        def gradients(node: Any, *arguments: Any) -> Any:
            self.node = node.index
            return gradients_of(node, *arguments)

        def calling(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(module: Any, *arguments: Any) -> Any:
                self.calls.append(paths[id(module)])
                result = call(module, *arguments)
                self.calls.pop()
                return result

            return called

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step, "measure", measured)
            patch.setattr(autograd, "backward", back)
            patch.setattr(autograd, "_gradients_of", gradients)
            for kind in {type(module) for _, module in self.model.paths()}:
                if "__call__" in vars(kind):
                    patch.setattr(kind, "__call__", calling(vars(kind)["__call__"]))
            patch.setattr(self.device, "watcher", self)
            yield
