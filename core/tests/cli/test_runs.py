"""Whole runs that go well: what is printed, what lies in the folder, and what generates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rinzler import checkpoint


def test_what_a_person_sees(shell) -> None:
    code, out, err = shell.train("fox.txt")
    assert code == 0
    lines = err.splitlines()
    folder = Path("runs", "fox-001")
    last = folder / "step-000006.safetensors"
    starts = [
        "corpus     fox · 1 document · 4.62 kB, 462 bytes of it for validation",
        "model      1 layer x 16 · 1 head · context 16 · 7,664 parameters",
        "tokenizer  bytes, a token each",
        "backend    numpy · ",
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
    assert end[3] == f"go further rinzler-train --resume {folder} --steps 24 --backend numpy"
    assert out.count("── sample after step ") == 2
    assert "\x1b" not in out + err


def test_what_lies_in_the_folder(shell) -> None:
    shell.train("fox.txt")
    folder = Path("runs", "fox-001")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "lock",
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


def test_json_is_all_that_stdout_holds(shell) -> None:
    code, out, err = shell.train("fox.txt", "--json", "--run-dir", "here")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == [
        *("start", "step", "step", "step", "checkpoint", "validation", "step", "sample"),
        *("step", "step", "checkpoint", "validation", "sample", "end"),
    ]
    keys = {event["event"]: set(event) - {"event"} for event in events}
    assert keys == {
        "start": {
            *("corpus", "tokenizer", "model", "parameters", "training", "backend"),
            *("tokens_per_step", "run"),
        },
        "step": {"step", "loss", "lr", "grad_norm", "tokens_per_second"},
        "validation": {"step", "val_loss", "val_bpb", "tokens", "final"},
        "sample": {"step", "text"},
        "checkpoint": {"step", "path", "bytes"},
        "end": {
            *("steps", "seconds", "tokens_per_second", "val_loss", "val_bpb"),
            *("checkpoint", "stopped_by"),
        },
    }
    start, end = events[0], events[-1]
    assert start["corpus"]["name"] == "fox"
    assert start["run"] == "here"
    assert start["parameters"] == 7664
    assert end["steps"] == 6
    assert end["stopped_by"] is None
    assert end["val_loss"] == events[-3]["val_loss"]
    assert end["val_bpb"] == pytest.approx(end["val_loss"] / 0.6931471805599453)
    assert Path("here", "metrics.jsonl").read_text(encoding="utf-8") == out
    assert "── sample" not in err
    assert "step       6/6" in err


def test_quiet_prints_the_last_checkpoint_and_nothing_else(shell) -> None:
    assert shell.train("fox.txt", "--quiet") == (
        0,
        str(Path("runs", "fox-001", "step-000006.safetensors")) + "\n",
        "",
    )


def test_the_same_seed_gives_the_same_bits_and_another_one_others(shell) -> None:
    digests = []
    for seed in ("5", "5", "6"):
        _, out, _ = shell.train("fox.txt", "--quiet", "--seed", seed)
        saved = checkpoint.load(Path(out.strip()))
        digests.append({name: array.tobytes() for name, array in saved.tensors.items()})
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_files_folders_and_patterns_go_together(shell) -> None:
    Path("notes").mkdir()
    for name in ("a.md", "b.md", "c.txt"):
        Path("notes", name).write_text(name + shell.text, encoding="utf-8")
    code, out, _ = shell.train("notes/*.md", "--corpus", "notes/c.txt", "--quiet")
    assert (code, Path(out).parent) == (0, Path("runs", "notes-001"))
    config = json.loads(Path("runs/notes-001/config.json").read_text(encoding="utf-8"))
    assert config["corpus"]["documents"] == 3
    assert Path(shell.train("notes", "--quiet")[1]).parent == Path("runs", "notes-002")
    assert Path(shell.train("fox.txt", "notes", "--quiet")[1]).parent.name.startswith("test")


def test_overfitting_is_called_by_its_name(shell) -> None:
    Path("one.txt").write_text("abcdefghij" * 30 + "zyxwvutsrq" * 4, encoding="utf-8")
    _, _, err = shell.train("one.txt", steps=60, gen_every=0)
    (line,) = [line for line in err.splitlines() if line.startswith("overfits ")]
    assert "% lower: it learns the text by heart. Add text, or --dropout 0.2" in line


# --- text from a run --------------------------------------------------------------------------


def test_generated_text_depends_on_the_seed_alone(shell) -> None:
    shell.train("fox.txt", "--quiet", steps=40, keep_last=0)
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


def test_a_damaged_checkpoint_is_passed_over_and_said(shell) -> None:
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


def test_which_run(shell) -> None:
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
def test_ranges_of_generate(flag: str, value: str, message: str, shell) -> None:
    assert shell.refused("rinzler-generate", "x", flag, value) == (2, message)
