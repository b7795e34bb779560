"""What a run will take, before it takes it: memory, disk, time; and a disk that is too small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rinzler import checkpoint
from rinzler.cli import needs
from rinzler.cli.words import size
from rinzler.files import FileSystem


def field(out: str, label: str) -> str:
    (line,) = [line for line in out.splitlines() if line.startswith(f"{label} ")]
    return line.removeprefix(label).strip()


def test_the_plan_is_printed_and_nothing_is_done(shell) -> None:
    code, out, err = shell.train("fox.txt", "--plan")
    assert (code, err) == (0, "")
    assert [path.name for path in Path.cwd().iterdir()] == ["fox.txt"]
    labels = [line.split()[0] for line in out.splitlines()]
    assert labels == [
        *("corpus", "model", "tokenizer", "backend", "plan", "yardstick", "memory", "disk", "time")
    ]
    assert " weights 30.7 kB, gradients 30.7 kB, moments 61.4 kB, a step " in field(out, "memory")
    assert " kB for 2 checkpoints of " in field(out, "disk")
    assert "are free" in field(out, "disk")
    assert " ms a step, measured here just now, and validation" in field(out, "time")


def test_the_plan_is_an_object_for_programs(shell) -> None:
    code, out, _ = shell.train("fox.txt", "--plan", "--json")
    record = json.loads(out)
    assert (code, record["event"], out.count("\n")) == (0, "plan", 1)
    assert record["memory"]["peak"] > record["memory"]["step"] > record["memory"]["weights"]
    assert record["disk"]["peak"] == 2 * record["disk"]["checkpoint"]
    assert record["seconds"] > record["seconds_per_step"] > 0
    assert record["training"]["steps"] == 6


def test_a_run_says_the_same_and_keeps_to_it(shell) -> None:
    settings = {"steps": 9, "save_every": 1, "keep_last": 2, "eval_every": 2, "vocab_size": 40}
    planned = json.loads(shell.train("fox.txt", "--plan", "--json", **settings)[1])
    code, out, err = shell.train("fox.txt", "--json", **settings)
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    taking = (
        f"{size(planned['memory']['peak'])} of memory · {size(planned['disk']['peak'])} of disk"
    )
    assert field(err, "plan").endswith(taking)
    sizes = [record["bytes"] for record in records if record["event"] == "checkpoint"]
    assert planned["disk"]["checkpoint"] == pytest.approx(max(sizes), rel=0.02)
    kept = list(Path("runs", "fox-001").glob("step-*"))
    assert len(kept) <= planned["disk"]["peak"] // planned["disk"]["checkpoint"] == 4


def test_the_rest_of_a_run_has_a_plan_too(shell) -> None:
    shell.train("fox.txt", steps=3)
    before = {path: path.read_bytes() for path in Path("runs", "fox-001").iterdir()}
    command = ("--resume", "runs/fox-001", "--steps", "12", "--backend", "numpy")
    code, out, _ = shell("rinzler-train", *command, "--plan")
    assert code == 0
    assert field(out, "resume") == "from step-000003.safetensors · 3 steps are done"
    assert {path: path.read_bytes() for path in Path("runs", "fox-001").iterdir()} == before
    code, out, _ = shell("rinzler-train", *command, "--plan", "--json")
    assert json.loads(out)["step"] == 3
    assert shell("rinzler-train", *command)[0] == 0


def test_quiet_has_nothing_to_print(shell) -> None:
    assert shell.refused("rinzler-train", "fox.txt", "--plan", "--quiet") == (
        2,
        "--plan is all that it prints, and --quiet leaves it out; give one of them",
    )


def test_a_disk_that_is_too_small_is_said_before_the_first_step(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSystem, "free", lambda self, path: 90_000)
    _, out, _ = shell.train("fox.txt", "--plan")
    line = next(line for line in out.splitlines() if line.startswith("disk "))
    assert line.startswith("disk       90 kB are free at runs, and the checkpoints will take ")
    assert line.endswith(" more: free some space, or --keep-last 1")
    code, _, err = shell.train("fox.txt", steps=2, keep_last=1, save_every=1)
    assert code == 0
    lines = err.splitlines()
    (disk,) = [number for number, line in enumerate(lines) if line.startswith("disk ")]
    (step,) = [number for number, line in enumerate(lines) if line.startswith("step       1/2")]
    assert disk < step
    assert lines[disk].endswith(" more: free some space")


def test_a_checkpoint_that_will_not_fit_is_said_a_save_ahead(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = iter([10**9, 10**9, 12_300, 12_300])
    monkeypatch.setattr(FileSystem, "free", lambda self, path: next(space))
    code, _, err = shell.train("fox.txt", steps=3, save_every=1, eval_every=0)
    assert code == 0
    told = [line for line in err.splitlines() if "will not fit" in line]
    nbytes = checkpoint.path_for_step(Path("runs", "fox-001"), 2).stat().st_size
    assert told == [
        "note: the next checkpoint will not fit: 0.0123 MB are free at "
        f"{Path('runs', 'fox-001')}, {nbytes / 1e6:.3g} MB are needed. Free some space there"
    ]


def test_how_much_is_free_is_asked_where_the_folder_will_be(tmp_path: Path) -> None:
    files = FileSystem()
    assert files.free(tmp_path / "not" / "yet") > 0


def test_a_system_that_does_not_say_is_no_error(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("shutil.disk_usage", unknown)
    code, out, _ = shell.train("fox.txt", "--plan")
    assert code == 0
    assert "free" not in field(out, "disk")
    assert shell.train("fox.txt", steps=1)[0] == 0


def test_a_model_beyond_all_memory_is_refused_before_it_is_made(shell) -> None:
    for words in ((), ("--plan",)):
        code, _, err = shell.train("fox.txt", *words, d_model=2**15, layers=128, heads=8)
        assert code == 2
        assert "parameters; they and what adamw keeps of them take" in err
        assert "of memory: use a lower --d-model, fewer --layers, or --merges for fewer ids" in err
    assert not Path("runs").exists()


def test_what_a_model_needs_at_least_depends_on_its_optimizer(shell, monkeypatch) -> None:
    monkeypatch.setattr(needs, "physical_memory", lambda: 2 * 30_720)  # the weights twice
    assert shell.train("fox.txt", "--plan", optimizer="sgd")[0] == 0
    assert shell.train("fox.txt", "--plan", optimizer="adamw")[0] == 2
    monkeypatch.setattr(needs, "physical_memory", lambda: None)  # the system does not say
    assert shell.train("fox.txt", "--plan", optimizer="adamw")[0] == 0
