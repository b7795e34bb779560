"""Several devices at once, what is told of each, and who may take a software device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from vulkan_testing import Opened

from rinzler.capture import Captured
from rinzler.cli import main
from rinzler.errors import BackendError
from rinzler.ops import OPS, Device, call
from rinzler.plugins import choose_backend, list_devices, manager, open_device
from rinzler_vulkan.choosing import choose
from rinzler_vulkan.errors import VulkanError
from rinzler_vulkan.probe import adapters
from rinzler_vulkan.samples import SAMPLES, calls_of


@pytest.fixture
def number(driver: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The number of the software device, with no other Vulkan device in sight and none chosen."""
    for name in ("RINZLER_VULKAN_DEVICE", "RINZLER_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RINZLER_VULKAN_CACHE", "")
    software = choose(adapters(), "software")
    monkeypatch.setattr("rinzler_vulkan.probe.adapters", lambda: [software])
    monkeypatch.setattr(manager, "_plugins", None)
    yield software.index
    for device in manager.plugins()._devices.values():
        if device.backend.name == "vulkan":
            device.backend.close()


def test_two_logical_devices_work_side_by_side(opened: Opened, rng: np.random.Generator) -> None:
    one, other = opened(), opened()
    devices = [Device(one), Device(other)]
    host = rng.standard_normal((33, 33)).astype(np.float32)
    arrays = [device.array(host) for device in devices]
    steps = [
        Captured(lambda x=x: (call("matmul", x, call("tanh", x)),), device)  # type: ignore[misc]
        for x, device in zip(arrays, devices, strict=True)
    ]
    for k in range(4):  # recorded, and then replayed, in turn
        for x in arrays:
            x.upload(host + np.float32(k))
        first, second = (step()[0] for step in steps)
        np.testing.assert_array_equal(first, second)
    one.close()
    assert np.array_equal(steps[1]()[0], second)
    with pytest.raises(VulkanError, match="device is closed"):
        steps[0]()


def test_the_same_device_by_two_numbers_is_two_devices(number: int) -> None:
    one = open_device(f"vulkan:{number}")
    assert one is open_device(f"rinzler-vulkan:vulkan:{number}")
    assert one.name == f"vulkan:{number}"
    other = Device(type(one.backend)(device=number))
    assert other.backend.device.handle != one.backend.device.handle
    assert call("add", other.full((2,), 1.0, "float32"), other.constant(1.0, "float32")).numpy()[0]
    other.backend.close()


def test_a_software_device_is_taken_only_when_it_is_named(number: int) -> None:
    choice = choose_backend("auto")
    assert choice.device.backend.name != "vulkan"
    words = f"only a software device, .* Name it to use it: --device {number}, or RINZLER_VULKAN_D"
    (note,) = [note for note in choice.notes if "vulkan" in note]
    assert re.search(words, note)
    with pytest.raises(BackendError, match=words):
        open_device("vulkan")
    named = choose_backend("vulkan", number)
    assert named.device.backend.device.caps.kind == "software"
    assert choose_backend("auto").device.backend.name != "vulkan"  # not even now that it is open


def test_a_device_that_is_not_there(number: int) -> None:
    with pytest.raises(BackendError) as caught:
        open_device("vulkan:99")
    assert "there is no device 99; there are: 0: " in str(caught.value)
    assert str(caught.value).endswith("All devices: rinzler backends -v vulkan")


def test_devices_are_listed(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = list_devices("vulkan")
    assert re.fullmatch(r"llvmpipe \(.*\) \(software, .*\)", line)
    code, out = _typed(capsys, "backends", "vulkan", "-v")
    assert (code, "  device 0   llvmpipe" in out, "unavailable" in out) == (0, True, True)
    code, out = _typed(capsys, "doctor")
    assert (code, f"device 0   {line}\n" in out) == (0, True)


def test_a_device_tells_all_that_it_has(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = _typed(capsys, "backends", f"vulkan:{number}", "-v")
    assert code == 0
    told = dict(re.findall(r"^  (\S+(?: \S+)?) +(.*)$", out, re.MULTILINE))
    assert re.fullmatch(r"[\d.]+ GiB, about [\d.]+ [GM]iB free; the host .*", told["memory"])
    assert "barrier_free" in told["features"]
    assert told["matmul"].startswith("matmul")
    assert told["sqrt"] == "unary OP=2"
    assert "several times as fast. See: rinzler backends" in out
    code, out = _typed(capsys, "doctor")
    assert "unary OP=2" not in out


def test_masked_features_and_slow_settings_are_told(opened: Opened) -> None:
    backend = opened(without=frozenset({"barrier_free"}), barriers="all")
    facts = {fact.name: fact for fact in backend.facts()}
    assert facts["features"].value.endswith("masked by RINZLER_VULKAN_WITHOUT: barrier_free")
    assert facts["validation"].advice.endswith("unset RINZLER_VULKAN_VALIDATE")
    assert facts["barriers"].advice.endswith("unset RINZLER_VULKAN_BARRIERS")
    assert facts["compiled"].value == "not kept"
    assert set(facts["as default"].value.split(", ")) == set(OPS) - set(backend.kernels)


@pytest.mark.parametrize("without", [(), ("barrier_free",), ("direct", "float_controls")])
def test_every_kernel_has_a_sample(opened: Opened, without: tuple[str, ...]) -> None:
    backend = opened(without=frozenset(without))
    for op, kernel in backend.kernels.items():
        assert op in SAMPLES, f"{op}: give it operands in samples.py"
        row = OPS[op]
        shapes, _ = SAMPLES[op]
        assert len(shapes) == len(row.outputs) + len(row.inputs), op
        calls = calls_of(backend._plans[kernel], op)
        assert calls, op
        for each in calls:
            assert len(each.operands) == len(backend.pipelines.manifest[each.shader].writes), op


def test_warming_up_leaves_nothing_to_compile(opened: Opened, tmp_path: Any) -> None:
    backend = opened(cache=str(tmp_path))
    for step in backend.warmup().values():
        step()
    assert len(list(tmp_path.rglob("*.bin"))) == 1
    before = len(backend.pipelines._made)
    backend.pipelines.prepare(
        each
        for op, kernel in backend.kernels.items()
        for each in calls_of(backend._plans[kernel], op)
    )
    assert len(backend.pipelines._made) == before > 20


def _typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["rinzler", *words])
        code = main.main()
    return code, capsys.readouterr().out


def test_bits_depend_on_the_device_and_the_features_in_use(opened: Opened) -> None:
    one, other = opened(), opened(without=frozenset({"shuffle", "barrier_free"}))
    told, masked = one.numerics(), other.numerics()
    assert told["device"] == one.caps.device_text
    assert told["identity"] == one.device.caps.identity
    differ = {name for name in told if told[name] != masked[name]}
    assert differ == {"features"}
    assert "barrier_free" in told["features"]
    assert "barrier_free" not in masked["features"]
