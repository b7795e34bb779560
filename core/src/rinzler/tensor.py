"""Rung 2c: `Tensor`, an array with a history; the class that users write formulas with.

Operators follow numpy: shapes broadcast, `@` is a matrix product, `x[1:, :3]` a slice. Each method
calls rows of the op table through `apply`, which records them; there is no arithmetic in this file.
Where an op wants a matrix, other axes are permuted last and folded, which is free or one copy.

Leaves out: strided slices, fancy indexing, in-place operators: say what you mean with `where`,
`embedding` or a new tensor. Read next: `functional.py`, the ops that take several tensors.
"""

from __future__ import annotations

from math import prod
from numbers import Real
from typing import Any

import numpy as np

from rinzler import autograd
from rinzler.errors import DtypeError, GradientError, ShapeError
from rinzler.ops import FLOATS, OPS, Array, Device, OpSpec, Spec, call
from rinzler.ops.movement import expect_axis
from rinzler.plugins import current_device, open_device
from rinzler.shapes import Axes, as_tuple, axes_of, broadcast_shape, one_unknown

# Reshaping is free, so it is no row of the table and no kernel; only its gradient is needed.
_RESHAPE = OpSpec(
    "reshape",
    ("x",),
    ("y",),
    "Forward: the same memory. Gradient: g under the old shape. Hazard: none.",
    infer=lambda specs, attrs: (Spec(attrs["shape"], specs[0].dtype),),
    vjp=lambda node, grads, needs: (grads[0].reshape(node.specs[0].shape),),
)


def apply(op: str, *ins: Tensor | None, **attrs: Any) -> Tensor:
    """Run a row of the op table on tensors and record it. Returns its first output."""
    row = OPS[op]
    arrays = [None if x is None else x.array for x in ins]
    outs = call(op, *arrays, **attrs)
    outs = outs if isinstance(outs, tuple) else (outs,)
    return _recorded(row, ins, arrays, outs, attrs)


def _recorded(row: OpSpec, ins: Any, arrays: Any, outs: Any, attrs: dict[str, Any]) -> Tensor:
    result = Tensor._of(outs[0])
    wanted = row.vjp is not None and any(x is not None and x.requires_grad for x in ins)
    if wanted and autograd.is_recording():
        parents = [x.grad_target if x is not None and x.requires_grad else None for x in ins]
        result.node = autograd.Node(row, parents, arrays, outs, attrs)
        result.requires_grad = True
        watcher = result.device.watcher
        if watcher is not None:
            watcher.made(result.node)
    return result


def device_for(which: Device | str | None) -> Device:
    """A device as it is, by its backend's name, or by default what `rinzler.use` chose."""
    if which is None:
        return current_device()
    return open_device(which) if isinstance(which, str) else which


def host_array(data: Any, dtype: str | None) -> np.ndarray:
    """Python numbers and lists become float32; arrays keep their dtype; bools become float32."""
    host = np.asarray(data)
    if dtype is not None or host.dtype.kind in "iu":
        return host if dtype in (None, "int32") else host.astype(dtype)
    if host.dtype.kind == "b" or not isinstance(data, np.ndarray | np.generic):
        return host.astype("float32")
    if host.dtype.name not in FLOATS:
        raise DtypeError(f"a tensor cannot hold {host.dtype}; expected float32, float64 or int32")
    return host


