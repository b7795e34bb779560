"""What the tests of this backend share: shaders up to date, one opened device, and a clean layer.

The device runs under the validation layer with synchronization checks, and a test during which the
layer says anything fails. RINZLER_VULKAN_DEVICE chooses the device; without it the software driver
serves. Where no driver is, all tests that need one are skipped here, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rinzler.errors import BackendError
from rinzler.ops import Device

TOOLS = Path(__file__).parents[1] / "tools"
WITHOUT = "needs a Vulkan device: "


def pytest_configure() -> None:
    """Compile what was edited since the last build."""
    sys.path[:0] = [str(TOOLS), str(Path(__file__).parent)]
    import compile_shaders

    compile_shaders.compile_all(compile_shaders.sources(), compile_shaders.target(), fresh=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, and in words, what was not tested."""
    skipped = terminalreporter.getreports("skipped")
    reasons = [str(each.longrepr[-1]) for each in skipped if isinstance(each.longrepr, tuple)]
    missed = [reason for reason in reasons if WITHOUT in reason]
    if missed:
        reason = missed[0].partition(WITHOUT)[2]
        line = f"vulkan: 0 of {len(missed)} tests that need a device ran: {reason}"
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def driver() -> None:
    """Skips where there is no driver: the one place that does."""
    from vulkan_testing import settings

    from rinzler_vulkan.choosing import choose
    from rinzler_vulkan.probe import adapters

    try:
        choose(adapters(), settings().device)
    except BackendError as error:
        pytest.skip(f"{WITHOUT}{error}")


@pytest.fixture
def opened(driver: None) -> Iterator[Callable[..., Any]]:
    """Opens backends that are closed, and whose messages are looked at, when the test is done."""
    from vulkan_testing import settings

    from rinzler_vulkan.backend import VulkanBackend

    made: list[Any] = []

    def open_one(**changes: Any) -> Any:
        made.append(VulkanBackend(settings(**changes)))
        return made[-1]

    yield open_one
    for backend in made:
        backend.close()
        assert not backend.instance.messages


@pytest.fixture(scope="session")
def shared(driver: None) -> Iterator[Any]:
    """One backend for all tests that leave it as it was."""
    from vulkan_testing import settings

    from rinzler_vulkan.backend import VulkanBackend

    made = VulkanBackend(settings())
    yield made
    made.close()
    assert not made.instance.messages


@pytest.fixture
def backend(shared: Any) -> Iterator[Any]:
    before = len(shared.instance.messages)
    yield shared
    shared.synchronize()
    assert shared.instance.messages[before:] == []


@pytest.fixture
def device(backend: Any) -> Device:
    return Device(backend)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture
def shell(
    driver: None,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """`rinzler-train` in a folder of its own."""
    from vulkan_shell import shell_in

    with shell_in(tmp_path, tmp_path_factory.mktemp("kept"), capsys, monkeypatch) as made:
        yield made
