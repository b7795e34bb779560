"""The op table: one row per op drives everything.

Dispatch, autograd, the conformance cases, the gradient checks and the documentation all read the
same `OpSpec`. A row says what shape comes out (`infer`), how a gradient goes back (`vjp`) and how
to compute the op from simpler ones (`default`). A row without a default is a kernel that every
backend must supply; there are 18 of them.

The rows themselves stand beside their formulas: `elementwise.py`, `movement.py`, `reduce.py`,
`matmul.py`, `gather.py`, then the fused ops `activation.py`, `normalization.py`, `attention.py`,
`cached.py`, `loss.py`, `update.py`, `random.py`.
Read next: `dispatch.py`, the one function that runs a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from rinzler.errors import DtypeError, ShapeError

FLOATS = ("float32", "float64")
ITEMSIZE = {"float32": 4, "float64": 8, "int32": 4}
MAX_RANK = 5


class Spec(NamedTuple):
    """What is known of an operand without its values."""

    shape: tuple[int, ...]
    dtype: str


Specs = Sequence[Any]  # operands of `infer`: anything with .shape and .dtype, or None where absent


@dataclass(frozen=True)
class OpSpec:
    """One row of the table."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    doc: str  # Forward, Gradient, Hazard: the documentation is made of these
    # (specs, attrs) -> output specs; raises ShapeError. `specs` are the inputs, and before them the
    # given outputs that are in `updates`, since those are read as well.
    infer: Callable[..., tuple[Spec | None, ...]]
    vjp: Callable[..., tuple[Any, ...]] | None = None  # (node, grads, needs); None: no gradient
    default: Callable[..., None] | None = None  # (outs, *ins, **attrs); None: kernel is required
    # The default is a kernel that works on the host: (backend, *outs, *ins, **attrs) on handles, by
    # `backend.download` and `backend.upload`. So a recorded step can run it in its place.
    host: bool = False
    saves: tuple[str, ...] = ()  # names that backward needs; all else is released at once
    updates: tuple[int, ...] = ()  # outputs that are read as well as written: `out` must be given
    inplace: tuple[int, ...] = ()  # inputs that the first output may overwrite
    empty: float | None = None  # what the output holds when an input has no elements
    cost: Callable[..., tuple[int, int]] | None = None  # (specs, attrs) -> flops, bytes

    @property
    def required(self) -> bool:
        return self.default is None


OPS: dict[str, OpSpec] = {}


def register(row: OpSpec) -> OpSpec:
    """Add a row; a name stands in the table once."""
    if row.name in OPS:
        raise ValueError(f"op {row.name!r} is already in the table")
    OPS[row.name] = row
    return row


# --- checks that the rows share ---------------------------------------------------------------


def bad_shape(op: str, operand: str, got: Any, expected: str) -> ShapeError:
    """The one form of a shape error: op, operand, got, expected."""
    shown = tuple(got.shape) if hasattr(got, "shape") else got
    return ShapeError(f"{op}: {operand} has shape {shown}, expected {expected}")


def expect_rank(op: str, operand: str, x: Any, *ranks: int) -> None:
    if len(x.shape) not in ranks:
        wanted = " or ".join(f"{rank}-D" for rank in ranks)
        raise bad_shape(op, operand, x, wanted)


def expect_shape(op: str, operand: str, x: Any, shape: tuple[int, ...], why: str) -> None:
    if tuple(x.shape) != tuple(shape):
        raise bad_shape(op, operand, x, f"{tuple(shape)} ({why})")


def same_float(op: str, names: Sequence[str], operands: Specs) -> str:
    """The common float dtype of the operands, which is the dtype of the result."""
    first = operands[0].dtype
    for name, x in zip(names, operands, strict=False):
        if x is None:
            continue
        if x.dtype not in FLOATS:
            raise DtypeError(f"{op}: {name} is {x.dtype}, expected float32 or float64")
        if x.dtype != first:
            raise DtypeError(
                f"{op}: {name} is {x.dtype} but {names[0]} is {first}; "
                f"make both one dtype, for example Tensor(x.numpy(), dtype={first!r})"
            )
    return first


def expect_ids(op: str, operand: str, ids: Any, count: int, what: str) -> None:
    """Ids are int32 and inside [0, count)."""
    if ids.dtype != "int32":
        raise DtypeError(f"{op}: {operand} is {ids.dtype}, expected int32 ids")
    outside = ids.ids_within(count)
    if outside is not None:
        raise ShapeError(
            f"{op}: {operand} holds ids from {outside[0]} to {outside[1]}, "
            f"expected 0 to {count - 1} ({what})"
        )


def size_of(shape: tuple[int, ...]) -> int:
    return prod(shape)
