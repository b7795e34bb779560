"""What `--backend auto` takes to train, to generate and to evaluate, and what it says of that."""

from __future__ import annotations

import json
import sys

import pytest

from rinzler import __version__
from rinzler.autotune import Workload, store
from rinzler.autotune.grid import Cell, Place
from rinzler.autotune.row import Row
from rinzler.checkpoint import Checkpoint
from rinzler.cli import main
from rinzler.cli.preferring import trained_as
from rinzler.config import GPTConfig, TrainConfig
from rinzler.plugins import manager, open_device

TRAIN = (
    *("--d-model", "16", "--layers", "1", "--context", "16", "--batch-size", "2"),
    *("--vocab-size", "0", "--steps", "1", "--plain"),
)


@pytest.fixture
def train(tune, capsys, monkeypatch, tmp_path):
    """A run of one step; returns the lines of its plan by label."""
    (tmp_path / "fox.txt").write_text("the quick brown fox\n" * 100, encoding="utf-8")

    def run(*words: str) -> dict[str, str]:
        monkeypatch.setattr(manager, "_plugins", None)
        monkeypatch.setattr("sys.argv", ["rinzler-train", "fox.txt", *TRAIN, *words])
        assert main.train_main() == 0
        lines = capsys.readouterr().err.splitlines()
        return {line[:11].strip(): line[11:] for line in lines}

    return run


@pytest.fixture
def measured(kept):
    """A row as the tuner keeps it, with the device as it says now."""

    def write(name: str, **changes: object) -> None:
        report = next(each for each in manager.plugins().reports("described") if each.name == name)
        place = Place(name, f"{report.distribution} {report.version}")
        text = open_device(name).backend.caps.device_text
        row = Row(Cell(place, 1, 2, 1), device=text, state="measured", tokens=32)
        row.windows = [[0.001] * 3]
        workload = Workload(GPTConfig(257, 16, 16, 1, 1), TrainConfig(batch_size=2))
        store.keep(workload, [store.record_of(row, workload, __version__, "quick") | changes])

    return write


def changed(kept, **changes):
    """Rows as if measured otherwise."""
    (path,) = kept.iterdir()
    records = [json.loads(line) | changes for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")


def test_a_run_takes_what_was_fastest_and_says_so(field, tune, train):
    field("slow")  # of a higher priority than numpy
    assert "highest priority of slow, numpy" in train()["backend"]
    assert tune()[0] == 0
    said = train()["backend"]
    assert said.startswith("numpy · ")
    assert "auto: fastest of what rinzler-autotune measured on 2" in said
    assert "tok/s" in said
    assert train("--backend", "slow")["backend"].startswith("slow · ")


def test_what_is_stale_is_named_and_not_obeyed(field, train, measured):
    field("slow")
    measured("numpy", core="0.0.1")
    said = train()
    assert said["backend"].startswith("slow · ")
    assert "but core was 0.0.1 and is " in said["skipped"]
    assert said["skipped"].endswith("Measure again: rinzler-autotune")


def test_another_device_is_named(field, train, measured):
    field("slow")
    measured("numpy", device="a machine that was here before")
    said = train()
    assert said["backend"].startswith("numpy · ")
    assert "numpy was measured on a machine that was here before and runs on " in said["skipped"]


def test_a_backend_that_no_longer_opens_is_named(field, train, measured, tmp_path):
    field("like_numpy")
    measured("like_numpy")
    source = tmp_path / "site" / "like_numpy_backend.py"
    source.write_text("def make():\n    raise OSError('gone fishing')\n", encoding="utf-8")
    sys.modules.pop("like_numpy_backend")
    said = train()
    assert said["backend"].startswith("numpy · ")
    assert "gone fishing" in said["skipped"]


def test_a_plugin_may_choose(field, train, measured, tmp_path):
    field("slow")
    measured("numpy")
    sys.modules.pop("slow_plugin")
    plugin = tmp_path / "site" / "slow_plugin.py"
    plugin.write_text(
        plugin.read_text("utf-8") + "\n@hookimpl\ndef rinzler_select_backend(names, workload):\n"
        "    assert names == ['slow', 'numpy']\n"
        "    return 'slow' if workload['model']['d_model'] == 16 else None\n",
        encoding="utf-8",
    )
    assert "auto: plugin slow says so" in train()["backend"]


def test_a_plugin_that_raises_while_choosing_is_passed_over(field, train, tmp_path, caplog):
    field("like_numpy")
    plugin = tmp_path / "site" / "like_numpy_plugin.py"
    raising = "\n@hookimpl\ndef rinzler_select_backend():\n    raise OSError('no idea')\n"
    plugin.write_text(plugin.read_text("utf-8") + raising, encoding="utf-8")
    assert "highest priority of like_numpy, numpy" in train()["backend"]
    assert "rinzler_select_backend raised OSError: no idea" in caplog.text


def test_show_lists_what_was_measured_and_what_is_stale(field, tune, train, kept):
    field()
    code, out, err = tune("--show")
    assert (code, out, err) == (
        3,
        "",
        "nothing was measured for this model yet: rinzler-autotune\n",
    )
    tune()
    code, out, err = tune("--show")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].startswith("numpy ")
    changed(kept, core="0.0.1")
    assert "stale: core was 0.0.1" in tune("--show")[1]
    rows = [json.loads(line) for line in tune("--show", "--json")[1].splitlines()]
    assert rows[0]["stale"][0].startswith("core was 0.0.1")