class Tensor(autograd.Leaf):
    """Numbers of one shape and dtype on one device, and how they came about.

    `data` is anything numpy takes. Lists of floats become float32, integers int32; numpy arrays
    keep float32 or float64. `device` is a Device or a backend's name, by default what
    `rinzler.use` chose.
    """

    __slots__ = ("array", "node", "requires_grad")
    __array_ufunc__ = None  # numpy leaves `array * tensor` to us

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        dtype: str | None = None,
        device: Device | str | None = None,
    ) -> None:
        if isinstance(data, Tensor):
            data = data.numpy()
        host = host_array(data, dtype)
        self._fill_in(device_for(device).array(host, dtype))
        if requires_grad and self.dtype not in FLOATS:
            raise DtypeError(f"requires_grad: a {self.dtype} tensor has no gradient")
        self.requires_grad = requires_grad

    def _fill_in(self, array: Array) -> None:
        self.array = array
        self.gradient = None
        self.node: autograd.Node | None = None
        self.requires_grad = False

    @classmethod
    def _of(cls, array: Array) -> Tensor:
        """A tensor over an array that exists already."""
        tensor = Tensor.__new__(Tensor)
        tensor._fill_in(array)
        return tensor

    # --- what it is ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> str:
        return self.array.dtype

    @property
    def device(self) -> Device:
        return self.array.device

    @property
    def ndim(self) -> int:
        return len(self.array.shape)

    @property
    def size(self) -> int:
        return self.array.size

    def numpy(self) -> np.ndarray:
        """A copy of the values on the host."""
        return self.array.numpy()

    def item(self) -> float:
        """The value of a one-element tensor. Raises ShapeError for any other."""
        return self.array.item()

    def detach(self) -> Tensor:
        """The same memory without the history."""
        return Tensor._of(self.array)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("len(): a tensor of shape () has no first axis")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self.item())

    def __repr__(self) -> str:
        origin = f", op={self.node.row.name}" if self.node else ""
        grad = ", requires_grad=True" if self.requires_grad and not self.node else ""
        values = np.array2string(self.numpy(), precision=4, threshold=20, separator=", ")
        return f"Tensor({values}, shape={self.shape}, {self.dtype}{grad}{origin})"

    # --- gradients ----------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward has left here, or None."""
        return None if self.gradient is None else Tensor._of(self.gradient)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        self.gradient = None if value is None else value.array

    @property
    def grad_target(self) -> autograd.Node | autograd.Leaf:
        """Where a gradient of this tensor goes: the node that made it, or the tensor itself."""
        return self.node if self.node is not None else self

    def backward(self, gradient: Tensor | None = None, retain_graph: bool = False) -> None:
        """Add d(self)/d(leaf), weighed by `gradient`, to the `.grad` of every leaf.

        Without `gradient` the tensor must be one number, a loss. Raises GradientError.
        """
        if not self.requires_grad:
            raise GradientError(
                "backward(): nothing below this tensor requires a gradient; create what you "
                "differentiate by with Tensor(..., requires_grad=True)"
            )
        if gradient is None:
            if self.size != 1:
                raise GradientError(
                    f"backward() of a tensor of shape {self.shape} needs a gradient of that "
                    "shape; or reduce it first, as in y.sum().backward()"
                )
            start = self.device.full(self.shape, 1.0, self.dtype)
        else:
            start = gradient.array
        if start.shape != self.shape or start.dtype != self.dtype:
            raise GradientError(
                f"backward(): the gradient is {start.dtype}{start.shape}, "
                f"expected {self.dtype}{self.shape}"
            )
        if self.node is None:
            autograd.add_to_leaf(self, start, owned=gradient is None)
        else:
            autograd.backward(self.node, start, retain_graph)

    # --- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return _binary("add", self, other)

    def __sub__(self, other: Any) -> Tensor:
        return _binary("sub", self, other)

    def __mul__(self, other: Any) -> Tensor:
        return _binary("mul", self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return _binary("div", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _binary("add", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _binary("mul", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _binary("sub", other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _binary("div", other, self)

    def __neg__(self) -> Tensor:
        return _binary("mul", self, -1.0)

    def __lt__(self, other: Any) -> Tensor:
        """1 where self < other, else 0, as floats."""
        return _binary("less", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return _binary("less", other, self)

    def __pow__(self, power: Any) -> Tensor:
        """x ** n for whole n by products, ** 0.5 by sqrt, any other power as e^(p·ln x), x > 0."""
        if not isinstance(power, int | float):
            return NotImplemented
        if power == 0.5:
            return self.sqrt()
        if power < 0:
            return 1.0 / self ** (-float(power))
        if float(power) != int(power):
            return (self.log() * float(power)).exp()
        return _whole_power(self, int(power))

    def __matmul__(self, other: Any) -> Tensor:
        from rinzler.functional import matmul

        return matmul(self, other) if isinstance(other, Tensor) else NotImplemented

    def dot(self, other: Tensor) -> Tensor:
        """self @ other."""
        return self @ other

    # --- elementwise functions ----------------------------------------------------------------

    def exp(self) -> Tensor:
        return apply("exp", self)

    def log(self) -> Tensor:
        return apply("log", self)

    def sqrt(self) -> Tensor:
        return apply("sqrt", self)

    def tanh(self) -> Tensor:
        return apply("tanh", self)

    def relu(self) -> Tensor:
        return apply("relu", self)

    def gelu(self) -> Tensor:
        return apply("gelu", self)

    def maximum(self, other: Any) -> Tensor:
        return _binary("maximum", self, other)

    # --- reductions ---------------------------------------------------------------------------

    def sum(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Σ over one axis, several, or all."""
        return _reduced("sum_rows", self, axis, keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Σ / count over one axis, several, or all."""
        total = self.sum(axis, keepdims)
        if not self.size:
            raise ShapeError(f"mean(): a tensor of shape {self.shape} has no elements")
        return total * (total.size / self.size)

    def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """The largest over one axis, several, or all; equal ones share the gradient."""
        return _reduced("max_rows", self, axis, keepdims)

    def softmax(self, axis: int = -1) -> Tensor:
        """e^x / Σ e^x along an axis."""
        return _along("softmax", self, axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """x − ln Σ e^x along an axis."""
        return _along("log_softmax", self, axis)

    # --- movement -----------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        """The same values under another shape; one axis may be -1."""
        sizes = one_unknown(as_tuple(shape), self.size)
        if prod(sizes) != self.size:
            raise ShapeError(f"reshape: {self.shape} has {self.size} elements, {sizes} has not")
        out = self.array.reshape(sizes)
        return _recorded(_RESHAPE, (self,), (self.array,), (out,), {"shape": sizes})

    def permute(self, *axes: Any) -> Tensor:
        """The axes in another order."""
        order = tuple(expect_axis("permute", axis, self.ndim) for axis in as_tuple(axes))
        return apply("permute", self, axes=order)

    def transpose(self) -> Tensor:
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ShapeError(f"transpose: shape {self.shape} has no last two axes")
        head = tuple(range(self.ndim - 2))
        return self.permute(*head, self.ndim - 1, self.ndim - 2)

    @property
    def T(self) -> Tensor:
        return self.transpose()

    def expand(self, *shape: Any) -> Tensor:
        """Repeated along axes of length 1 and new leading axes, as broadcasting does."""
        return apply("expand", self, shape=as_tuple(shape))

    def __getitem__(self, key: Any) -> Tensor:
        """Slices of step 1, whole numbers and `...`, as numpy has them."""
        from rinzler.functional import slice_of

        return slice_of(self, key)


# --- what the methods share -------------------------------------------------------------------

COMMUTATIVE = ("add", "mul", "maximum")


def as_tensor(value: Any, like: Tensor) -> Tensor:
    """A number as an interned constant beside `like`; arrays as tensors; tensors as they are."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Real):
        return Tensor._of(like.device.constant(float(value), like.dtype))
    return Tensor(value, dtype=like.dtype, device=like.device)


def _binary(op: str, a: Any, b: Any) -> Tensor:
    for x in (a, b):
        if not isinstance(x, Tensor | Real | np.ndarray | list | tuple):
            return NotImplemented
    a = as_tensor(a, like=b) if not isinstance(a, Tensor) else a
    b = as_tensor(b, like=a)
    if op in COMMUTATIVE and a.size == 1 and (b.size != 1 or b.ndim > a.ndim):
        a, b = b, a
    shape = broadcast_shape(op, a.shape, b.shape)
    if a.shape != shape:
        a = a.expand(shape)
    if b.shape != shape and b.size != 1:
        b = b.expand(shape)
    return apply(op, a, b)


def _whole_power(x: Tensor, power: int) -> Tensor:
    """x^n by squaring: x⁵ = x·(x²)²."""
    if power == 0:
        return x * 0.0 + 1.0
    result: Tensor | None = None
    while power:
        if power & 1:
            result = x if result is None else result * x
        power >>= 1
        x = x * x if power else x
    assert result is not None
    return result


def _reduced(op: str, x: Tensor, axis: Axes, keepdims: bool) -> Tensor:
    gone = axes_of(op, axis, x.ndim)
    kept = tuple(k for k in range(x.ndim) if k not in gone)
    order = kept + gone
    moved = x if order == tuple(range(x.ndim)) else x.permute(*order)
    rows = prod(x.shape[k] for k in kept)
    cols = prod(x.shape[k] for k in gone)
    y = apply(op, moved.reshape(rows, cols))  # (R, C) -> (R,)
    if keepdims:
        return y.reshape(tuple(1 if k in gone else n for k, n in enumerate(x.shape)))
    return y.reshape(tuple(x.shape[k] for k in kept))


def _along(op: str, x: Tensor, axis: int) -> Tensor:
    """A row-wise op along any axis: swap it to the end, fold the rest, and back."""
    axis = expect_axis(op, axis, x.ndim)
    order = (*[k for k in range(x.ndim) if k != axis], axis)
    moved = x if axis == x.ndim - 1 else x.permute(*order)
    y = apply(op, moved.reshape(-1, x.shape[axis])).reshape(moved.shape)
    if axis == x.ndim - 1:
        return y
    return y.permute(*[order.index(k) for k in range(x.ndim)])
