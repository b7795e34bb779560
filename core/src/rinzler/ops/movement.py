"""Movement rows: one strided copy, `move`, and the four things that it is used for.

Arrays are dense and contiguous, so that kernels stay simple; a reshape is free, and everything
else that moves data is `move`: permute, expand (broadcast), slice, place (the reverse of slice) and
concat. Those five are rows with a gradient; a backend gets all of them for one kernel.

    for every index i within `shape`:
        out[out_offset + Σ i·out_strides] = x[x_offset + Σ i·x_strides]

Strides and offsets count elements. A stride 0 on the right repeats: that is broadcasting.
Read next: `matmul.py`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from rinzler.errors import DtypeError, ShapeError
from rinzler.ops.dispatch import call
from rinzler.ops.spec import (
    MAX_RANK,
    OpSpec,
    Spec,
    Specs,
    bad_shape,
    register,
    size_of,
)


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements to step over for one step along each axis of a contiguous array."""
    tail = accumulate(reversed(shape[1:]), lambda product, n: product * n, initial=1)
    return tuple(reversed(list(tail)))[-len(shape) :] if shape else ()


def expect_axis(op: str, axis: int, rank: int) -> int:
    """A possibly negative axis as its index from the left."""
    if not -rank <= axis < rank:
        raise ShapeError(f"{op}: axis {axis} is outside a tensor of {rank} dimensions")
    return axis % rank


def _move(out: Any, x: Any, shape: Any, x_strides: Any, out_strides: Any, start: Any) -> None:
    out_offset, x_offset = start
    call(
        "move",
        x,
        out=out,
        shape=tuple(shape),
        out_strides=tuple(out_strides),
        out_offset=out_offset,
        x_strides=tuple(x_strides),
        x_offset=x_offset,
    )


# --- fill and move ----------------------------------------------------------------------------


def _fill_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (out,) = specs
    return (Spec(out.shape, out.dtype),)


def _move_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    out, x = specs
    if out.dtype != x.dtype:
        raise DtypeError(f"move: x is {x.dtype}, out is {out.dtype}")
    if len(attrs["shape"]) > MAX_RANK:
        raise ShapeError(f"move: {len(attrs['shape'])} dimensions, expected at most {MAX_RANK}")
    return (Spec(out.shape, out.dtype),)


def _move_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    return 0, 2 * 4 * size_of(attrs["shape"])


# --- permute ----------------------------------------------------------------------------------


def _permute_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (x,) = specs
    axes = attrs["axes"]
    if sorted(axes) != list(range(len(x.shape))):
        raise ShapeError(f"permute: axes {axes} are not an order of {len(x.shape)} dimensions")
    return (Spec(tuple(x.shape[axis] for axis in axes), x.dtype),)


def _permute_default(outs: Any, x: Any, *, axes: tuple[int, ...]) -> None:
    strides = strides_of(x.shape)
    shape = outs[0].shape
    _move(outs[0], x, shape, [strides[axis] for axis in axes], strides_of(shape), (0, 0))


def _permute_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    axes = node.attrs["axes"]
    inverse = tuple(axes.index(axis) for axis in range(len(axes)))
    return (call("permute", grads[0], axes=inverse),)


# --- expand -----------------------------------------------------------------------------------


def _expand_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (x,) = specs
    shape = attrs["shape"]
    aligned = (1,) * (len(shape) - len(x.shape)) + tuple(x.shape)
    fits = len(aligned) == len(shape) and all(
        n in (1, m) for n, m in zip(aligned, shape, strict=True)
    )
    if not fits:
        raise bad_shape("expand", "x", x, f"a shape that broadcasts to {tuple(shape)}")
    return (Spec(tuple(shape), x.dtype),)


def _expand_default(outs: Any, x: Any, *, shape: tuple[int, ...]) -> None:
    aligned = (1,) * (len(shape) - len(x.shape)) + x.shape
    strides = strides_of(aligned)
    repeated = [0 if n == 1 else stride for n, stride in zip(aligned, strides, strict=True)]
    _move(outs[0], x, shape, repeated, strides_of(shape), (0, 0))


def _expand_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    source = node.specs[0].shape
    aligned = (1,) * (len(g.shape) - len(source)) + source
    repeated = [axis for axis, n in enumerate(aligned) if n == 1]
    kept = [axis for axis, n in enumerate(aligned) if n != 1]
    rows = size_of(tuple(g.shape[axis] for axis in kept))
    cols = g.size // max(rows, 1)
    if kept == list(range(len(repeated), len(aligned))):  # repeated over leading axes: a bias
        return (call("sum_cols", g.reshape((cols, rows))).reshape(source),)
    if kept != list(range(len(kept))):
        g = call("permute", g, axes=tuple(kept + repeated))
    return (call("sum_rows", g.reshape((rows, cols))).reshape(source),)


# --- slice and place --------------------------------------------------------------------------


def _slice_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (x,) = specs
    starts, shape = attrs["starts"], attrs["shape"]
    inside = len(starts) == len(shape) == len(x.shape) and all(
        start >= 0 and start + n <= m for start, n, m in zip(starts, shape, x.shape, strict=True)
    )
    if not inside:
        raise bad_shape("slice", "x", x, f"to contain {shape} from {starts}")
    return (Spec(tuple(shape), x.dtype),)


