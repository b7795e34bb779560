"""Rung 6d, its guard: which number was the first that is none.

A step whose loss or gradient is not finite changes nothing, but "the loss is nan" says nothing of
why: one infinity in one layer is everywhere a few ops later. So the step is computed once more, op
by op; a step is a function of weights, seed and number, so the same thing happens again. A watcher
looks at all that each op gives, and names the first op, layer and tensor with a NaN or an infinity.

Steps that go well pay nothing for this. Where the repetition is finite, it says that: then the
machine, and not the mathematics, was at fault.
Leaves out: what to do about it (`trainer.py` says what to type). Read next: `trainer.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinzler.autograd import Node
from rinzler.errors import NumericsError, RinzlerError
from rinzler.gpt import GPT
from rinzler.ops import Array, OpSpec
from rinzler.optim import measure
from rinzler.step import Step

EARLIER = (
    "Take an earlier checkpoint, at a lower rate: "
    "rinzler-train --init RUN/step-NNNNNN.safetensors --lr RATE"
)
NORM = "the gradient's norm"  # where an op is that belongs to no module


@dataclass(frozen=True)
class Culprit:
    """The first output that is not finite."""

    op: str  # a row of the op table
    kernel: str  # the same, or the op inside of its default that began it
    module: str  # "h.3.mlp.c_fc"; empty for the model itself; or NORM
    direction: str  # "forward", "backward" or "clipping"
    tensor: str  # "y" of the row, or "the gradient of h.3.mlp.c_fc.weight"
    amount: str  # "3 NaN and 1 Inf among 49,152 numbers"

    def __str__(self) -> str:
        where = f"in {self.module}" if self.module else "in the model itself"
        op = self.op if self.kernel == self.op else f"{self.op} (its default, at {self.kernel})"
        return f"{self.tensor}, from op {op} {where}, {self.direction}: {self.amount}"


class Watch:
    """A watcher that remembers the first op of a model with an output that is not finite."""

    def __init__(self, model: GPT) -> None:
        self.first: Culprit | None = None
        self.ops = 0  # how many were looked at
        self._flat = model.flat()
        self._modules = {id(module): path for path, module in model.paths()}
        self._places: dict[int, str] = {}  # index of a node -> path of the module that made it
        self._depth = 0  # ops inside of ops
        self._inner = ""  # the first op inside of the present one that gave a bad number

    def run(self, row: OpSpec, outs: Sequence[Array | None], work: Callable[[], None]) -> None:
        self._depth += 1
        try:
            work()
        finally:
            self._depth -= 1
        if self.first is not None:
            return
        self.ops += 1
        if self._depth:
            # Defaults mask with -inf on purpose: inside of them that alone means nothing.
            if not self._inner and any(_is_bad(x, masks=True) for x in outs):
                self._inner = row.name
            return
        for index, x in enumerate(outs):
            if x is not None and _is_bad(x):
                self.first = self._culprit(row, index, x)
                return
        self._inner = ""

    def made(self, node: Node) -> None:
        self._places[node.index], _ = self._place()

    def _culprit(self, row: OpSpec, index: int, x: Array) -> Culprit:
        module, direction = self._place()
        tensor = self._gradient_at(x) or row.outputs[index]
        kernel = self._inner or row.name
        return Culprit(row.name, kernel, module, direction, tensor, amount(x.numpy()))

    def _place(self) -> tuple[str, str]:
        """(path of a module, direction): read off the functions that are under way."""
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code is not explain.__code__:
            if frame.f_code is measure.__code__:
                return NORM, "clipping"
            local = frame.f_locals
            node = local.get("node")
            if isinstance(node, Node) and frame.f_globals["__name__"] == "rinzler.autograd":
                return self._places.get(node.index, ""), "backward"
            path = self._modules.get(id(local.get("self")))
            if path is not None:
                return path, "forward"
            frame = frame.f_back
        return "", "forward"

    def _gradient_at(self, x: Array) -> str:
        """The parameter whose gradient this is; empty for any other array."""
        if x.block is not self._flat.grad.block:
            return ""
        for name, parameter in self._flat.parameters.items():
            gradient = parameter.gradient
            if gradient is not None and gradient.offset == x.offset:
                return f"the gradient of {name}"
        return ""


@contextmanager
def watched(model: GPT) -> Iterator[Watch]:
    """Within it every op on the model's device is looked at."""
    watch = Watch(model)
    try:  # before the change: Ctrl-C may come right after it
        model.device.watcher = watch
        yield watch
    finally:
        model.device.watcher = None


def explain(model: GPT, again: Callable[[], Any]) -> str:
    """A sentence about why `again`, which uses the model, does not give finite numbers."""
    broken = not_finite(model.state())
    if broken:
        return f"Before that, a weight was not finite already: {broken}"
    try:
        with watched(model) as watch:
            again()
    except RinzlerError as error:
        return f"It could not be computed once more to find out where that begins: {error}"
    if watch.first is not None:
        return f"The first bad tensor is {watch.first}"
    return (
        f"Computed once more, op by op, all of its {watch.ops} ops are finite: the machine was at "
        "fault, or the replay; --no-capture goes without one"
    )


def explain_step(step: Step, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """The same for a step on these batches that was not finite, and so has changed nothing."""
    return explain(step.model, lambda: step.once_more(pairs))


def expect_finite(what: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Raises NumericsError naming the first tensor that is not finite."""
    broken = not_finite(tensors)
    if broken:
        raise NumericsError(f"{what}: {broken}. {EARLIER}")


def not_finite(tensors: Mapping[str, np.ndarray]) -> str:
    """The first of these with a NaN or an infinity, in words; empty if there is none."""
    bad = [name for name, values in tensors.items() if not _finite(values)]
    more = f" ({len(bad) - 1} more tensors besides)" if bad[1:] else ""
    return f"{bad[0]} holds {amount(tensors[bad[0]])}{more}" if bad else ""


def amount(values: np.ndarray) -> str:
    """How many of an array's numbers are none: "3 NaN and 1 Inf among 49,152 numbers"."""
    counts = [(int(np.isnan(values).sum()), "NaN"), (int(np.isinf(values).sum()), "Inf")]
    found = " and ".join(f"{count:,} {name}" for count, name in counts if count)
    return f"{found} among {values.size:,} numbers" if values.size > 1 else found.lstrip("1 ")


def _finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _is_bad(x: Array | None, masks: bool = False) -> bool:
    if x is None or x.dtype == "int32" or not x.size:
        return False
    values = x.numpy()
    return (
        bool(np.isnan(values).any() or (values == np.inf).any()) if masks else not _finite(values)
    )
