"""A NaN or an infinity in any op of a step is found in that step, and the op is named.

`Spoiled` is a device whose kernels all work, except that one launch of a step, the n-th, leaves a
bad number in one of its outputs, in the step and in each repetition of it. Every launch of forward,
backward and the gradient's norm has its turn, with NaN, +inf and -inf, at the first element and at
the last (here in turns, in the long form both).

What an op's default does inside may swallow a bad number: a mask covers it, or it is divided by.
Then nothing has happened, and the loss, the gradients and the weights must be finite.
Leaves out: what decides by the norm, and the update of the weights, which come after all checks; a
fault there is found in the next step, or at the next save. Read next: `core/tests/test_guard.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice, product
from typing import Any

import numpy as np
import pytest

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import NumericsError
from rinzler.gpt import GPT
from rinzler.ops import Array, Device, OpSpec, no_fused
from rinzler.plugins import open_device
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=8, layers=1, heads=2, dropout=0.1)
BAD = (np.nan, np.inf, -np.inf)
COMPARED = {"random_uniform"}  # all that becomes of it is a 0 or a 1: nothing can go on from it
Target = tuple[int, int, int, float]  # launch of a step, output, element, bad number


class Spoiled(Device):
    """The kernels of `backend`, one of which errs where there is a target."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.target: Target | None = None
        self.count = 0  # launches of this step so far
        self.seen: list[tuple[str, tuple[Any, ...]]] = []  # of one step: op, specs of its outputs
        self._kernels: dict[Any, Callable[..., None]] = {}

    def launch(self, op: str, kernel: Any, outs: Any, ins: Any, attrs: Any, host: bool = False):
        # Of one kernel there is one wrapper: two recordings of a step have to be equal.
        specs = tuple([None if x is None else (x.shape, x.dtype) for x in outs])
        wrapper = self._kernels.setdefault((kernel, specs), self._wrapped(op, kernel, specs))
        super().launch(op, wrapper, outs, ins, attrs, host)

    def _wrapped(self, op: str, kernel: Callable[..., None], specs: Any) -> Callable[..., None]:
        def run(*handles: Any, **attrs: Any) -> None:
            kernel(*handles, **attrs)
            self.seen.append((op, specs))
            if self.target is not None and self.target[0] == self.count:
                _, out, element, bad = self.target
                shape, dtype = specs[out]
                host = np.empty(shape, dtype)
                self.backend.download(handles[out], host)
                host.reshape(-1)[element] = bad
                self.backend.upload(handles[out], host)
            self.count += 1

        return run

    def begin(self) -> None:
        self.count = 0
        self.seen = []


class Rows:
    """A watcher that notes, for each launch, which op of the model it belongs to."""

    def __init__(self, device: Spoiled) -> None:
        self.device = device
        self.depth = 0
        self.owners: dict[int, str] = {}

    def run(self, row: OpSpec, outs: Sequence[Array | None], work: Callable[[], None]) -> None:
        first = self.device.count
        self.depth += 1
        work()
        self.depth -= 1
        if not self.depth:
            self.owners.update(dict.fromkeys(range(first, self.device.count), row.name))

    def made(self, node: Any) -> None:
        """Nothing to note."""


def text() -> Split:
    verse = "the quick brown fox jumps over the lazy dog.\n"
    return split([("verse", verse * 20)], 0.2, ByteTokenizer())


class Harness:
    """A run on a spoiled device, one step of which is taken again and again."""

    def __init__(self, backend: Any, capture: bool, passes: int) -> None:
        self.device = Spoiled(backend)
        settings = TrainConfig(steps=100, batch_size=2, accumulate=passes, lr=1e-2, seed=3)
        self.run = Trainer(
            GPT(SHAPE, device=self.device), ByteTokenizer(), text(), settings, capture
        )
        feed = self.run.update.feed

        def counted(pairs: Any) -> None:
            feed(pairs)
            self.device.begin()

        self.run.update.feed = counted  # type: ignore[method-assign]
        for _ in range(3):  # a captured step is replayed from here on
            self.run.step()
        self.start = self.run.snapshot()
        self.rows = Rows(self.device)
        self.device.watcher = self.rows
        pairs = [self.run.batches.draw(3, micro) for micro in range(passes)]
        self.run.update.once_more(pairs)
        self.device.watcher = None
        # Those of forward, backward and the gradient's norm, which ends with the one root.
        roots = [number for number, owner in self.rows.owners.items() if owner == "sqrt"]
        self.launches = self.device.seen[: roots[-1] + 1]

    def targets(self, all_of_it: bool) -> Iterator[Target]:
        """Each output with each bad number at either end; or with one of these six in turn."""
        turns = cycle(product(BAD, (0, -1)))
        for number, (_, specs) in enumerate(self.launches):
            for out, spec in enumerate(specs):
                if spec is None or spec[1] == "int32":
                    continue
                for value, element in islice(turns, 6 if all_of_it else 1):
                    yield number, out, element, value

    def message(self, target: Target) -> str:
        """What the step says with this fault in it; empty if the fault went nowhere."""
        self.device.target = target
        try:
            event = self.run.step()
        except NumericsError as error:
            return str(error)
        finally:
            self.device.target = None
        assert np.isfinite([event.loss, event.grad_norm]).all()
        assert all(np.isfinite(values).all() for values in self.run.snapshot().tensors.values())
        self.run.restore(self.start)
        return ""

    def named(self, target: Target, message: str) -> bool:
        """Whether the message names the launch: its op, and the op that it is a part of."""
        op, owner = self.launches[target[0]][0], self.rows.owners.get(target[0])
        if "weights were left as they were. The first bad tensor is " not in message:
            return False
        if op == "fill" or owner is None:  # memory was set; the first op that reads it is named
            return " from op " in message
        if op == owner or target[3] == -np.inf:
            return f" from op {owner} " in message
        return f" from op {owner} (its default, at {op}) " in message


def tried(harness: Harness, count: Callable[..., None], all_of_it: bool) -> set[str]:
    """Take the step with each fault, and return the ops that were found."""
    names = set()
    for target in harness.targets(all_of_it):
        message = harness.message(target)
        if message:
            assert harness.named(target, message), (target, harness.launches[target[0]], message)
            assert harness.run.steps == 3
            names.add(harness.launches[target[0]][0])
            count()
    return names


@pytest.mark.promise(
    "a bad number in any op, forward and backward, is found in the same step and named",
    at_least=500,
    long=3_000,
)
def test_every_op_of_a_step(count: Callable[..., None], long: bool) -> None:
    found, there = set(), set()
    ways = list(product((True, False), repeat=2)) if long else [(True, True), (False, False)]
    for capture, fused in ways:
        with no_fused(not fused):
            passes = 2 if fused or long else 1
            harness = Harness(open_device("numpy").backend, capture, passes)
            found |= tried(harness, count, long or fused)
            there |= {op for op, _ in harness.launches}
    assert found == there - COMPARED
