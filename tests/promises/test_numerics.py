"""A NaN or an infinity in any op of a step is found in that step, and the op is named.

A `Spoiled` device (`guarded/`) is one whose kernels all work, except that one launch of a step, the
n-th, leaves a bad number in one of its outputs, in the step and in each repetition of it. Every
launch of forward, backward and the gradient's norm has its turn, with NaN, +inf and -inf, at the
first element and at the last: in the long form all six, else some of them in turns. What is named
is the op, the layer, the tensor and the direction.

What an op's default does inside may swallow a bad number: a mask covers it, or it is divided by.
Then nothing has happened, and the loss, the gradients and the weights must be finite.
Leaves out: what decides by the norm, and the update of the weights, which come after all checks; a
fault there is found in the next step, or at the next save. Read next: `core/tests/test_guard.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice, product
from typing import Any

import numpy as np
import pytest
from rows import Rows
from spoiled import Spoiled, Target

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import NumericsError
from rinzler.gpt import GPT
from rinzler.guard import Watch
from rinzler.ops import no_fused
from rinzler.ops.spec import OPS
from rinzler.plugins import open_device
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=8, layers=1, heads=2, dropout=0.1)
BAD = (np.nan, np.inf, -np.inf)
COMPARED = {"random_uniform"}  # all that becomes of it is a 0 or a 1: nothing can go on from it


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
        self.rows = Rows(self.run.model, self.device)
        pairs = [self.run.batches.draw(3, micro) for micro in range(passes)]
        with self.rows.watching():
            self.run.update.once_more(pairs)
        # Those of forward, backward and the gradient's norm, which ends with the one root.
        roots = [number for number, owner in self.rows.owners.items() if owner == "sqrt"]
        self.launches = self.device.seen[: roots[-1] + 1]

    def targets(self, most: int) -> Iterator[Target]:
        """Each output with so many of six faults, in turns: each bad number at either end."""
        turns = cycle(product(BAD, (0, -1)))
        for number, (_, specs) in enumerate(self.launches):
            for out, spec in enumerate(specs):
                if spec is None or spec[1] == "int32":
                    continue
                for value, element in islice(turns, most):
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
        """Whether the message names the launch: its op and whose part that is, where, and what."""
        op, owner = self.launches[target[0]][0], self.rows.owners.get(target[0])
        if "weights were left as they were. The first bad tensor is " not in message:
            return False
        if op == "fill" or owner is None:  # memory was set; the first op that reads it is named
            return " from op " in message
        if self.rows.places[target[0]] not in message:
            return False
        tensor = message.partition("The first bad tensor is ")[2].partition(", from op ")[0]
        known = {f"the gradient of {name}" for name in self.run.model.flat().parameters}
        if tensor not in known.union(OPS[owner].outputs):
            return False
        if op == owner or target[3] == -np.inf:
            return f" from op {owner} " in message
        return f" from op {owner} (its default, at {op}) " in message


def tried(harness: Harness, count: Callable[..., None], most: int) -> set[str]:
    """Take the step with each fault, and return the ops that were found."""
    names = set()
    for target in harness.targets(most):
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
            found |= tried(harness, count, 6 if long else 3 if fused else 1)
            there |= {op for op, _ in harness.launches}
    assert found == there - COMPARED


@pytest.mark.promise(
    "a bad number in any op of another backend is found in the same step and named",
    at_least=60,
    long=2_000,
)
@pytest.mark.parametrize("name", ["numba", "vulkan"])
def test_every_op_of_other_backends(
    name: str, count: Callable[..., None], long: bool, why_not: Callable[[str], str]
) -> None:
    reason = why_not(name)
    if reason:
        pytest.skip(reason)
    found, there = set(), set()
    most = 6 if long else 1
    for capture, fused in product((True, False), repeat=2) if long else [(True, True)]:
        with no_fused(not fused):
            harness = Harness(open_device(name).backend, capture, 2 if long else 1)
            found |= tried(harness, count, most)
            tries = len(list(harness.targets(most)))
            assert harness.device.programs == (tries if capture else 0)
            there |= {op for op, _ in harness.launches}
    assert found == there - COMPARED


@pytest.mark.parametrize(
    "place", [("", "forward"), ("h.0", "forward"), ("h.0.attn.c_attn", "backward")]
)
def test_a_wrong_place_is_noticed(place: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "_place", lambda self: place)
    harness = Harness(open_device("numpy").backend, True, 1)
    with pytest.raises(AssertionError):
        tried(harness, bool, 1)
