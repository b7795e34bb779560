"""Attention to caches: a text in pieces is the text, one tape serves every position, and refusals.

By the numpy backend's kernel and by core's default; the shared cases judge both in detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from rinzler.capture import Captured
from rinzler.errors import DtypeError, ShapeError
from rinzler.ops import Array, Device, call, no_fused
from rinzler.plugins import open_device

B, T, H, D = 2, 23, 3, 5


@pytest.fixture(autouse=True, params=[True, False], ids=["fused", "no_fused"])
def _arithmetic(request: pytest.FixtureRequest) -> Iterator[None]:
    with no_fused(not request.param):
        yield


@pytest.fixture
def device() -> Device:
    return Device(open_device("numpy").backend)


def empty_caches(device: Device, dtype: str = "float64") -> tuple[Array, Array]:
    """Nothing known yet, and nothing that could pass for it."""
    return (device.full((B, H, T, D), np.nan, dtype), device.full((B, H, T, D), np.nan, dtype))


def text(dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(7).standard_normal((B, T, 3 * H * D)).astype(dtype)


@pytest.mark.parametrize("lengths", [[1] * T, [T], [9] + [1] * 14, [2, 20, 1]], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-14)])
def test_a_text_in_pieces_is_the_text(
    device: Device, lengths: list[int], dtype: str, tolerance: float
) -> None:
    qkv = text(dtype)
    whole, _ = call("attention", device.array(qkv), heads=H)
    keys, values = empty_caches(device, dtype)
    past, pieces = 0, []
    for length in lengths:
        piece = device.array(qkv[:, past : past + length])
        position = device.array(np.full(B, past, np.int32))
        y, *caches = call("attention_cached", piece, position, out=(None, keys, values), heads=H)
        assert caches == [keys, values]  # written where they are
        pieces.append(y.numpy())
        past += length
    assert abs(np.concatenate(pieces, axis=1) - whole.numpy()).max() <= tolerance
    parts = qkv.reshape(B, T, 3, H, D).transpose(2, 0, 3, 1, 4)
    assert np.array_equal(keys.numpy(), parts[1])
    assert np.array_equal(values.numpy(), parts[2])


class Writer:
    """A step that takes one more position of two texts, at a position that is an input."""

    def __init__(self, device: Device, eager: bool) -> None:
        self.qkv = device.empty((B, 1, 3 * H * D), "float64")
        self.position = device.array(np.zeros(B, np.int32))
        self.caches = empty_caches(device)
        inputs = {"qkv": self.qkv, "position": self.position}
        self.step = Captured(self.compute, device, inputs, eager=eager)

    def compute(self) -> list[Array]:
        out = (None, *self.caches)
        y, _, _ = call("attention_cached", self.qkv, self.position, out=out, heads=H)
        return [y]

    def take(self, at: list[int]) -> bytes:
        rows = np.stack([text()[b, [t]] for b, t in enumerate(at)])
        self.step.feed({"qkv": rows, "position": np.array(at, np.int32)})
        return self.step()[0].tobytes()


def test_one_tape_serves_every_position(device: Device) -> None:
    """The second text starts later: positions differ within a batch as well."""
    recorded, eager = Writer(device, eager=False), Writer(device, eager=True)
    for t in range(T):
        at = [t, max(t - 4, 0)]
        assert recorded.take(at) == eager.take(at)
    for cache, other in zip(recorded.caches, eager.caches, strict=True):
        assert cache.numpy().tobytes() == other.numpy().tobytes()
    assert recorded.step.summary is not None  # there was a tape


def test_a_replay_refuses_a_position_that_does_not_fit(device: Device) -> None:
    writer = Writer(device, eager=False)
    for t in range(3):
        writer.take([t, t])
    writer.step.feed({"position": np.array([3, T], np.int32)})
    with pytest.raises(ShapeError, match=f"{T}"):
        writer.step()


def test_no_positions_are_no_work(device: Device) -> None:
    keys, values = empty_caches(device)
    start = device.array(np.zeros(B, np.int32))
    qkv = device.empty((B, 0, 3 * H * D), "float64")
    y, _, _ = call("attention_cached", qkv, start, out=(None, keys, values), heads=H)
    assert y.shape == (B, 0, H * D)
    assert np.isnan(keys.numpy()).all()


DEVICE = Device(open_device("numpy").backend)


def floats(*shape: int, dtype: str = "float64") -> Array:
    return DEVICE.full(shape, 1.0, dtype)


def ids(*values: int) -> Array:
    return DEVICE.array(np.array(values, np.int32))


CACHE, QKV = floats(2, 3, 23, 5), floats(2, 1, 45)


def calling(
    qkv: Array = QKV,
    position: Array | None = None,
    keys: Array | None = CACHE,
    values: Array | None = CACHE,
    heads: int = 3,
) -> Callable[[], object]:
    at = ids(0, 0) if position is None else position
    return lambda: call("attention_cached", qkv, at, out=(None, keys, values), heads=heads)


REFUSED: list[tuple[Callable[[], object], str]] = [
    (
        calling(keys=None),
        "attention_cached: it writes into caches; pass out=(None, keys, values)",
    ),
    (
        calling(values=None),
        "attention_cached: it writes into caches; pass out=(None, keys, values)",
    ),
    (
        lambda: call("attention_cached", QKV, ids(0, 0), heads=3),
        "attention_cached: it writes into caches; pass out=(None, keys, values)",
    ),
    (calling(floats(2, 45)), "attention_cached: qkv has shape (2, 45), expected 3-D"),
    (
        calling(heads=2),
        "attention_cached: qkv has shape (2, 1, 45), expected a last axis divisible by 3·2 heads",
    ),
    (
        calling(keys=floats(2, 23, 15)),
        "attention_cached: keys has shape (2, 23, 15), expected 4-D",
    ),
    (
        calling(keys=floats(2, 23, 3, 5)),
        "attention_cached: keys has shape (2, 23, 3, 5), expected (2, 3, 3, 5) "
        "(B, H, T, D to meet qkv)",
    ),
    (
        calling(values=floats(2, 3, 24, 5)),
        "attention_cached: values has shape (2, 3, 24, 5), expected (2, 3, 23, 5) (that of keys)",
    ),
    (
        calling(floats(2, 24, 45)),
        "attention_cached: qkv has shape (2, 24, 45), expected at most 23 positions, "
        "as the caches have",
    ),
    (
        calling(position=ids(0)),
        "attention_cached: position has shape (1,), expected (2,) (one for each sequence)",
    ),
    (
        calling(position=ids(0, 23)),
        "attention_cached: position holds ids from 0 to 23, expected 0 to 22 "
        "(1 more have to fit into caches of 23)",
    ),
    (
        calling(floats(2, 4, 45), position=ids(-1, 20)),
        "attention_cached: position holds ids from -1 to 20, expected 0 to 19 "
        "(4 more have to fit into caches of 23)",
    ),
]


@pytest.mark.parametrize(("mistake", "said"), REFUSED)
def test_a_wrong_shape_is_refused(mistake: Callable[[], object], said: str) -> None:
    with pytest.raises(ShapeError) as caught:
        mistake()
    assert str(caught.value) == said


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(DtypeError) as caught:
        calling(position=floats(2))()
    assert str(caught.value) == "attention_cached: position is float64, expected int32 ids"
    with pytest.raises(DtypeError, match="attention_cached: qkv is float32 but keys is float64"):
        calling(floats(2, 1, 45, dtype="float32"))()
