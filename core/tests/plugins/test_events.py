"""Run events reach their plugins, and a listener that raises is dropped and said so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rinzler.errors import PluginError
from rinzler.plugins import RunInfo, emit, open_device

FACTS = {
    "rinzler_train_start": {"step": 6},
    "rinzler_step_end": {
        "step": 7,
        "loss": 1.5,
        "lr": 1e-3,
        "grad_norm": 0.5,
        "tokens_per_second": 4e4,
    },
    "rinzler_eval_end": {"step": 7, "metrics": {"val_loss": 1.25, "val_bpb": 1.75}},
    "rinzler_checkpoint_saved": {"path": Path("model.safetensors")},
    "rinzler_train_end": {"error": None},
}
HEARD = "heard = []\n"
LISTENER = HEARD + "".join(
    f"@hookimpl\ndef {hook}({', '.join(['run', *facts])}):\n"
    f"    heard.append(({hook!r}, run.config['seed'], {', '.join(facts) or 'None'}))\n"
    for hook, facts in FACTS.items()
)


@pytest.fixture
def run(tmp_path):
    return RunInfo(tmp_path, {"seed": 3})


def heard_by(name: str) -> list:
    return sys.modules[f"rinzler_{name}_plugin"].heard


def test_every_event_arrives_with_its_facts(site, run):
    site.install_plugin("logger", LISTENER)
    site.plugins()
    for hook, facts in FACTS.items():
        emit(hook, run=run, **facts)
    assert heard_by("logger") == [
        ("rinzler_train_start", 3, 6),
        ("rinzler_step_end", 3, 7, 1.5, 1e-3, 0.5, 4e4),
        ("rinzler_eval_end", 3, 7, {"val_loss": 1.25, "val_bpb": 1.75}),
        ("rinzler_checkpoint_saved", 3, Path("model.safetensors")),
        ("rinzler_train_end", 3, None),
    ]
    report = site.report("logger")
    assert (report.kind, report.state) == ("events", "ready")
    assert report.summary == "hears checkpoint_saved, eval_end, step_end, train_end, train_start"


def test_a_listener_asks_for_what_it_wants(site, run):
    source = HEARD + "@hookimpl\ndef rinzler_step_end(loss):\n    heard.append(loss)\n"
    site.install_plugin("lossy", source)
    site.plugins()
    emit("rinzler_step_end", run=run, **FACTS["rinzler_step_end"] | {"loss": 2.5})
    assert heard_by("lossy") == [2.5]


def test_listeners_may_ask_to_be_first_or_last(site, run):
    (site.path / "shared_list.py").write_text("heard = []\n", encoding="utf-8")
    for name, order in (("middle", ""), ("last", "(trylast=True)"), ("first", "(tryfirst=True)")):
        source = f"from shared_list import heard\n@hookimpl{order}\n"
        source += f"def rinzler_train_start():\n    heard.append({name!r})\n"
        site.install_plugin(name, source)
    site.plugins()
    emit("rinzler_train_start", run=run, step=0)
    assert sys.modules["shared_list"].heard == ["first", "middle", "last"]


@pytest.mark.parametrize("crime", ["raise ValueError('disk full')", "raise SystemExit(1)"])
def test_a_raising_listener_is_dropped_and_the_others_go_on(site, run, caplog, crime):
    site.install_plugin("logger", LISTENER)
    source = f"{HEARD}@hookimpl\ndef rinzler_step_end(step):\n    heard.append(step)\n    {crime}\n"
    source += "@hookimpl\ndef rinzler_train_end():\n    heard.append('end')\n"
    site.install_plugin("bad", source)
    site.plugins()
    for step in (1, 2, 3):
        emit("rinzler_step_end", run=run, **FACTS["rinzler_step_end"] | {"step": step})
    emit("rinzler_train_end", run=run, error=None)
    assert heard_by("bad") == [1]
    assert [each[2] for each in heard_by("logger")] == [1, 2, 3, None]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    message = record.getMessage()
    assert message.startswith("plugin bad (rinzler-bad 1.0): rinzler_step_end raised ")
    assert message.endswith("; it hears no more events in this process")
    report = site.report("bad")
    assert (report.kind, report.state) == ("events", "broken")
    assert report.reason.startswith("rinzler_step_end raised ")
    assert "Traceback" in report.traceback


def test_a_dropped_listener_keeps_its_backend(site, run, backends):
    site.install_stranger()
    listener = "@hookimpl\ndef rinzler_train_start(run):\n    raise ValueError\n"
    source = listener + backends("'stranger', 'strange_stranger.backend:Backend'")
    (site.path / "rinzler_stranger_plugin.py").write_text(
        "from rinzler.plugins import BackendInfo, hookimpl\n" + source, encoding="utf-8"
    )
    plugins = site.plugins()
    emit("rinzler_train_start", run=run, step=0)
    assert open_device("stranger").name == "stranger"
    states = {each.kind: each.state for each in plugins.reports()}
    assert states == {"backend": "open", "events": "broken"}


def test_ctrl_c_in_a_listener_stops_the_run(site, run):
    site.install_plugin(
        "bad", "@hookimpl\ndef rinzler_train_start():\n    raise KeyboardInterrupt\n"
    )
    site.plugins()
    with pytest.raises(KeyboardInterrupt):
        emit("rinzler_train_start", run=run, step=0)


def test_strict_makes_a_raising_listener_an_error(site, run, monkeypatch):
    site.install_plugin("bad", "@hookimpl\ndef rinzler_train_start():\n    1 / 0\n")
    site.plugins()
    monkeypatch.setenv("RINZLER_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"bad \(rinzler-bad\): rinzler_train_start raised Zero"):
        emit("rinzler_train_start", run=run, step=0)


def test_the_run_is_read_only(tmp_path):
    config = {"seed": 3}
    run = RunInfo(tmp_path, config)
    with pytest.raises(TypeError, match="does not support item assignment"):
        run.config["seed"] = 4
    config["seed"] = 5
    assert run.config["seed"] == 3
    with pytest.raises(AttributeError):
        run.directory = Path()


@pytest.mark.parametrize("hook", ["rinzler_step", "rinzler_backends", "hookimpl", "Path"])
def test_only_events_can_be_emitted(site, hook):
    site.plugins()
    with pytest.raises(PluginError, match=f"emit: there is no event '{hook}'"):
        emit(hook)


def test_an_event_has_all_its_facts_and_no_others(site, run):
    site.plugins()
    with pytest.raises(PluginError) as caught:
        emit("rinzler_train_end", run=run, eror=None)
    assert str(caught.value) == (
        "emit: rinzler_train_end got ['eror', 'run'], expected ['run', 'error']"
    )
