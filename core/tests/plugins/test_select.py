"""Who decides what computes: use(), RINZLER_BACKEND, the default, and auto."""

from __future__ import annotations

import threading

import pytest

from rinzler.errors import BackendError
from rinzler.plugins import choose_backend, current_device, open_device, use


@pytest.fixture
def devices(site):
    """Three strangers; the one called numpy is the library's default here."""
    for name, priority in (("numpy", 0), ("fast", 50), ("slow", 10)):
        site.install_stranger(name, priority)
    site.plugins()
    return [open_device(name) for name in ("numpy", "fast", "slow")]


def in_thread(function):
    """What a function returns in a thread of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_the_library_stays_on_numpy_whatever_is_installed(devices):
    assert current_device() is devices[0]


def test_the_environment_moves_the_default(devices, monkeypatch):
    monkeypatch.setenv("RINZLER_BACKEND", "slow")
    assert current_device() is devices[2]
    use("fast")
    assert current_device() is devices[1]


def test_a_bad_environment_says_that_it_was_the_environment(devices, monkeypatch):
    monkeypatch.setenv("RINZLER_BACKEND", "fats")
    with pytest.raises(BackendError) as caught:
        current_device()
    assert str(caught.value) == (
        'backend "fats" (from RINZLER_BACKEND) is not installed. Did you mean "fast"? '
        "(installed: fast, numpy, slow)"
    )


def test_plain_use_holds_for_every_thread(devices):
    assert repr(use("fast")) == "<using fast>"
    assert current_device() is devices[1]
    assert in_thread(current_device) is devices[1]
    use(devices[2])
    assert in_thread(current_device) is devices[2]


def test_with_puts_back_what_was_before(devices):
    with use("fast") as device:
        assert device is devices[1]
        assert current_device() is device
        with use("slow"):
            assert current_device() is devices[2]
        assert current_device() is devices[1]
    assert current_device() is devices[0]
    use("slow")
    with use("fast"):
        assert current_device() is devices[1]
    assert current_device() is devices[2]


def test_with_puts_back_after_an_error(devices):
    with pytest.raises(ZeroDivisionError), use("fast"):
        1 / 0  # noqa: B018 - the error is the test
    assert current_device() is devices[0]


def test_with_stays_in_its_thread(devices):
    use("slow")
    with use("fast"):
        assert in_thread(current_device) is devices[2]


def test_plain_use_inside_a_block_ends_with_the_block(devices):
    with use("fast"):
        use("slow")
        assert current_device() is devices[2]
        assert in_thread(current_device) is devices[0]
        with use("numpy"):
            assert current_device() is devices[0]
        assert current_device() is devices[2]
    assert current_device() is devices[0]


def test_with_does_not_undo_what_came_between(devices):
    selection = use("fast")
    use("slow")
    with selection:
        assert current_device() is devices[1]
    assert current_device() is devices[2]


def test_use_refuses_what_is_neither_name_nor_device(devices):
    with pytest.raises(BackendError) as caught:
        use(3)
    assert str(caught.value) == ('use() got int, expected a backend name or a Device: use("numpy")')
    with pytest.raises(BackendError, match='backend "gpu" is not installed'):
        use("gpu")
    assert current_device() is devices[0]


@pytest.mark.parametrize("request_text", [None, "auto"])
def test_auto_takes_the_highest_priority_and_says_why(devices, request_text):
    choice = choose_backend(request_text)
    assert (choice.name, choice.device) == ("fast", devices[1])
    assert choice.reason == "auto: highest priority of fast, slow, numpy"
    assert choice.notes == ()


def test_equal_priorities_go_by_name(devices, site):
    site.install_stranger("quicker", 50)
    site.install_stranger("brisk", 50)
    site.plugins()
    assert choose_backend().reason == "auto: highest priority of brisk, fast, quicker, slow, numpy"


def test_a_request_beats_the_environment_which_beats_auto(devices, monkeypatch):
    monkeypatch.setenv("RINZLER_BACKEND", "slow")
    assert choose_backend("numpy").reason == '"numpy" was asked for'
    assert choose_backend("numpy").device is devices[0]
    for request in (None, "auto"):
        assert choose_backend(request).reason == "RINZLER_BACKEND=slow"
        assert choose_backend(request).device is devices[2]
    monkeypatch.setenv("RINZLER_BACKEND", "auto")
    assert choose_backend().name == "fast"


def test_what_was_asked_for_fails_loudly(devices, site, monkeypatch):
    site.install_plugin("bad", "raise ValueError('boom')\n")
    site.plugins()
    with pytest.raises(BackendError, match=r"is broken: .*boom"):
        choose_backend("bad")
    monkeypatch.setenv("RINZLER_BACKEND", "bad")
    with pytest.raises(BackendError, match=r'"bad" \(from RINZLER_BACKEND\) cannot be used'):
        choose_backend()


def test_blocked_plugins_are_passed_over_without_a_note(devices, site, monkeypatch):
    monkeypatch.setenv("RINZLER_BLOCK", "fast")
    site.plugins()
    choice = choose_backend()
    assert (choice.name, choice.notes) == ("slow", ())
