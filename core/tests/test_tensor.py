"""What a tensor promises: numpy's shapes, clear refusals, and no memory left behind.

Gradients are proved in test_ops_gradients.py; here is everything else that a user meets.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest

import rinzler
from rinzler import Tensor
from rinzler.errors import DeviceError, DtypeError, GradientError, ShapeError
from rinzler.ops import Device
from rinzler.plugins import open_device


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def equal(tensor: Tensor, expected: np.ndarray) -> None:
    got = tensor.numpy()
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((4,), (3, 4)),
    ((3, 1), (1, 4)),
    ((2, 3, 4), (3, 1)),
    ((), (3,)),
    ((1, 1), (3,)),
    ((3,), (1, 1)),
    ((1,), ()),
    ((7,), (1,)),
]


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_operators_broadcast_as_numpy_does(left: tuple, right: tuple) -> None:
    a, b = random(*left), random(*right, seed=1)
    x, y = Tensor(a), Tensor(b)
    equal(x + y, a + b)
    equal(x - y, a - b)
    equal(x * y, a * b)
    equal(x / y, a / b)
    equal(x.maximum(y), np.maximum(a, b))
    equal(x < y, (a < b).astype(float))
    equal(x > y, (a > b).astype(float))


def test_numbers_and_arrays_stand_on_either_side() -> None:
    a = random(3)
    x = Tensor(a)
    equal(2 - x, 2 - a)
    equal(2 / x, 2 / a)
    equal(3 * x + 1, 3 * a + 1)
    equal(a * x, a * a)
    equal(np.float64(2) * x, 2 * a)
    equal(-x, -a)


@pytest.mark.parametrize("power", [0, 1, 2, 3, 5, -1, -2, 0.5, 1.5, -0.5])
def test_powers(power: float) -> None:
    a = np.abs(random(5)) + 0.5
    np.testing.assert_allclose((Tensor(a) ** power).numpy(), a**power, rtol=1e-12)


def test_whole_powers_take_negative_numbers() -> None:
    equal(Tensor(np.array([-2.0, 3.0])) ** 3, np.array([-8.0, 27.0]))


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(axis: object, keepdims: bool) -> None:
    a = random(2, 3, 5)
    x = Tensor(a)
    equal(x.sum(axis, keepdims), a.sum(axis, keepdims=keepdims))
    equal(x.mean(axis, keepdims), a.mean(axis, keepdims=keepdims))
    equal(x.max(axis, keepdims), a.max(axis, keepdims=keepdims))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax_along_any_axis(axis: int) -> None:
    a = random(2, 3, 5)
    powers = np.exp(a - a.max(axis, keepdims=True))
    p = powers / powers.sum(axis, keepdims=True)
    equal(Tensor(a).softmax(axis), p)
    np.testing.assert_allclose(Tensor(a).log_softmax(axis).numpy(), np.log(p), rtol=1e-10)


SHAPES = [
    ((3, 4), (4, 5)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((4,), (2, 4, 5)),
    ((1, 1), (1, 1)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left: tuple, right: tuple) -> None:
    a, b = random(*left), random(*right, seed=1)
    equal(Tensor(a) @ Tensor(b), a @ b)


@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_matmul_flags(ta: bool, tb: bool, lead: tuple) -> None:
    a, b = random(*lead, 3, 4), random(*lead, 4, 5, seed=1)
    left = Tensor(np.ascontiguousarray(a.swapaxes(-1, -2)) if ta else a)
    right = Tensor(np.ascontiguousarray(b.swapaxes(-1, -2)) if tb else b)
    equal(rinzler.matmul(left, right, ta=ta, tb=tb), a @ b)


def test_movement() -> None:
    a = random(2, 3, 4)
    x = Tensor(a)
    equal(x.permute(2, 0, 1), a.transpose(2, 0, 1))
    equal(x.transpose(), a.swapaxes(-1, -2))
    equal(x.T, a.swapaxes(-1, -2))
    equal(x.reshape(6, -1), a.reshape(6, -1))
    equal(x.reshape((4, 6)), a.reshape(4, 6))
    equal(x[1], a[1])
    equal(x[-1, 1:], a[-1, 1:])
    equal(x[..., :2], a[..., :2])
    equal(x[:, 1:2, 3], a[:, 1:2, 3])
    equal(x[0, ..., 1:], a[0, ..., 1:])
    equal(x[2:1], a[2:1])
    equal(rinzler.concat([x, x * 2], axis=1), np.concatenate([a, a * 2], 1))
    equal(rinzler.concat([x[..., :1], x[..., 3:]]), np.concatenate([a[..., :1], a[..., 3:]], -1))


def test_where_keeps_what_is_not_chosen_out() -> None:
    mask = Tensor(np.array([1.0, 0.0, 1.0]))
    equal(rinzler.where(mask, np.array([1.0, np.nan, 3.0]), 0.0), np.array([1.0, 0.0, 3.0]))


def test_empty_tensors() -> None:
    x = Tensor(np.zeros((0, 3)))
    equal(x + x, np.zeros((0, 3)))
    equal(x.sum(0), np.zeros(3))
    equal(x.sum(), np.array(0.0))
    with pytest.raises(ShapeError, match=r"max_rows: an operand has no elements"):
        x.max()
    with pytest.raises(ShapeError, match=r"mean\(\): a tensor of shape \(0, 3\) has no elements"):
        x.mean()


def test_dtypes_of_what_is_given() -> None:
    assert Tensor([1.0, 2.0]).dtype == "float32"
    assert Tensor([1, 2]).dtype == "int32"
    assert Tensor([True]).dtype == "float32"
    assert Tensor(np.zeros(2)).dtype == "float64"
    assert Tensor(np.zeros(2), dtype="float32").dtype == "float32"
    assert Tensor(np.arange(3)).dtype == "int32"
    with pytest.raises(DtypeError, match="integers from 0 to 4294967296 do not fit int32"):
        Tensor(np.array([0, 2**32]))
    with pytest.raises(DtypeError, match="cannot hold complex128"):
        Tensor(np.zeros(2, complex))
    with pytest.raises(DtypeError, match="requires_grad: a int32 tensor has no gradient"):
        Tensor([1], requires_grad=True)


def test_mixed_dtypes_are_refused_by_name() -> None:
    with pytest.raises(DtypeError, match="add: b is float64 but a is float32"):
        Tensor([1.0, 2.0]) + Tensor(np.zeros(2))


def test_two_devices_do_not_mix() -> None:
    other = Device(open_device("numpy").backend)
    with pytest.raises(DeviceError, match="mul: one operand lives on numpy, another on numpy"):
        Tensor([1.0, 2.0]) * Tensor([1.0, 2.0], device=other)


ERRORS = [
    (lambda: Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0]), r"add: shapes \(2,\) and \(3,\)"),
    (lambda: Tensor([[1.0, 2.0]]) @ Tensor([[1.0]]), r"matmul: b has shape \(1, 1\)"),
    (lambda: Tensor(1.0) @ Tensor(1.0), r"matmul: shapes \(\) and \(\)"),
    (lambda: Tensor([1.0])[1], r"slice: index 1 is outside axis 0 of length 1"),
    (lambda: Tensor([1.0])[::2], r"slice: step 2 on axis 0, expected 1"),
    (lambda: Tensor([1.0])[0, 0], r"slice: 2 indices for a tensor of 1 dimensions"),
    (lambda: Tensor([1.0])[[0]], r"to pick rows by id use embedding"),
    (lambda: Tensor([1.0]).sum(1), r"axis 1 is outside a tensor of 1 dimensions"),
    (lambda: Tensor([1.0, 2.0]).reshape(3), r"reshape: \(2,\) has 2 elements"),
    (lambda: Tensor([1.0, 2.0]).reshape(-1, 3), r"2 elements do not divide into \(-1, 3\)"),
    (lambda: Tensor([1.0, 2.0]).item(), r"item\(\): the array has shape \(2,\)"),
    (lambda: Tensor([1.0]).transpose(), r"transpose: shape \(1,\) has no last two axes"),
    (lambda: len(Tensor(1.0)), r"len\(\): a tensor of shape \(\)"),
    (lambda: rinzler.concat([]), r"concat: no tensors given"),
    (lambda: rinzler.attention(Tensor(np.zeros((1, 2, 7))), 2), r"attention: qkv has shape"),
    (
        lambda: rinzler.embedding(Tensor(np.zeros((3, 2))), Tensor([0, 3])),
        r"take_rows: ids holds ids from 0 to 3, expected 0 to 2",
    ),
    (
        lambda: rinzler.cross_entropy(Tensor(np.zeros((2, 3))), Tensor([0])),
        r"cross_entropy: targets have shape \(1,\), expected \(2,\)",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), ERRORS)
def test_mistakes_are_named(mistake: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        mistake()  # type: ignore[operator]


def test_backward_says_what_it_lacks() -> None:
    with pytest.raises(GradientError, match="nothing below this tensor requires a gradient"):
        Tensor([1.0]).backward()
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match=r"backward\(\) of a tensor of shape \(2,\) needs"):
        (x * 2).backward()
    with pytest.raises(GradientError, match=r"the gradient is float32\(1,\)"):
        (x * 2).backward(Tensor([1.0]))
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GradientError, match="a second time: its saved values were released"):
        y.backward()


def test_gradients_add_up_until_they_are_reset() -> None:
    x = Tensor([3.0], requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 12.0
    x.grad = None
    (x * 2).backward()
    assert x.grad.item() == 2.0


def test_no_grad_records_nothing() -> None:
    x = Tensor([3.0], requires_grad=True)
    with rinzler.no_grad():
        y = x * x
    assert not y.requires_grad
    assert y.node is None


def test_a_gradient_handed_through_is_not_shared() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = Tensor([3.0, 4.0], requires_grad=True)
    (x + y).sum().backward()
    assert x.gradient is not None
    assert y.gradient is not None
    assert x.gradient.block is not y.gradient.block


def test_deep_graphs_need_no_stack() -> None:
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1e-9
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1.0


def test_a_step_leaves_no_memory_behind_with_the_collector_off() -> None:
    device = open_device("numpy")
    x = Tensor(random(8, 8), requires_grad=True)

    def step() -> None:
        y = (x @ x).gelu().softmax()
        (y * y + x).mean().backward()

    step()
    gc.disable()
    try:
        before = device.memory.stats.live
        for _ in range(3):
            step()
        assert device.memory.stats.live == before
    finally:
        gc.enable()


def test_repr_shows_values_and_origin() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "Tensor([1., 2.], shape=(2,), float32, requires_grad=True)"
    assert repr(x * 2) == "Tensor([2., 4.], shape=(2,), float32, op=mul)"


def test_public_names_are_what_the_type_checker_sees() -> None:
    source = __import__("pathlib").Path(rinzler.__file__).read_text(encoding="utf-8")
    for name, home in rinzler._HOME.items():
        assert f"    from rinzler.{home} import {name} as {name}\n" in source
        assert getattr(rinzler, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = rinzler.nonsense
