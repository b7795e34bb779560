"""Whole runs in this process: what is printed, what lies in the folder, and every way to end."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from rinzler import checkpoint
from rinzler.cli import main, streams
from rinzler.cli.attended import AttendedTrainer
from rinzler.plugins import events
from rinzler.train import Evaluated, Stepped, Trainer

TEXT = "Ünder the räin 🙂 the quick brown fox jumps over the lazy dog, naïvely.\n" * 60
TINY: dict[str, object] = {
    "d_model": 16,
    "layers": 1,
    "context": 16,
    "batch_size": 4,
    "lr": 0.01,
    "steps": 6,
    "gen_every": 4,
    "save_every": 3,
    "eval_every": 3,
    "backend": "numpy",
}


def flags(**settings: object) -> list[str]:
    """TINY with some settings changed, as it would be typed."""
    merged = {**TINY, **settings}
    return [
        word
        for name, value in merged.items()
        for word in ("--" + name.replace("_", "-"), str(value))
    ]


class Shell:
    """A folder to work in, and the commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        self.patch = patch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.patch.setattr("sys.argv", list(words))
        enter = {"rinzler-train": main.train_main, "rinzler-generate": main.generate_main}
        code = enter.get(words[0], main.main)()
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def train(self, *words: str, **settings: object) -> tuple[int, str, str]:
        return self("rinzler-train", *words, *flags(**settings))

    def refused(self, *words: str) -> tuple[int, str]:
        code, out, err = self(*words)
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1, err
        return code, err.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (12, 0.8))  # short samples do
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    return Shell(capsys, monkeypatch)


# --- a run that goes well ---------------------------------------------------------------------


def test_what_a_person_sees(shell: Shell) -> None:
    code, out, err = shell.train("fox.txt")
    assert code == 0
    lines = err.splitlines()
    folder = Path("runs", "fox-001")
    last = folder / "step-000006.safetensors"
    starts = [
        "corpus     fox · 1 document · 4.62 kB, 462 bytes of it for validation",
        "model      1 layer x 16 · 1 head · context 16 · 7,664 parameters",
        'backend    numpy ("numpy" was asked for)',
        "plan       6 steps x 64 tokens = 384 tokens · 0.092 passes over the text",
        f"run        {folder}",
        "yardstick  guessing costs ln 256 = 5.545 nats, 8.00 bits per byte; gzip ",
        "",
        "step       1/6  loss 5.",
    ]
    for line, start in zip(lines, starts, strict=False):
        assert line.startswith(start)
    assert sum(line.startswith("step ") for line in lines) == 6
    assert sum(line.startswith("validation step ") for line in lines) == 2
    assert f"saved      {last} ({last.stat().st_size / 1000:.3g} kB)" in lines
    end = lines[lines.index("") + 1 :]
    end = end[end.index("") + 1 :]
    assert end[0].startswith("done       6 steps · ")
    assert end[1].startswith("result     ")
    assert "bits per byte on unseen text; gzip still does better (" in end[1]
    assert end[2].startswith(f"try it     rinzler-generate {folder} --prompt ")
    again = " ".join(flags()).replace("--steps 6 ", "") + " --steps 24"
    assert end[3] == f"go further rinzler-train fox.txt {again}"
    assert out.count("── sample after step ") == 2
    assert "\x1b" not in out + err


def test_what_lies_in_the_folder(shell: Shell) -> None:
    shell.train("fox.txt")
    folder = Path("runs", "fox-001")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "metrics.jsonl",
        "samples.txt",
        "step-000003.safetensors",
        "step-000006.safetensors",
    ]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["training"]["steps"] == 6
    assert config["model"]["d_model"] == 16
    assert config["corpus"]["texts"] == ["fox.txt"]
    assert config["command"].startswith("rinzler-train fox.txt --d-model 16 ")
    assert {"rinzler", "python", "numpy", "rinzler-numpy"} <= set(config["versions"])
    samples = (folder / "samples.txt").read_text(encoding="utf-8")
    assert samples.startswith("── sample after step 4 ──\n")
    saved = checkpoint.load(folder / "step-000006.safetensors")
    assert saved.meta["step"] == 6
    shell.train("fox.txt")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["fox-001", "fox-002"]


