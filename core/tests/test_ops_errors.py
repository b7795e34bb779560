"""Every refusal of the op protocol, by its text: the op, the operand, what was got and expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.altered import Altered
from rinzler.errors import BackendError, DeviceError, DtypeError, ShapeError
from rinzler.ops import OPS, Array, Caps, Device, call
from rinzler.ops.movement import expect_axis
from rinzler.ops.spec import register
from rinzler.plugins import open_device

DEVICE = Device(open_device("numpy").backend)
FLAGS = {"ta": False, "tb": False, "accumulate": False}


def floats(*shape: int, dtype: str = "float32", device: Device = DEVICE) -> Array:
    return device.array(np.ones(shape, dtype))


def ids(*values: int) -> Array:
    return DEVICE.array(np.array(values, np.int32))


def move(out: Array, x: Array, *shape: int) -> Callable[[], Any]:
    strides = (1,) * len(shape)
    places = {"x_strides": strides, "out_strides": strides, "x_offset": 0, "out_offset": 0}
    return lambda: call("move", x, out=out, shape=shape, **places)


def calling(op: str, *ins: Array | None, **rest: Any) -> Callable[[], Any]:
    return lambda: call(op, *ins, **rest)


F2, F3, F23, F32 = floats(2), floats(3), floats(2, 3), floats(3, 2)
QKV = floats(1, 2, 9)

SHAPES: list[tuple[Callable[[], Any], str]] = [
    (calling("add", F23, F32), "add: b has shape (3, 2), expected (2, 3) or one element"),
    (calling("less", F2, F3), "less: b has shape (3,), expected (2,) or one element"),
    (calling("where", F3, F2, F3), "where: a has shape (2,), expected (3,) or one element"),
    (calling("where", F3, F3, F2), "where: b has shape (2,), expected (3,) or one element"),
    (calling("sum_rows", F3), "sum_rows: x has shape (3,), expected 2-D"),
    (calling("max_rows", F3), "max_rows: x has shape (3,), expected 2-D"),
    (calling("sum_cols", F3), "sum_cols: x has shape (3,), expected 2-D"),
    (calling("softmax", F3), "softmax: x has shape (3,), expected 2-D"),
    (calling("max_rows", DEVICE.empty((3, 0), "float32")), "max_rows: an operand has no elements"),
    (calling("matmul", F3, F3, **FLAGS), "matmul: a has shape (3,), expected 2-D or 3-D"),
    (calling("matmul", F23, F3, **FLAGS), "matmul: b has shape (3,), expected 2-D"),
    (
        calling("matmul", F23, F23, **FLAGS),
        "matmul: b has shape (2, 3), expected 3 on its inner axis to meet a (2, 3) "
        "(ta=False, tb=False)",
    ),
    (
        calling("matmul", F23, F32, **FLAGS | {"tb": True}),
        "matmul: b has shape (3, 2), expected 3 on its inner axis to meet a (2, 3) "
        "(ta=False, tb=True)",
    ),
    (calling("linear", F3, F32, None), "linear: x has shape (3,), expected 2-D"),
    (
        calling("linear", F23, F23, None),
        "linear: w has shape (2, 3), expected (3, out) to meet x (2, 3)",
    ),
    (
        calling("linear_gelu", F23, F32, F3),
        "linear_gelu: b has shape (3,), expected (2,) (one for each output)",
    ),
    (
        calling("linear_bwd", F23, F32, F23, out=(None, None, None)),
        "linear_bwd: g has shape (2, 3), expected (2, 2) (that of y)",
    ),
    (calling("gelu_bwd", F23, F32), "gelu_bwd: g has shape (3, 2), expected (2, 3) (that of x)"),
    (
        calling("softmax_bwd", F23, F32),
        "softmax_bwd: g has shape (3, 2), expected (2, 3) (that of y)",
    ),
    (
        calling("layer_norm", F23, F2, None, eps=1e-5),
        "layer_norm: w has shape (2,), expected (3,) (one for each column)",
    ),
    (
        calling("layer_norm", F23, F3, F2, eps=1e-5),
        "layer_norm: b has shape (2,), expected (3,) (one for each column)",
    ),
    (
        calling("layer_norm_bwd", F23, F3, F2, F2, F32, out=(None, None, None)),
        "layer_norm_bwd: g has shape (3, 2), expected (2, 3) (that of x)",
    ),
    (calling("attention", F23, heads=1), "attention: qkv has shape (2, 3), expected 3-D"),
    (
        calling("attention", QKV, heads=2),
        "attention: qkv has shape (1, 2, 9), expected a last axis divisible by 3·2 heads",
    ),
    (
        calling("attention_bwd", QKV, QKV, floats(1, 1, 2), QKV, heads=1),
        "attention_bwd: y has shape (1, 2, 9), expected (1, 2, 3) (that of forward)",
    ),
    (
        calling("cross_entropy", F23, ids(0, 1, 2)),
        "cross_entropy: targets has shape (3,), expected (2,) (one for each row)",
    ),
    (
        calling("cross_entropy", F23, ids(0, 3)),
        "cross_entropy: targets holds ids from 0 to 3, expected 0 to 2 (the columns of the logits)",
    ),
    (calling("take_rows", F3, ids(0)), "take_rows: table has shape (3,), expected 2-D"),
    (
        calling("take_rows", F23, ids(-1, 1)),
        "take_rows: ids holds ids from -1 to 1, expected 0 to 1 (the rows of the table)",
    ),
    (
        calling("add_rows", ids(0, 2), F23, out=F23),
        "add_rows: ids holds ids from 0 to 2, expected 0 to 1 (the rows of out)",
    ),
    (
        calling("add_rows", ids(0, 1), F32, out=F23),
        "add_rows: rows has shape (3, 2), expected (2, 3) (one row for each id)",
    ),
    (
        calling("adamw", F2, F3, floats(), floats(), out=(F2, F2, F2)),
        "adamw: hyper has shape (3,), expected (7,) "
        "(lr, beta1, beta2, eps, weight_decay, correction1, correction2)",
    ),
    (
        calling("adamw", F2, F3, floats(), floats(), out=(F2, F3, F2)),
        "adamw: m has shape (3,), expected (2,) (that of p)",
    ),
    (
        calling("random_uniform", ids(1, 2), shape=(3,), dtype="float32", site=0),
        "random_uniform: key has shape (2,), expected (4,) (philox key words)",
    ),
    (
        move(floats(64), F3, *(1,) * 6),
        "move: 6 dimensions, expected at most 5",
    ),
    (
        calling("permute", F23, axes=(0, 0)),
        "permute: axes (0, 0) are not an order of 2 dimensions",
    ),
    (
        calling("expand", F23, shape=(2, 4)),
        "expand: x has shape (2, 3), expected a shape that broadcasts to (2, 4)",
    ),
    (
        calling("expand", F23, shape=(3,)),
        "expand: x has shape (2, 3), expected a shape that broadcasts to (3,)",
    ),
    (
        calling("slice", F23, starts=(1, 1), shape=(1, 3)),
        "slice: x has shape (2, 3), expected to contain (1, 3) from (1, 1)",
    ),
    (
        calling("place", F23, starts=(0, 1), shape=(2, 3)),
        "place: x has shape (2, 3), expected to fit into (2, 3) at (0, 1)",
    ),
    (
        calling("concat", F23, F32, axis=0),
        "concat: operand 1 has shape (3, 2), expected (2, 3) but for axis 0",
    ),
    (
        lambda: expect_axis("softmax", 2, 2),
        "softmax: axis 2 is outside a tensor of 2 dimensions",
    ),
    (calling("exp", F3, out=F2), "exp: out 'y' is float32(2,), expected float32(3,)"),
    (calling("add", None, None), "add: no operand given, expected a, b"),
    (F3.item, "item(): the array has shape (3,), expected one element"),
    (lambda: F3.upload(np.ones(2)), "upload: host has shape (2,), expected (3,)"),
    (lambda: F3.reshape((2, 2)), "reshape: (3,) has 3 elements, (2, 2) has not"),
]

DTYPES: list[tuple[Callable[[], Any], str]] = [
    (
        calling("add", F3, floats(3, dtype="float64")),
        "add: b is float64 but a is float32; make both one dtype, "
        "for example Tensor(x.numpy(), dtype='float32')",
    ),
    (calling("exp", ids(1, 2)), "exp: a is int32, expected float32 or float64"),
    (calling("take_rows", F23, F2), "take_rows: ids is float32, expected int32 ids"),
    (move(F3, ids(1, 2, 3), 3), "move: x is int32, out is float32"),
    (
        calling("random_uniform", floats(4), shape=(3,), dtype="float32", site=0),
        "random_uniform: key is float32, expected int32",
    ),
    (
        lambda: DEVICE.array(np.array([2**31])),
        "integers from 2147483648 to 2147483648 do not fit int32",
    ),
    (
        lambda: DEVICE.array(np.ones(3, np.float16)),
        "dtype float16 is not known; expected one of float32, float64, int32",
    ),
]


@pytest.mark.parametrize(("mistake", "text"), SHAPES, ids=[text for _, text in SHAPES])
def test_a_wrong_shape_is_refused(mistake: Callable[[], Any], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        mistake()
    assert str(caught.value) == text


@pytest.mark.parametrize(("mistake", "text"), DTYPES, ids=[text for _, text in DTYPES])
def test_a_wrong_dtype_is_refused(mistake: Callable[[], Any], text: str) -> None:
    with pytest.raises(DtypeError) as caught:
        mistake()
    assert str(caught.value) == text


def test_operands_of_two_devices_are_refused() -> None:
    other = floats(3, device=Device(Altered(DEVICE.backend)))
    with pytest.raises(DeviceError) as caught:
        call("add", F3, other)
    assert str(caught.value) == (
        "add: one operand lives on numpy, another on numpy (altered); "
        "move one of them with Tensor(x.numpy(), device='numpy')"
    )
    with pytest.raises(DeviceError, match=r"^add: out lives on numpy \(altered\), operands on"):
        call("add", F3, F3, out=other)


def test_a_backend_without_a_required_kernel_is_refused() -> None:
    with pytest.raises(BackendError) as caught:
        Device(Altered(DEVICE.backend, without={"exp", "matmul", "softmax"}))
    assert str(caught.value) == (
        "backend 'numpy (altered)' lacks the required kernels exp, matmul; "
        "see rinzler.ops.OPS[name].doc for what each computes"
    )


def test_a_dtype_that_a_backend_cannot_hold_is_refused() -> None:
    single = Altered(DEVICE.backend)
    single.caps = Caps(dtypes=("float32", "int32"))
    with pytest.raises(DtypeError) as caught:
        Device(single).empty((3,), "float64")
    assert str(caught.value) == (
        "backend 'numpy (altered)' cannot hold float64; it holds float32, int32"
    )


def test_a_name_stands_in_the_table_once() -> None:
    with pytest.raises(ValueError, match="op 'exp' is already in the table"):
        register(OPS["exp"])
