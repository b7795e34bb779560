"""What the tests of the core share: a numpy device of their own, and steps to capture on it.

`subjects/` holds two backends that test core rather than being tested: `null` and `loopback`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rinzler.capture import Captured
from rinzler.checkpoint import Checkpoint
from rinzler.cli import main
from rinzler.errors import CaptureError
from rinzler.ops import Array, Device, call, no_fused
from rinzler.plugins import open_device, use

sys.path.append(str(Path(__file__).parent / "subjects"))  # test files cannot import each other


@pytest.fixture
def device() -> Device:
    return Device(open_device("numpy").backend)


@pytest.fixture
def fused() -> Iterator[None]:
    """Kernels run, whatever RINZLER_NO_FUSED says: for files that count or name them."""
    with no_fused(False):
        yield


@pytest.fixture(params=[True, False], ids=["fused", "defaults"])
def fused_or_not(request: pytest.FixtureRequest) -> Iterator[None]:
    """Once with numpy's kernels, once with core's defaults in their place."""
    with use("numpy"), no_fused(not request.param):
        yield


class Walk:
    """w += tanh(x @ w)·x, a step with temporaries, an input and memory that it updates in place."""

    def __init__(self, device: Device, **how: object) -> None:
        rng = np.random.default_rng(5)
        self.x = device.array(rng.normal(size=(7, 7)))
        self.w = device.array(rng.normal(size=(7, 7)))
        self.runs = 0
        self.step = Captured(self.compute, device, {"x": self.x}, **how)  # type: ignore[arg-type]

    def compute(self) -> list[Array]:
        self.runs += 1
        y = call("matmul", self.x, self.w, ta=False, tb=False, accumulate=False)
        y = call("mul", call("tanh", y), self.x)
        call("add", self.w, y, out=self.w)
        return [call("sum_rows", y), self.w]

    def take(self, number: int) -> tuple[np.ndarray, ...]:
        self.step.feed({"x": np.random.default_rng(number).normal(size=(7, 7))})
        return self.step()


@pytest.fixture
def walk_on() -> type[Walk]:
    return Walk


def _refused(device: Device, compute: Callable[[], Sequence[Array]], why: str, call: int) -> None:
    """The `call`-th call is refused, and the device works on."""
    step = Captured(compute, device)
    for _ in range(call - 1):
        step()
    with pytest.raises(CaptureError, match=why):
        step()
    assert device.recorder is None
    assert device.full((2,), 3.0, "float64").numpy().tolist() == [3.0, 3.0]


@pytest.fixture
def refused() -> Callable[..., None]:
    return _refused


@pytest.fixture
def run_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """What is typed, in this process: `run_command("rinzler", "doctor")`, or `"rinzler-train"`.

    Returns (exit code, stdout, stderr). A first word of another name is `rinzler`, too.
    """
    entries = {
        "rinzler-train": main.train_main,
        "rinzler-generate": main.generate_main,
        "rinzler-autotune": main.autotune_main,
    }

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", list(words))
        code = entries.get(words[0], main.main)()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _assert_same(got: Checkpoint, expected: Checkpoint) -> None:
    assert got.meta == expected.meta
    assert set(got.tensors) == set(expected.tensors)
    for name, array in expected.tensors.items():
        back = got.tensors[name]
        assert (back.dtype.name, back.shape) == (array.dtype.name, array.shape), name
        native = array.astype(array.dtype.newbyteorder("="))
        assert back.tobytes() == native.tobytes(), name  # bits: NaN == NaN would be False


@pytest.fixture(scope="session")  # hypothesis takes no narrower one
def assert_same() -> Callable[[Checkpoint, Checkpoint], None]:
    """A checkpoint came back with every bit, whatever byte order its arrays once had."""
    return _assert_same
