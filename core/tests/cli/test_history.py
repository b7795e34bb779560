"""`rinzler runs` and `rinzler convert`: what is there, what is whole, the same in other forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rinzler import checkpoint
from rinzler.cli import lock, runs
from rinzler.cli.lock import owned

RUN = Path("runs", "fox-001")


@pytest.fixture
def two(shell) -> None:
    """A run that is finished, and one that has lost its last step and its best checkpoint."""
    shell.train("fox.txt", "--quiet", steps=12, save_every=2, eval_every=4)
    shell.train("fox.txt", "--quiet")
    Path("runs/fox-002/step-000006.safetensors").unlink()
    damaged = Path("runs/fox-002/step-000003.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-7])
    Path("runs/notes").mkdir()
    Path("runs/notes.txt").touch()


def test_all_runs(shell, two) -> None:
    code, out, err = shell("rinzler", "runs")
    assert (code, err) == (0, "")
    head, first, second = out.splitlines()
    assert head.split() == [
        "RUN",
        "STATE",
        "STEPS",
        "LAST",
        "VALIDATION",
        "CHECKPOINTS",
        "SIZE",
        "TEXT",
    ]
    assert first.startswith("fox-001  finished  12 of 12  ")
    assert first.endswith("  fox")
    assert second.startswith("fox-002  stopped   6 of 6    ")
    assert " bits per byte  3            " in first
    assert " bits per byte  1            " in second
    assert shell("rinzler", "runs", "runs")[1] == out


def test_all_runs_for_a_program(shell, two) -> None:
    code, out, _ = shell("rinzler", "runs", "--json")
    assert code == 0
    first, second = json.loads(out)
    assert first["folder"] == str(RUN)
    assert (first["state"], first["steps"], first["planned"]) == ("finished", 12, 12)
    assert first["nbytes"] == sum(path.stat().st_size for path in RUN.iterdir())
    assert first["last"]["step"] == 12
    assert first["best"]["step"] in (4, 8)
    assert second["checkpoints"] == 1


def test_the_checkpoints_of_one_run(shell, two) -> None:
    code, out, _ = shell("rinzler", "runs", str(RUN))
    assert code == 0
    head, titles, *rows = out.splitlines()
    assert head.startswith(f"{RUN} · finished · 12 of 12 steps · text fox · best validation ")
    assert titles.split() == ["CHECKPOINT", "STATE", "VALIDATION", "SIZE", "NOTE"]
    assert [row.split()[0] for row in rows] == [
        f"step-{step:06d}.safetensors" for step in checkpoint.in_folder(RUN)
    ]
    assert all(row.split()[1] == "valid" for row in rows)
    assert rows[-1].endswith("newest")
    best = json.loads(shell("rinzler", "runs", str(RUN), "--json")[1])["best"]["step"]
    (marked,) = [row for row in rows if row.endswith("best")]
    assert marked.startswith(f"step-{best:06d}")
    saved = checkpoint.load(RUN / "step-000012.safetensors")
    assert saved.meta["best"][0] == best


def test_a_damaged_one_says_why(shell, two) -> None:
    _, out, _ = shell("rinzler", "runs", "runs/fox-002")
    (row,) = [line for line in out.splitlines() if line.startswith("step-")]
    assert "  damaged  " in row
    assert "best, is damaged or not a checkpoint: it is incomplete, " in row
    record = json.loads(shell("rinzler", "runs", "runs/fox-002", "--json")[1])
    (kept,) = record["kept"]
    assert not kept["valid"]
    assert not kept["newest"]
    assert kept["reason"].startswith("is damaged or not a checkpoint")
    Path("runs/fox-002/step-000003.safetensors").unlink()
    assert shell("rinzler", "runs", "runs/fox-002")[1].endswith("\nit has no checkpoint\n")


def test_a_run_under_way_is_named_with_its_process(shell, two) -> None:
    assert lock.holder(RUN) is None
    assert lock.holder(Path("runs/none")) is None
    with owned(RUN):
        assert "process " in str(lock.holder(RUN))
        record = json.loads(shell("rinzler", "runs", str(RUN), "--json")[1])
        assert record["state"] == "running"
        assert "process " in record["note"]
        assert "fox-001  running  12 of 12" in shell("rinzler", "runs")[1]
    assert lock.holder(RUN) is None


def test_what_cannot_be_read_is_said(shell, two) -> None:
    (RUN / "config.json").write_text("{", encoding="utf-8")
    (RUN / "metrics.jsonl").write_text('{"event": "validation"}\n[]\n{"event": "step"}\n')
    code, out, _ = shell("rinzler", "runs", str(RUN))
    assert code == 0
    head, note, *_ = out.splitlines()
    assert head == f"{RUN} · damaged · 12 steps"
    assert note.startswith(f"{RUN / 'config.json'} is damaged: ")
    code, message = shell.refused("rinzler", "runs", "runs/fox-009")
    assert code == 3
    assert message.startswith(f"there is no run or checkpoint {Path('runs/fox-009')}. The newest")


def test_no_runs_yet(shell) -> None:
    assert shell.refused("rinzler", "runs") == (
        3,
        "runs cannot be searched for runs: No such file or directory. "
        "Train one first: rinzler-train, or name the folder they are in: rinzler runs FOLDER",
    )
    Path("runs").mkdir()
    assert shell("rinzler", "runs") == (
        0,
        "there are no runs in runs yet. Train one: rinzler-train\n",
        "",
    )


def test_a_name_cannot_give_orders_to_a_terminal(shell, two, monkeypatch) -> None:
    config = json.loads((RUN / "config.json").read_text(encoding="utf-8"))
    config["corpus"]["name"] = "a\x1b]0;b"
    (RUN / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "a␛]0;b" in shell("rinzler", "runs")[1]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    text = runs.visible_table(("STATE", "TEXT"), [("stopped", "a\x1b]0;b")])
    assert "a␛]0;b" in text
    assert "\x1b[33mstopped" in text


# --- convert -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.json", "model.bin", "model.safetensors"])
def test_there_and_back(name: str, shell, two) -> None:
    code, out, err = shell("rinzler", "convert", str(RUN), name)
    assert (code, out) == (0, "")
    newest = RUN / "step-000012.safetensors"
    first, second = err.splitlines()
    assert first.startswith(f"{newest} · step 12 · ")
    both = " and model.bin.json" if name == "model.bin" else ""
    assert second.startswith(f"written to {name}{both} (")
    assert shell("rinzler", "convert", name, "back.safetensors")[0] == 0
    assert Path("back.safetensors").read_bytes() == newest.read_bytes()


@pytest.mark.parametrize("name", ["model.json", "model.bin", "model.bin.json"])
def test_every_form_can_be_used(name: str, shell, two) -> None:
    shell("rinzler", "convert", str(RUN), name.replace(".bin.json", ".bin"))
    words = ("--prompt", "the ", "--tokens", "9", "--backend", "numpy")
    _, expected, _ = shell("rinzler-generate", str(RUN), *words)
    code, out, _ = shell("rinzler-generate", name, *words)
    assert (code, out) == (0, expected)
    code, measured, _ = shell("rinzler", "eval", name, "fox.txt", "--backend", "numpy")
    assert code == 0
    assert shell("rinzler", "eval", str(RUN), "fox.txt", "--backend", "numpy")[1] == measured
    settings = ("--steps", "2", "--backend", "numpy", "--quiet", "--batch-size", "2")
    code, out, _ = shell("rinzler-train", "fox.txt", "--init", name, *settings)
    assert code == 0
    code, message = shell.refused("rinzler-train", "--resume", name, "--backend", "numpy")
    assert code == 3
    assert message == (
        "a run goes on from its own checkpoints, step-NNNNNN.safetensors, and not from "
        f"{name}. A new run can take its weights: --init {name}"
    )


def test_weights_alone(shell, two) -> None:
    assert shell("rinzler", "convert", str(RUN), "w.safetensors", "--weights")[0] == 0
    names = set(checkpoint.load(Path("w.safetensors")).tensors)
    whole = set(checkpoint.load(RUN / "step-000012.safetensors").tensors)
    assert names == {name for name in whole if not name.startswith("optimizer.")} < whole


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "name a run and a file: rinzler convert runs/NAME-001 model.json"),
        ((str(RUN), "model.gguf"), 2, "model.gguf ends in '.gguf', expected .safetensors, .json, "),
        ((str(RUN), "model"), 2, "model ends in 'nothing', expected .safetensors, .json, .bin"),
        ((str(RUN), "fox.json"), 2, "fox.json is there already. Name another file, or remove"),
        ((str(RUN), "fox.bin"), 2, "fox.bin.json is there already"),
        ((str(RUN), "none/x.json"), 3, "ENOENT"),
        (("fox.json", "x.bin"), 3, "fox.json is damaged or not a checkpoint: it has"),
    ],
)
def test_what_is_not_converted(words: tuple[str, ...], code: int, message: str, shell, two) -> None:
    for name in ("fox.json", "fox.bin.json"):
        Path(name).write_text("mine", encoding="utf-8")
    got, said = shell.refused("rinzler", "convert", *words)
    assert got == code
    assert message in said
    assert Path("fox.json").read_text(encoding="utf-8") == "mine"
    assert not Path("x.bin").exists()
