"""Would a replay of this recording do what the other one did? If not: which line is the reason.

Entry by entry: the same op and kernel, the same attributes, the same operands. A temporary is the
same where its number is, a held array where it is the very same memory, or the same constant. What
differs is what Python decided anew from call to call, and a replay runs no Python.
Read next: `rinzler.capture`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler.errors import CaptureError
from rinzler.ops.recording import EAGERLY, Entry, Operand, Recording
from rinzler.ops.spec import OPS

INSTEAD = (
    "a replay would freeze it. Put what changes into an array made before and upload it ahead of "
    f"each call (feed), or {EAGERLY}"
)
BRANCH = (
    "the step takes another way from call to call, and a replay would always take this one. Decide "
    f"outside of it, or {EAGERLY}"
)


def expect_same(before: Recording, after: Recording) -> None:
    """Raise CaptureError at the first place where two recordings of one step differ."""
    _expect_same_calls(before.entries, after.entries)
    if len(before.results) != len(after.results):
        raise CaptureError(f"{len(before.results)} results became {len(after.results)}: {BRANCH}")
    pairs = zip(before.results, after.results, strict=True)
    for number, (one, other) in enumerate(pairs, start=1):
        if not same_place(one, other):
            raise CaptureError(
                f"result {number} was {named(one)} and became {named(other)}: {BRANCH}"
            )


def _expect_same_calls(first: Sequence[Entry], second: Sequence[Entry]) -> None:
    for number, (one, other) in enumerate(zip(first, second, strict=False), start=1):
        _expect_same_call(number, one, other)
    if len(first) != len(second):
        longer, number = max(first, second, key=len), min(len(first), len(second)) + 1
        raise CaptureError(
            f"one recording has {len(first)} calls and the next {len(second)}; call {number} is "
            f"{shown(longer[number - 1])} or none: {BRANCH}"
        )


def _expect_same_call(number: int, one: Entry, other: Entry) -> None:
    if one.op != other.op or one.kernel != other.kernel:
        raise CaptureError(f"call {number} was {shown(one)} and became {shown(other)}: {BRANCH}")
    if repr(one.attrs) != repr(other.attrs):  # repr tells -0.0 from 0.0 and finds NaN equal
        raise CaptureError(
            f"call {number}, {one.op}({_attrs(one)}) became {other.op}({_attrs(other)}) at "
            f"{other.line}: {INSTEAD}"
        )
    if len(one.ins) != len(other.ins):
        raise CaptureError(
            f"call {number}, {shown(other)}: {len(one.ins)} operands became {len(other.ins)}: "
            f"{BRANCH}"
        )
    names = (*OPS[one.op].outputs, *OPS[one.op].inputs)
    pairs = zip((*one.outs, *one.ins), (*other.outs, *other.ins), strict=True)
    for index, (before, after) in enumerate(pairs):
        if not same_place(before, after):
            name = names[min(index, len(names) - 1)]  # concat takes any number of its last one
            raise CaptureError(
                f"call {number}, {shown(other)}: {name} was {named(before)} and became "
                f"{named(after)}: {INSTEAD}"
            )


def same_place(one: Operand | None, other: Operand | None) -> bool:
    """Whether two recordings mean the same memory, laid out in the same way."""
    if one is None or other is None:
        return one is other
    if one[1:] != other[1:]:
        return False
    if isinstance(one.block, int) or isinstance(other.block, int):
        return one.block == other.block
    labelled = one.block.label is not None and one.block.label == other.block.label
    return one.block is other.block or labelled


def shown(entry: Entry) -> str:
    return f"{entry.op} at {entry.line}"


def named(x: Operand | None) -> str:
    """An operand for people."""
    if x is None:
        return "absent"
    kind = f"{x.dtype}{x.shape}"
    if isinstance(x.block, int):
        return f"temporary {x.block}, {kind}"
    label = x.block.label
    if isinstance(label, tuple) and label[0] == "constant":
        return f"the constant {label[1]}"
    return f"held array {x.block.serial}, {kind}"


def _attrs(entry: Entry) -> str:
    return ", ".join(f"{name}={value}" for name, value in entry.attrs.items())