def _offset(starts: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return sum(start * stride for start, stride in zip(starts, strides, strict=True))


def _slice_default(outs: Any, x: Any, *, starts: tuple[int, ...], shape: tuple[int, ...]) -> None:
    strides = strides_of(x.shape)
    _move(outs[0], x, shape, strides, strides_of(shape), (0, _offset(starts, strides)))


def _slice_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    shape = node.specs[0].shape
    return (call("place", grads[0], starts=node.attrs["starts"], shape=shape),)


def _place_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (x,) = specs
    starts, shape = attrs["starts"], attrs["shape"]
    inside = len(starts) == len(shape) == len(x.shape) and all(
        start >= 0 and start + n <= m for start, n, m in zip(starts, x.shape, shape, strict=True)
    )
    if not inside:
        raise bad_shape("place", "x", x, f"to fit into {shape} at {starts}")
    return (Spec(tuple(shape), x.dtype),)


def _place_default(outs: Any, x: Any, *, starts: tuple[int, ...], shape: tuple[int, ...]) -> None:
    outs[0].fill(0.0)
    strides = strides_of(shape)
    _move(outs[0], x, x.shape, strides_of(x.shape), strides, (_offset(starts, strides), 0))


def _place_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    shape = node.specs[0].shape
    return (call("slice", grads[0], starts=node.attrs["starts"], shape=shape),)


# --- concat -----------------------------------------------------------------------------------


def _concat_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    axis = attrs["axis"]
    first = specs[0]
    if axis not in range(len(first.shape)):
        raise ShapeError(f"concat: axis {axis} is not from 0 to {len(first.shape) - 1}")
    length = 0
    for index, x in enumerate(specs):
        rest = x.shape[:axis] + x.shape[axis + 1 :]
        if rest != first.shape[:axis] + first.shape[axis + 1 :] or x.dtype != first.dtype:
            raise bad_shape("concat", f"operand {index}", x, f"{first.shape} but for axis {axis}")
        length += x.shape[axis]
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    return (Spec(shape, first.dtype),)


def _concat_default(outs: Any, *xs: Any, axis: int) -> None:
    strides = strides_of(outs[0].shape)
    start = 0
    for x in xs:
        _move(outs[0], x, x.shape, strides_of(x.shape), strides, (start * strides[axis], 0))
        start += x.shape[axis]


def _concat_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    axis = node.attrs["axis"]
    pieces = []
    start = 0
    for spec, need in zip(node.specs, needs, strict=True):
        starts = tuple(start if k == axis else 0 for k in range(len(spec.shape)))
        piece = call("slice", grads[0], starts=starts, shape=spec.shape) if need else None
        pieces.append(piece)
        start += spec.shape[axis]
    return tuple(pieces)


# --- rows -------------------------------------------------------------------------------------

register(
    OpSpec(
        "fill",
        (),
        ("out",),
        """
        Forward   out[i] = value, for a number that never changes from call to call.
        Gradient  none: it reads nothing.
        Hazard    a number that does change (a rate, a step count) belongs in an array instead.
        """,
        _fill_infer,
        updates=(0,),
    )
)
register(
    OpSpec(
        "move",
        ("x",),
        ("out",),
        """
        Forward   out[out_offset + Σ i·out_strides] = x[x_offset + Σ i·x_strides], i within shape;
                  what is not addressed in out stays as it is.
        Gradient  none of its own: permute, expand, slice, place and concat each have theirs.
        Hazard    out and x must not overlap; addresses of out must be distinct.
        """,
        _move_infer,
        updates=(0,),
        cost=_move_cost,
    )
)
register(
    OpSpec(
        "permute",
        ("x",),
        ("y",),
        """
        Forward   axis k of y is axis axes[k] of x.
        Gradient  each element moved once, so x takes g moved back by the inverse order.
        Hazard    none in the numbers; in time, a transposed copy misses the cache on one side.
        """,
        _permute_infer,
        _permute_vjp,
        _permute_default,
    )
)
register(
    OpSpec(
        "expand",
        ("x",),
        ("y",),
        """
        Forward   y has `shape`; x is repeated along its axes of length 1 and new leading axes.
        Gradient  an element used k times takes the sum of its k gradients.
        Hazard    the sum over many repeats loses bits as any long sum does.
        """,
        _expand_infer,
        _expand_vjp,
        _expand_default,
    )
)
register(
    OpSpec(
        "slice",
        ("x",),
        ("y",),
        """
        Forward   y[i] = x[starts + i], for i within `shape`.
        Gradient  x takes g inside the window and 0 outside: `place`.
        Hazard    none.
        """,
        _slice_infer,
        _slice_vjp,
        _slice_default,
    )
)
register(
    OpSpec(
        "place",
        ("x",),
        ("y",),
        """
        Forward   y has `shape`, is 0, but y[starts + i] = x[i].
        Gradient  x takes g inside the window: `slice`.
        Hazard    none.
        """,
        _place_infer,
        _place_vjp,
        _place_default,
        empty=0.0,
    )
)
register(
    OpSpec(
        "concat",
        ("xs",),
        ("y",),
        """
        Forward   y is the operands one after the other along `axis`; any number of them.
        Gradient  each operand takes its own part of g.
        Hazard    none.
        """,
        _concat_infer,
        _concat_vjp,
        _concat_default,
    )
)
