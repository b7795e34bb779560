"""`rinzler doctor`, `backends -v` and `warmup` on strangers' backends: quoted, and not trusted."""

from __future__ import annotations

import json

import pytest

BACKEND = """
from strange_stranger.backend import Backend as StrangerBackend
from rinzler.ops import Fact

class TalkingBackend(StrangerBackend):
    name = "talking"

    def facts(self):
        return FACTS

    def warmup(self):
        return WARMUP
"""


@pytest.fixture
def talking(site):
    """Install a backend that tells these facts and prepares in this way (both as source)."""

    def install(facts: str = "[]", warmup: str = "{}") -> None:
        site.install_stranger()
        source = BACKEND.replace("FACTS", facts).replace("WARMUP", warmup)
        (site.path / "talking_backend.py").write_text(source, encoding="utf-8")
        record = 'BackendInfo("talking", "talking_backend:TalkingBackend", summary="it talks")'
        hook = f"@hookimpl\ndef rinzler_backends():\n    return [{record}]\n"
        site.install_plugin("talking", hook)
        site.plugins()

    return install


GOOD = '[Fact("threads", "3\\n  of 4"), Fact("cooling", "none", "buy a fan")]'


def test_facts_stand_below_their_backend(talking, command) -> None:
    talking(GOOD)
    code, out, err = command("doctor")
    assert (code, err) == (0, "")
    block = out[out.index("\ntalking ") + 1 :]
    assert block.splitlines()[:5] == [
        "talking    ready: it talks",
        "           device     numpy, until it is replaced",
        "           threads    3 of 4",
        "           cooling    none",
        "                      → buy a fan",
    ]
    assert out.endswith("\n1 thing needs attention: see the arrows\n")
    assert "\nstranger   ready" in out
    for name in ("rinzler", "python", "cores", "cache"):
        assert f"\n{name:<10} " in f"\n{out}"


def test_facts_in_the_verbose_listing(talking, command) -> None:
    talking(GOOD)
    code, out, _ = command("backends", "talking", "-v")
    assert code == 0
    assert out.endswith(
        "talking (backend): rinzler_talking_plugin\n"
        "  device     numpy, until it is replaced\n"
        "  threads    3 of 4\n"
        "  cooling    none\n"
        "             → buy a fan\n"
    )
    assert "cooling" not in command("backends", "talking")[1]
    (entry,) = json.loads(command("backends", "talking", "-v", "--json")[1])
    threads = {"name": "threads", "value": "3 of 4", "advice": "", "detail": False}
    assert entry["facts"][1] == threads
    (entry,) = json.loads(command("backends", "talking", "--json")[1])
    assert "facts" not in entry


def test_details_are_for_the_listing(talking, command) -> None:
    talking('[Fact("noise", "little", detail=True)]')
    assert "noise" not in command("doctor")[1]
    assert "  noise      little\n" in command("backends", "talking", "-v")[1]


def test_doctor_as_json(talking, command, monkeypatch: pytest.MonkeyPatch) -> None:
    talking(GOOD)
    monkeypatch.setenv("RINZLER_BLOCK", "nobody")
    code, out, _ = command("doctor", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["machine"]["RINZLER_BLOCK"] == "nobody"
    assert told["machine"]["python"].startswith("CPython ") or told["machine"]["python"]
    assert "rinzler-core" in told["machine"]["rinzler"]
    (entry,) = [each for each in told["plugins"] if each["name"] == "talking"]
    assert entry["state"] == "ready"
    cooling = {"name": "cooling", "value": "none", "advice": "buy a fan", "detail": False}
    assert entry["facts"][2] == cooling


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("[1]", "AttributeError"),
        ("exec('raise SystemExit(3)')", "SystemExit"),
        ("None", "TypeError"),
    ],
)
def test_a_backend_that_cannot_speak_is_quoted(talking, command, facts: str, reason: str) -> None:
    talking(facts)
    code, out, _ = command("doctor")
    assert code == 0
    assert f"asking for them raised {reason}" in out
    assert "→ pip install --upgrade rinzler-talking" in out
    assert "\nstranger   ready" in out


def test_what_is_broken_is_named_with_its_mend(site, backends, command) -> None:
    site.install_plugin("gone", backends("'gone', 'nowhere:Backend', requires=('nowhere_at_all',)"))
    site.plugins()
    code, out, _ = command("doctor")
    assert code == 3  # no backend can be used
    assert "\ngone       missing: needs nowhere_at_all, which is not installed\n" in out
    assert "           → pip install nowhere_at_all\n" in out
    assert out.endswith("\n1 thing needs attention: see the arrows\n")


def test_nothing_to_mend(talking, command) -> None:
    talking()
    assert command("doctor")[1].endswith("\nnothing needs attention\n")


STEPS = """{"quick": lambda: None, "slow": lambda: __import__("time").sleep(0.4)}"""


def test_warming_up_shows_what_takes_time(
    talking, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rinzler.cli.warmup.NOTICEABLE", 0.3)
    talking(warmup=STEPS)
    code, out, err = command("warmup", "talking")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith("backend    talking · numpy, until it is replaced (")
    assert lines[1].split()[:2] == ["2/2", "slow"]
    assert lines[2].startswith("done       2 parts · 0.")
    assert len(lines) == 3


def test_most_backends_have_nothing_to_prepare(talking, command) -> None:
    talking()
    assert command("warmup", "stranger")[2].endswith("done       stranger has nothing to prepare\n")


def test_a_preparation_that_fails(talking, command) -> None:
    talking(warmup='{"one": lambda: 1 / 0}')
    code, _, err = command("warmup", "talking")
    assert code == 3
    assert err.endswith(
        'error: backend "talking": preparing one raised ZeroDivisionError: division by zero. '
        "See: rinzler backends -v talking\n"
    )


def test_a_backend_that_is_not_there_cannot_be_warmed(talking, command) -> None:
    talking()
    code, _, err = command("warmup", "talkin")
    assert code == 3
    assert err.startswith('error: backend "talkin" is not installed')