def test_json_is_all_that_stdout_holds(shell: Shell) -> None:
    code, out, err = shell.train("fox.txt", "--json", "--run-dir", "here")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == [
        *("start", "step", "step", "step", "validation", "checkpoint", "step", "sample"),
        *("step", "step", "validation", "checkpoint", "sample", "end"),
    ]
    keys = {event["event"]: set(event) - {"event"} for event in events}
    assert keys == {
        "start": {
            *("corpus", "model", "parameters", "training", "backend", "tokens_per_step", "run"),
        },
        "step": {"step", "loss", "lr", "grad_norm", "tokens_per_second"},
        "validation": {"step", "loss", "bits_per_byte", "tokens", "final"},
        "sample": {"step", "text"},
        "checkpoint": {"step", "path", "bytes"},
        "end": {
            *("steps", "seconds", "tokens_per_second", "val_loss", "val_bits_per_byte"),
            *("checkpoint", "stopped_by"),
        },
    }
    start, end = events[0], events[-1]
    assert start["corpus"]["name"] == "fox"
    assert start["run"] == "here"
    assert start["parameters"] == 7664
    assert end["steps"] == 6
    assert end["stopped_by"] is None
    assert end["val_loss"] == events[-4]["loss"]
    assert end["val_bits_per_byte"] == pytest.approx(end["val_loss"] / 0.6931471805599453)
    assert Path("here", "metrics.jsonl").read_text(encoding="utf-8") == out
    assert "── sample" not in err
    assert "step       6/6" in err


def test_quiet_prints_the_last_checkpoint_and_nothing_else(shell: Shell) -> None:
    assert shell.train("fox.txt", "--quiet") == (
        0,
        str(Path("runs", "fox-001", "step-000006.safetensors")) + "\n",
        "",
    )


def test_the_same_seed_gives_the_same_bits_and_another_one_others(shell: Shell) -> None:
    digests = []
    for seed in ("5", "5", "6"):
        _, out, _ = shell.train("fox.txt", "--quiet", "--seed", seed)
        saved = checkpoint.load(Path(out.strip()))
        digests.append({name: array.tobytes() for name, array in saved.tensors.items()})
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_files_folders_and_patterns_go_together(shell: Shell) -> None:
    Path("notes").mkdir()
    for name in ("a.md", "b.md", "c.txt"):
        Path("notes", name).write_text(name + TEXT, encoding="utf-8")
    code, out, _ = shell.train("notes/*.md", "--corpus", "notes/c.txt", "--quiet")
    assert (code, Path(out).parent) == (0, Path("runs", "notes-001"))
    config = json.loads(Path("runs/notes-001/config.json").read_text(encoding="utf-8"))
    assert config["corpus"]["documents"] == 3
    assert Path(shell.train("notes", "--quiet")[1]).parent == Path("runs", "notes-002")
    assert Path(shell.train("fox.txt", "notes", "--quiet")[1]).parent.name.startswith("test")


def test_overfitting_is_called_by_its_name(shell: Shell) -> None:
    Path("one.txt").write_text("abcdefghij" * 30 + "zyxwvutsrq" * 4, encoding="utf-8")
    _, _, err = shell.train("one.txt", steps=60, gen_every=0)
    (line,) = [line for line in err.splitlines() if line.startswith("overfits ")]
    assert "% lower: it learns the text by heart. Add text, or --dropout 0.2" in line


# --- text from a run --------------------------------------------------------------------------


