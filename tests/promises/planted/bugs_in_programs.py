"""Planted bugs in `Backend.compile`: every kernel is right, and their replay is not.

Read next: `../test_planted_bugs.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from planted import Planted

from rinzler.ops import Backend
from rinzler.ops.tape import Tape, looped


def inputs_of(tape: Tape) -> list[Any]:
    """The arrays that a tape reads and never writes."""
    written = {extent.buffer for call in tape for extent in call.writes}
    return [
        x
        for call in tape
        for x, extent in zip([x for x in call.ins if x is not None], call.reads, strict=False)
        if extent.buffer not in written
    ]


class DropsTheLastCall(Planted):
    def compile(self, tape: Tape) -> Callable[[], None]:
        return looped(tape[:-1] if len(tape) > 1 else tape)


class DropsHostCalls(Planted):
    def compile(self, tape: Tape) -> Callable[[], None]:
        return looped(tuple(call for call in tape if not call.host))


class RunsTheTapeTwice(Planted):
    """Harmless for what only writes, wrong for what adds to its output."""

    def compile(self, tape: Tape) -> Callable[[], None]:
        return looped(tape + tape)


class SwapsTwoCalls(Planted):
    def compile(self, tape: Tape) -> Callable[[], None]:
        half = len(tape) // 2
        return looped((*tape[:half], *reversed(tape[half : half + 2]), *tape[half + 2 :]))


class FreezesItsInputs(Planted):
    """Memory that the tape only reads is copied when it is compiled, as constants would be."""

    def compile(self, tape: Tape) -> Callable[[], None]:
        copies = {id(x): x.copy() for x in inputs_of(tape)}
        frozen = [(call, [copies.get(id(x), x) for x in call.ins]) for call in tape]
        return lambda: [  # type: ignore[return-value]
            call.kernel(*call.outs, *ins, **call.attrs) for call, ins in frozen
        ]


class TakesAnothersProgram(Planted):
    """Programs are kept by their ops alone: two steps of the same ops share the first one's."""

    def __init__(self) -> None:
        super().__init__()
        self.programs: dict[tuple[str, ...], Callable[[], None]] = {}

    def compile(self, tape: Tape) -> Callable[[], None]:
        return self.programs.setdefault(tuple(call.op for call in tape), looped(tape))


class RunsOnlyOnce(Planted):
    """A command buffer that was handed in is not handed in again."""

    def compile(self, tape: Tape) -> Callable[[], None]:
        whole, left = looped(tape), [1]
        return lambda: whole() if left and left.pop() else None


class WrapsItsStaging(Planted):
    """What is uploaded goes through a ring of places: after 32 replays old numbers come again."""

    def compile(self, tape: Tape) -> Callable[[], None]:
        inputs = inputs_of(tape)
        whole, ring, replays = looped(tape), [], count()

        def replay() -> None:
            slot = next(replays) % 32
            if len(ring) == 32:
                for x, old in zip(inputs, ring[slot], strict=True):
                    x[...] = old
            else:
                ring.append([x.copy() for x in inputs])
            whole()

        return replay


# The backend, the tier that must see it, and words that it says.
BUGS: list[tuple[Callable[[], Backend], str, str]] = [
    (DropsTheLastCall, "capture", "gpt"),
    (DropsHostCalls, "capture", "random_uniform"),
    (RunsTheTapeTwice, "capture", "replayed, differs from the eager one"),
    (SwapsTwoCalls, "capture", "gpt"),
    (FreezesItsInputs, "capture", "replayed, differs from the eager one"),
    (TakesAnothersProgram, "capture", "replayed, differs from the eager one"),
    (RunsOnlyOnce, "capture", "replayed, differs from the eager one"),
    (WrapsItsStaging, "generate", "from what is kept"),
]
