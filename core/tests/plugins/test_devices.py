"""A stranger's backend with three devices: opened by number, listed as text, told apart by name."""

from __future__ import annotations

import json

import pytest

from rinzler.errors import BackendError, ConfigError, DeviceError, PluginError
from rinzler.ops import call
from rinzler.plugins import BackendInfo, choose_backend, current_device, list_devices, open_device

MANY = """
from rinzler.ops import Caps, Fact
from strange_stranger.backend import Backend as StrangerBackend

class ManyBackend(StrangerBackend):
    name = "many"

    def __init__(self, device=None):
        super().__init__()
        if device is not None and device > 2:
            raise IndexError(f"there is no device {device}")
        self.caps = Caps(device_text="its best" if device is None else f"number {device}")

    def facts(self):
        return [Fact("heat", self.caps.device_text)]

def devices():
    print("looking")
    return LISTED

def probe():
    return PROBED
"""
LISTED = '["a fast  one", "a slow\\none", "one with [brackets]"]'


@pytest.fixture
def many(site, backends):
    """Install a backend with devices, listed and probed in this way (both as source)."""

    def install(listed: str = LISTED, probed: str = "None") -> None:
        site.install_stranger()
        source = MANY.replace("LISTED", listed).replace("PROBED", probed)
        (site.path / "many_backend.py").write_text(source, encoding="utf-8")
        record = (
            "'many', 'many_backend:ManyBackend', priority=90, "
            "devices='many_backend:devices', probe='many_backend:probe'"
        )
        site.install_plugin("many", backends(record))
        site.plugins()

    return install


def text_of(name: str) -> str:
    return open_device(name).backend.caps.device_text


def test_each_number_is_a_device_of_its_own(many) -> None:
    many()
    assert [text_of(name) for name in ("many", "many:0", "many:2")] == [
        *("its best", "number 0", "number 2")
    ]
    one, other = open_device("many:0"), open_device("many:1")
    assert (one.name, other.name) == ("many:0", "many:1")
    assert one is open_device("rinzler-many:many:0")
    assert open_device("many") not in (one, other)
    x, y = one.full((3,), 1.0, "float32"), other.full((3,), 2.0, "float32")
    with pytest.raises(DeviceError, match="one operand lives on many:0, another on many:1"):
        call("add", x, y)
    assert call("add", y, y).numpy().tolist() == [4.0, 4.0, 4.0]


def test_the_variable_may_have_a_number(many, monkeypatch: pytest.MonkeyPatch) -> None:
    many()
    monkeypatch.setenv("RINZLER_BACKEND", "many:1")
    assert current_device() is open_device("many:1")
    choice = choose_backend(None)
    assert (choice.name, choice.reason) == ("many:1", "RINZLER_BACKEND=many:1")
    assert choose_backend("auto", 1).device is choice.device
    monkeypatch.setenv("RINZLER_BACKEND", "many")
    choice = choose_backend("auto", 2)
    assert (choice.name, choice.reason) == ("many:2", "RINZLER_BACKEND=many, device 2")
    assert choose_backend("many:0", 0).name == "many:0"


def test_a_number_needs_a_backend_and_only_one_number(many) -> None:
    many()
    with pytest.raises(ConfigError, match=r"device 1 of which backend\? Name it: --backend NAME"):
        choose_backend("auto", 1)
    with pytest.raises(ConfigError, match='device 1 and "many:0" are two devices; name one'):
        choose_backend("many:0", 1)


def test_a_number_that_is_not_there(many) -> None:
    many()
    with pytest.raises(BackendError) as caught:
        open_device("many:7")
    assert str(caught.value) == (
        'backend "many:7" (rinzler-many 1.0) did not open: IndexError: there is no device 7. '
        "All devices: rinzler backends -v many"
    )
    assert isinstance(caught.value.__cause__, IndexError)
    assert choose_backend("auto").name == "many"  # the rest of it is as good as before


def test_a_backend_without_devices_has_no_numbers(many) -> None:
    many()
    assert list_devices("stranger") == []
    with pytest.raises(BackendError, match='no devices to choose from: ask for "stranger", witho'):
        open_device("stranger:0")


def test_devices_are_listed_without_opening_any(many, site) -> None:
    many()
    assert list_devices("many") == ["a fast one", "a slow one", "one with [brackets]"]
    assert site.report("many").state == "ready"


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("[3]", "'many_backend:devices' returned [3], expected lines of text"),
        ("7", "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_list_that_is_none(many, command, listed: str, reason: str) -> None:
    many(listed)
    with pytest.raises(BackendError) as caught:
        list_devices("many")
    assert str(caught.value).endswith(f"did not list its devices: {reason}")
    code, out, _ = command("doctor")
    assert code == 0
    assert "heat       its best" in out
    assert "device 0" not in out


def test_a_device_that_is_named_needs_no_leave_of_the_probe(many, site, command) -> None:
    many(probed='"it has slow ones only"')
    assert choose_backend("auto").name == "stranger"
    with pytest.raises(BackendError, match="is unavailable: it has slow ones only"):
        open_device("many")
    listing = command("backends", "many", "-v")[1]
    assert "unavailable" in listing
    assert "  device 1   a slow one\n" in listing
    assert text_of("many:1") == "number 1"
    assert site.report("many").state == "open"


def test_the_facts_of_one_device(many, command) -> None:
    many()
    code, out, err = command("backends", "many:2", "-v")
    assert (code, err.replace("looking\n", "")) == (0, "")
    assert out.endswith(
        "  device     number 2\n"
        "  device 0   a fast one\n"
        "  device 1   a slow one\n"
        "  device 2   one with [brackets]\n"
        "  heat       number 2\n"
    )
    facts = json.loads(command("backends", "many", "-v", "--json")[1])[0]["facts"]
    assert facts[0]["value"] == "its best"
    code, _, err = command("backends", "many:5", "-v")
    assert (code, "there is no device 5" in err) == (3, True)


def test_a_record_checks_its_reference() -> None:
    with pytest.raises(PluginError, match="devices is 'devices', expected None or a string"):
        BackendInfo("many", "many:Many", devices="devices")