# --- a model that is there ----------------------------------------------------------------------


@pytest.fixture
def use(train, capsys, monkeypatch):
    """What a command says on stderr of the checkpoint of a run of one step."""
    train()
    capsys.readouterr()

    def say(*words: str) -> str:
        monkeypatch.setattr(manager, "_plugins", None)
        monkeypatch.setattr("sys.argv", list(words))
        entry = main.generate_main if words[0] == "rinzler-generate" else main.main
        assert entry() == 0
        return capsys.readouterr().err

    return say


GENERATE = ("rinzler-generate", "runs/fox-001", "--prompt", "the", "--tokens", "2")
EVALUATE = ("rinzler", "eval", "runs/fox-001", "fox.txt")
SAID = "step 1 · numpy (auto: fastest in training, measured on 2"


@pytest.mark.parametrize("words", [GENERATE, EVALUATE], ids=["generate", "eval"])
def test_a_trained_model_is_used_where_it_was_trained_fastest(field, use, measured, words):
    field("slow")
    assert "step 1 · slow\n" in use(*words)
    measured("numpy")
    assert SAID in use(*words)
    assert "step 1 · slow\n" in use(*words, "--backend", "slow")


def test_threads_are_those_of_the_row(field, use, measured, monkeypatch):
    field("slow")
    measured("numpy")
    counts = []
    monkeypatch.setattr("rinzler_numpy.backend.NumpyBackend.set_threads", counts_in(counts))
    assert SAID in use(*GENERATE)
    assert counts == [1]
    assert SAID in use(*GENERATE, "--threads", "2")
    assert counts == [1, 1, 2]  # what was asked for comes last


def counts_in(counts):
    return lambda backend, count: counts.append(count)


def test_a_stale_row_is_told_only_if_asked(field, use, measured):
    field("slow")
    measured("numpy", core="0.0.1")
    assert use(*GENERATE).endswith("step 1 · slow\n")
    assert "numpy was fastest on 2" in use(*GENERATE, "--verbose")


@pytest.mark.parametrize("damage", [{}, {"training": None}, {"training": {"batch_size": "x"}}])
def test_a_checkpoint_that_does_not_say_how_it_was_trained(damage):
    """Any tool may have written it; it is used as if nothing had been measured."""
    meta = {"model": GPTConfig(257, 16, 16, 1, 1).to_json(), "dtype": "float32"}
    assert trained_as(Checkpoint({}, meta | damage)) is None
    training = TrainConfig(batch_size=2)
    workload = trained_as(Checkpoint({}, meta | {"training": training.to_json()}))
    assert workload == Workload(GPTConfig(257, 16, 16, 1, 1), training)
    assert trained_as(Checkpoint({}, meta | {"model": 3, "training": training.to_json()})) is None