def test_generated_text_depends_on_the_seed_alone(shell: Shell) -> None:
    shell.train("fox.txt", "--quiet", steps=40)
    words = ("rinzler-generate", "runs/fox-001", "--prompt", "Ünder 🙂", "--tokens", "30")
    code, out, err = shell(*words)
    assert code == 0
    assert out.startswith("Ünder 🙂")
    assert len(out) > 20
    assert err == f"{Path('runs', 'fox-001', 'step-000040.safetensors')} · step 40 · numpy\n"
    assert shell(*words)[1] == out
    assert shell(*words, "--seed", "1")[1] != out
    path = str(Path("runs", "fox-001", "step-000003.safetensors"))
    assert shell("rinzler", "generate", path, "--temperature", "0", "--tokens", "3")[0] == 0


def test_a_damaged_checkpoint_is_passed_over_and_said(shell: Shell) -> None:
    shell.train("fox.txt", "--quiet")
    last = Path("runs", "fox-001", "step-000006.safetensors")
    last.write_bytes(last.read_bytes()[:-7])
    code, out, err = shell("rinzler-generate", "runs/fox-001", "--tokens", "5")
    assert code == 0
    assert out
    first, second = err.splitlines()
    assert first.startswith(f"skipped {last} is damaged or not a checkpoint: it is incomplete")
    assert second.startswith(str(Path("runs", "fox-001", "step-000003.safetensors")))
    code, message = shell.refused("rinzler-generate", str(last))
    assert code == 3
    assert message.startswith(f"{last} is damaged or not a checkpoint: it is incomplete")


def test_which_run(shell: Shell) -> None:
    hint = "name a run's folder or a checkpoint: "
    assert shell.refused("rinzler-generate") == (2, hint + "rinzler-train makes one")
    code, message = shell.refused("rinzler-generate", "runs/fox-007")
    assert code == 3
    assert message == (
        f"there is no run or checkpoint {Path('runs/fox-007')}. Train one first: rinzler-train"
    )
    shell.train("fox.txt", "--quiet")
    newest = Path("runs", "fox-001")
    assert shell.refused("rinzler-generate") == (2, hint + f"rinzler-generate {newest}")
    _, message = shell.refused("rinzler-generate", "runs/fox-007")
    assert message.endswith(f"fox-007. The newest here: {newest}")
    Path("empty").mkdir()
    code, message = shell.refused("rinzler-generate", "empty")
    assert code == 3
    assert message.startswith("empty has no checkpoint that can be used")


RANGES = [
    ("--tokens", "0", "--tokens is 0, expected a whole number of at least 1"),
    ("--temperature", "-1", "--temperature is -1.0, expected 0 or more"),
    ("--temperature", "nan", "--temperature is nan, expected 0 or more"),
    ("--seed", "-1", "--seed is -1, expected a whole number of at least 0"),
]


@pytest.mark.parametrize(("flag", "value", "message"), RANGES)
def test_ranges_of_generate(flag: str, value: str, message: str, shell: Shell) -> None:
    assert shell.refused("rinzler-generate", "x", flag, value) == (2, message)


# --- requests that cannot be carried out ------------------------------------------------------

