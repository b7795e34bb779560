"""Stage 1: every way for a light module to be broken, each beside a good one that stays ready."""

from __future__ import annotations

import json

import pytest

from rinzler.cli.backends import render_backends
from rinzler.errors import BackendError, PluginError
from rinzler.plugins import choose_backend

ONE = "@hookimpl\ndef rinzler_backends():\n    "
RECORD = "BackendInfo('bad', 'm:f')"

# name of the case, source of the light module, what the reason says
BROKEN = [
    ("raises", "raise ValueError('boom\\n at dawn')", "importing {m} raised ValueError: boom at"),
    ("exits", "import sys\nsys.exit('bye')", "importing {m} raised SystemExit: bye"),
    ("import_error", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_"),
    ("os_error", "raise OSError('libgpu.so: no such file')", "raised OSError: libgpu.so"),
    ("syntax", "def (", "importing {m} raised SyntaxError"),
    ("recursion", "def f():\n    f()\nf()", "importing {m} raised RecursionError"),
    (
        "unknown_argument",
        "@hookimpl\ndef rinzler_step_end(run, stepp):\n    pass",
        "registering its hooks raised PluginValidationError: ",
    ),
    (
        "misspelt",
        f"@hookimpl\ndef rinzler_bakends():\n    return [{RECORD}]",
        "there is no hook rinzler_bakends; did you mean rinzler_backends?",
    ),
    (
        "unheard_of",
        "@hookimpl\ndef zzz():\n    pass",
        "there is no hook zzz; expected one of rinzler_backends, rinzler_checkpoint_saved",
    ),
    (
        "undecorated",
        f"def rinzler_backends():\n    return [{RECORD}]",
        "{m}: rinzler_backends lacks its @rinzler.plugins.hookimpl",
    ),
    ("no_hook", "x = 1", "{m} implements no hook; expected one of rinzler_backends, rinzler_"),
    (
        "wrapper",
        "@hookimpl(wrapper=True)\ndef rinzler_backends():\n    return (yield)",
        "rinzler_backends is a hook wrapper; Rinzler calls plain ones only",
    ),
    ("hook_raises", f"{ONE}return 1 / 0", "calling rinzler_backends raised ZeroDivisionError"),
    ("hook_exits", f"{ONE}raise SystemExit(3)", "calling rinzler_backends raised SystemExit: 3"),
    (
        "number",
        f"{ONE}return 7",
        "rinzler_backends returned 7 (int), expected an iterable of BackendInfo",
    ),
    (
        "text",
        f"{ONE}return 'ab'",
        "rinzler_backends returned 'a' (str) among its records",
    ),
    (
        "wrong_record",
        f"{ONE}return [CorpusInfo('a', 'm:f')]",
        "rinzler_backends returned CorpusInfo(",
    ),
    (
        "half_way",
        f"{ONE}yield {RECORD}\n    raise RuntimeError('half way')",
        "calling rinzler_backends raised RuntimeError: half way",
    ),
    (
        "twice",
        f"{ONE}return [{RECORD}, {RECORD}]",
        "rinzler_backends offers 'bad' twice; expected one record per name",
    ),
    (
        "bad_name",
        f"{ONE}return [BackendInfo('Bad Name', 'm:f')]",
        "BackendInfo 'Bad Name': name is 'Bad Name', expected a string that matches",
    ),
    (
        "corpora_raise",
        f"{ONE}return [{RECORD}]\n@hookimpl\ndef rinzler_corpora():\n    raise KeyError('x')",
        "calling rinzler_corpora raised KeyError: 'x'",
    ),
    ("endless_message", "raise ValueError('é' * 10_000)", "raised ValueError: ééé"),
    (
        "warns",  # warnings are errors in this suite, as they may be for a user
        "import warnings\nwarnings.warn('old', DeprecationWarning)",
        "raised DeprecationWarning: old",
    ),
]


@pytest.mark.parametrize(
    ("source", "reason"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_broken_is_listed_with_its_reason_and_disturbs_nothing(site, source, reason):
    site.install_stranger()
    site.install_plugin("bad", source + "\n")
    plugins = site.plugins()
    report = site.report("bad")
    expected = reason.format(m="rinzler_bad_plugin")
    assert report.state == "broken"
    assert report.kind == "plugin"
    assert expected in report.reason
    assert len(report.reason) < 400
    assert "Traceback" in report.traceback

    with pytest.raises(BackendError) as caught:
        plugins.open_backend("bad")
    message = str(caught.value)
    assert message.startswith(
        'backend "bad" cannot be used: its plugin (rinzler-bad 1.0) is broken: '
    )
    assert expected in message
    assert message.endswith(
        "pip install --upgrade rinzler-bad, or see the traceback: rinzler backends -v bad"
    )
    assert caught.value.__cause__ is report.error
    assert report.error is not None

    choice = choose_backend("auto")
    assert choice.name == "stranger"
    assert choice.reason == "auto: highest priority of stranger"
    (note,) = choice.notes
    assert note.startswith("passed over bad (rinzler-bad): broken: ")
    assert "\n" not in note
    assert expected in note

    listing = render_backends(plugins.reports())
    (line,) = [line for line in listing.splitlines() if line.startswith("bad ")]
    assert expected in line
    assert "broken" in line
    assert json.loads(render_backends(plugins.reports(), json=True))[-1]["reason"] == report.reason


def test_unknown_argument_leaves_nothing_registered(site):
    source = "@hookimpl\ndef rinzler_train_start(run):\n    raise AssertionError\n"
    source += "@hookimpl\ndef rinzler_step_end(run, stepp):\n    pass\n"
    site.install_plugin("bad", source)
    plugins = site.plugins()
    plugins.describe()
    assert plugins.listeners("rinzler_train_start") == []
    assert "stepp" in site.report("bad").reason


def test_a_plugin_that_breaks_after_registering_hears_nothing(site):
    source = "@hookimpl\ndef rinzler_train_start(run):\n    raise AssertionError\n"
    site.install_plugin("bad", f"{source}{ONE}raise ValueError\n")
    plugins = site.plugins()
    plugins.describe()
    assert plugins.listeners("rinzler_train_start") == []


def test_ctrl_c_while_a_plugin_is_imported_stops_the_program(site):
    site.install_plugin("bad", "raise KeyboardInterrupt\n")
    plugins = site.plugins()
    with pytest.raises(KeyboardInterrupt):
        plugins.describe()


def test_prints_go_to_stderr(site, backends, capsys):
    site.install_plugin("loud", "print('hello')\n" + backends("'loud', 'm:f'"))
    site.plugins()
    assert site.report("loud").state == "ready"
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_forms_of_an_answer_that_are_welcome(site):
    site.install_plugin("one", f"{ONE}return BackendInfo('one', 'm:f')\n")
    site.install_plugin("none", f"{ONE}return None\n")
    site.install_plugin("generator", f"{ONE}yield BackendInfo('generator', 'm:f')\n")
    site.plugins()
    assert [site.report(name).state for name in ("one", "none", "generator")] == ["ready"] * 3
    assert site.report("none").kind == "plugin"


def test_an_object_may_be_the_plugin(site):
    source = "class Plugin:\n    @hookimpl\n    def rinzler_backends(self):\n"
    source += "        return [BackendInfo('thing', 'm:f')]\nplugin = Plugin()\n"
    site.install("rinzler-thing", {"thing": "thing_plugin:plugin"}, {"thing_plugin": source})
    site.plugins()
    assert site.report("thing").state == "ready"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("thing_plugin:absent", "raised AttributeError"),
        ("no_such_module", "raised ModuleNotFoundError"),
        ("not a reference", "raised ValueError"),
        ("thing_plugin:nothing", "thing_plugin:nothing is None, expected a module with hooks"),
    ],
)
def test_entry_points_that_lead_nowhere(site, value, reason):
    site.install("rinzler-thing", {"thing": value}, {"thing_plugin": "nothing = None\n"})
    site.plugins()
    report = site.report("thing")
    assert report.state == "broken"
    assert reason in report.reason


def test_one_module_under_two_entry_points(site, backends):
    points = {"thing": "thing_plugin", "again": "thing_plugin"}
    site.install("rinzler-thing", points, {"thing_plugin": backends("'thing', 'm:f'")})
    plugins = site.plugins()
    assert site.report("thing").state == "ready"
    assert site.report("again").state == "broken"
    assert (
        site.report("again").reason == "thing_plugin is registered already, by another entry point"
    )
    assert len(plugins.offers("backend")) == 1


def test_a_hook_of_a_newer_rinzler_may_be_optional(site, backends):
    source = backends("'new', 'm:f'")
    source += "@hookimpl(optionalhook=True)\ndef rinzler_of_next_year():\n    return []\n"
    site.install_plugin("new", source)
    site.plugins()
    assert site.report("new").state == "ready"


def test_a_plugin_may_ask_for_a_backend_while_it_is_imported(site, backends):
    site.install_stranger()
    source = "from rinzler.plugins import open_device\nopen_device('stranger')\n"
    site.install_plugin("eager", source + backends("'eager', 'm:f'"))
    site.plugins()
    assert site.report("eager").state == "ready"
    assert site.report("stranger").state == "open"


def test_strict_raises_for_any_broken_plugin(site, monkeypatch):
    site.install_stranger()
    site.install_plugin("bad", "raise ValueError('boom')\n")
    plugins = site.plugins()
    monkeypatch.setenv("RINZLER_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        plugins.open_backend("stranger")
    assert str(caught.value) == (
        "RINZLER_STRICT_PLUGINS is set and a plugin is broken: bad (rinzler-bad): importing "
        "rinzler_bad_plugin raised ValueError: boom. Look at it with: rinzler backends -v bad"
    )
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(PluginError, match="boom"):
        choose_backend("auto")
    assert site.report("bad").state == "broken"  # the listing still lists
    monkeypatch.setenv("RINZLER_STRICT_PLUGINS", "0")
    assert plugins.open_backend("stranger").name == "stranger"