REFUSALS: list[tuple[list[str], int, str]] = [
    (["gone.md"], 2, 'no file, folder or pattern matches "gone.md"'),
    (["*.gone"], 2, 'no file, folder or pattern matches "*.gone"'),
    (["empty.txt"], 2, "nothing to learn from: empty.txt is empty. Name a file with some text"),
    (["bin.txt"], 2, "bin.txt looks binary, with a zero byte at offset 1. Name text files only"),
    (["latin.txt"], 2, "latin.txt is not UTF-8: byte 0xe9 at offset 3. Convert it with: iconv"),
    (["fox.txt", "--heads", "5"], 2, "--heads 5 does not divide --d-model 16 (3.2 each); use "),
    (["fox.txt", "--dropout", "1"], 2, "--dropout is 1.0, expected 0 ≤ dropout < 1"),
    (["fox.txt", "--val-fraction", "0"], 2, "--val-fraction is 0.0, expected more than 0 and < 1"),
    (["fox.txt", "--val-fraction", "nan"], 2, "--val-fraction is nan, expected more than 0"),
    (
        ["fox.txt", "--context", "9999"],
        2,
        "the training text has 4158 tokens, and one example needs 10000 (--context 9999 + 1). "
        "Lower the context to 4157 or less, or add text",
    ),
    (
        ["short.txt"],
        2,
        "the validation text has 1 tokens, expected at least 2. Add text, or hold back more: "
        "--val-fraction 0.2",
    ),
    (["fox.txt", "--run-dir", "full"], 2, "the run folder full is not empty (x). Name a new one"),
    (["fox.txt", "--run-dir", "fox.txt"], 2, "fox.txt is a file, expected a new folder"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSALS, ids=lambda x: str(x)[:30])
def test_a_request_that_cannot_be_carried_out_leaves_nothing_behind(
    words: list[str], code: int, message: str, shell: Shell
) -> None:
    Path("empty.txt").touch()
    Path("bin.txt").write_bytes(b"a\0b")
    Path("latin.txt").write_bytes("caf\xe9 au lait".encode("latin1"))
    Path("short.txt").write_text("0123456789", encoding="utf-8")
    Path("full").mkdir()
    Path("full", "x").touch()
    before = sorted(Path().rglob("*"))
    got, text = shell.refused("rinzler-train", *words, "--steps", "6", "--d-model", "16")
    assert text.startswith(message)
    assert got == code
    assert sorted(Path().rglob("*")) == before


def test_backends_that_cannot_be_had(shell: Shell) -> None:
    shell.train("fox.txt", "--quiet")
    for command in (("rinzler-train", "fox.txt"), ("rinzler-generate", "runs/fox-001")):
        code, message = shell.refused(*command, "--backend", "nmpy")
        assert code == 3
        assert message.startswith('backend "nmpy" is not installed. Did you mean "numpy"?')


def test_a_name_that_is_neither_text_nor_corpus(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rinzler.cli.corpus.list_corpora", list)
    code, message = shell.refused("rinzler-train", "pyton")
    assert code == 2
    assert message.startswith('no file, folder or pattern matches "pyton"')
    assert message.endswith("(installed corpora: none)")


def test_no_text_and_no_corpus_to_fall_back_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rinzler.errors import DataError

    def missing(name: str) -> Any:
        raise DataError(f'corpus "{name}" is not installed')

    monkeypatch.setattr("rinzler.cli.corpus.load_corpus", missing)
    code, message = shell.refused("rinzler-train")
    assert code == 2
    assert message == (
        'no text was named, and the one for that case cannot be had: corpus "python" is not '
        "installed. Name a text: rinzler-train notes.txt, or: pip install rinzler-corpus"
    )


def test_an_installed_corpus_by_name_unless_a_file_has_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rinzler.plugins import CorpusInfo

    monkeypatch.setattr(
        "rinzler.cli.corpus.list_corpora", lambda: [CorpusInfo("verse", "a:b")]
    )
    monkeypatch.setattr("rinzler.cli.corpus.load_corpus", lambda name: [(name, TEXT * 2)])
    _, _, err = shell.train("--corpus", "verse")
    assert "corpus     verse · 1 document · 9.24 kB" in err
    _, _, err = shell.train("verse", "fox.txt")
    assert " · 2 documents · 13.9 kB" in err
    Path("verse").write_text(TEXT, encoding="utf-8")
    _, _, err = shell.train("verse")
    assert "corpus     verse · 1 document · 4.62 kB" in err


def test_a_guard_that_stops_the_run(shell: Shell) -> None:
    code, _, err = shell.train("fox.txt", lr=1e30, steps=20, eval_every=0)
    assert code == 4
    *_, message, note = err.splitlines()
    assert message.startswith("error: step ")
    assert "the weights were left as they were. Try a lower --lr (now 1e+30)" in message
    path = Path("runs", "fox-001", "step-000003.safetensors")
    assert note == (f"the last checkpoint is {path}" if path.exists() else "no checkpoint was saved")


# --- ways to end early ------------------------------------------------------------------------


def signal_in_step(number: int, *signals: int) -> Any:
    """Trainer.step, with signals that arrive in the middle of one."""
    step = Trainer.step

    def disturbed(self: Trainer) -> Stepped:
        if self.steps + 1 == number:
            for each in signals:
                signal.raise_signal(each)
        return step(self)

    return disturbed


@pytest.mark.parametrize(
    ("which", "code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_one_signal_ends_the_step_saves_and_leaves(
    which: int, code: int, name: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(Trainer, "step", signal_in_step(5, which))
    got, out, err = shell.train("fox.txt", "--json")
    assert got == code
    path = Path("runs", "fox-001", "step-000005.safetensors")
    assert checkpoint.load(path).meta["step"] == 5
    assert f"stopped    after 5 of 6 steps ({name}) · " in err
    assert "try it     rinzler-generate" in err
    end = json.loads(out.splitlines()[-1])
    assert (end["steps"], end["checkpoint"]) == (5, str(path))
    assert end["stopped_by"] == signal.Signals(which).name
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_two_signals_leave_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "step", signal_in_step(5, signal.SIGINT, signal.SIGINT))
    code, _, err = shell.train("fox.txt")
    assert code == 130
    path = Path("runs", "fox-001", "step-000003.safetensors")
    assert err.endswith(f"the last checkpoint is {path}\n")
    assert checkpoint.newest(path.parent) == (path, [])


def test_validation_need_not_end_first(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = Trainer.evaluate
    ended = []

    def disturbed(self: Trainer, final: bool = False) -> Evaluated:
        if final:
            signal.raise_signal(signal.SIGINT)
        ended.append(final)
        return evaluate(self, final)

    monkeypatch.setattr(Trainer, "evaluate", disturbed)
    code, _, err = shell.train("fox.txt")
    assert (code, ended) == (130, [False])
    assert checkpoint.newest(Path("runs", "fox-001"))[0].name == "step-000006.safetensors"
    assert "then       validating on all of the held-back text" in err


class ClosedPipe:
    """A stdout whose reader has gone."""

    def write(self, text: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        """Nothing to do."""


def test_a_reader_who_leaves_stops_the_run_after_saving(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "drop_stdout", lambda: None)
    monkeypatch.setattr(streams, "speak_utf8", lambda: None)
    monkeypatch.setattr(sys, "stdout", ClosedPipe())
    code, _, err = shell.train("fox.txt", gen_every=2)
    assert code == streams.EXIT_BROKEN_PIPE
    assert "stopped    after 2 of 6 steps (stdout was closed)" in err
    assert checkpoint.newest(Path("runs", "fox-001"))[0].name == "step-000002.safetensors"


# --- what plugins hear ------------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    said: list[tuple[str, dict[str, Any]]] = []

    def listen(hook: str, **facts: Any) -> None:
        events._check_facts(hook, facts)
        said.append((hook.removeprefix("rinzler_"), facts))

    for module in ("records", "train"):
        monkeypatch.setattr(f"rinzler.cli.{module}.emit", listen)
    return said


def test_plugins_hear_of_everything_in_order(
    shell: Shell, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    shell.train("fox.txt", steps=3)
    assert [hook for hook, _ in heard] == [
        *("train_start", "step_end", "step_end", "step_end", "eval_end"),
        *("checkpoint_saved", "train_end"),
    ]
    run = heard[0][1]["run"]
    assert run.directory == Path("runs", "fox-001")
    assert run.config["training"]["steps"] == 3
    assert heard[3][1]["step"] == 3
    assert set(heard[4][1]["metrics"]) == {"val_loss"}
    assert heard[5][1]["path"] == run.directory / "step-000003.safetensors"
    assert heard[-1][1]["error"] is None


def test_plugins_hear_of_an_end_by_error(
    shell: Shell, heard: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "step", signal_in_step(2, signal.SIGINT, signal.SIGINT))
    shell.train("fox.txt")
    hook, facts = heard[-1]
    assert hook == "train_end"
    assert isinstance(facts["error"], KeyboardInterrupt)
