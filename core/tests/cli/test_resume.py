"""Going on with a run: the same bits, no line twice, and nothing touched where it is refused."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint
from rinzler.cli import continuity, lock
from rinzler.cli.request import TrainRequest
from rinzler.events import Evaluated, Stepped
from rinzler.ops import fused
from rinzler.plugins import choose_backend
from rinzler.trainer import Trainer

RUN = Path("runs", "fox-001")
EVERY = {
    **{"eval_every": 2, "gen_every": 3, "save_every": 1, "keep_last": 0},
    **{"dropout": 0.1, "warmup_steps": 2},
}
COSINE = ("--cosine", "--warmup-steps", "1")
NUMPY = ("--backend", "numpy")
FUSED = {True: "fused where there are kernels", False: "defaults (RINZLER_NO_FUSED)"}


def resume(shell: Any, run: Path | str, *words: str) -> tuple[int, str, str]:
    return shell("rinzler-train", "--resume", str(run), *NUMPY, *words)


def refused(shell: Any, run: Path | str, *words: str) -> tuple[int, str]:
    return shell.refused("rinzler-train", "--resume", str(run), *NUMPY, *words)


def bits(path: Path) -> tuple[dict[str, bytes], Any]:
    """All that a checkpoint holds."""
    saved = checkpoint.load(path)
    return {name: array.tobytes() for name, array in saved.tensors.items()}, saved.meta


def course(folder: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl says of a run, but for the clock and the folder's name."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        record.pop("tokens_per_second", None)
        record.pop("path", None)
    return [each for each in records if each["event"] not in ("start", "resume", "end")]


def contents(folder: Path) -> dict[str, bytes]:
    """All that a run has, but for its lock, which says who had it last."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path): path.read_bytes() for path in files}


def killed_in(step: int) -> Callable[[Trainer], Stepped]:
    """Trainer.step, with somebody who asks twice to leave in the middle of one."""
    take = Trainer.step

    def disturbed(self: Trainer) -> Stepped:
        if self.steps + 1 == step:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return take(self)

    return disturbed


# --- the same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "momentum", "sgd"])
@pytest.mark.parametrize("vocab_size", [0, 20])
def test_from_every_checkpoint_to_the_same_end(optimizer: str, vocab_size: int, shell) -> None:
    shell.train("fox.txt", optimizer=optimizer, vocab_size=vocab_size, **EVERY)
    expected = bits(RUN / "step-000006.safetensors")
    for step in range(1, 6) if optimizer == "adamw" else (3,):
        copy = Path(f"copy-{step}")
        shutil.copytree(RUN, copy)
        code, _, err = resume(shell, copy / f"step-{step:06d}.safetensors")
        assert code == 0
        assert f"\nresume     from step-{step:06d}.safetensors · {step} steps are done\n" in err
        assert bits(copy / "step-000006.safetensors") == expected
        assert course(copy) == course(RUN)
        samples = (copy / "samples.txt").read_text(encoding="utf-8")
        assert samples == (RUN / "samples.txt").read_text(encoding="utf-8")


def test_with_a_cosine_and_after_two_stops(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**EVERY, "save_every": 2, "accumulate": 2}
    flags = ("fox.txt", "--cosine")  # after the warmup of two steps
    shell.train(*flags, **settings)
    for step in (3, 6):
        words = (*flags, *shell.flags(**settings)) if step == 3 else ("--resume", "runs/fox-002")
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "step", killed_in(step))
            code, _, err = shell("rinzler-train", *words)
        assert code == 130
        assert "to go on from there: rinzler-train --resume " in err
    assert resume(shell, "runs/fox-002")[0] == 0
    other = Path("runs", "fox-002")
    assert bits(other / "step-000006.safetensors") == bits(RUN / "step-000006.safetensors")
    assert course(other) == course(RUN)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    assert [each["step"] for each in config["resumed"]] == [2, 4]


def test_what_a_kill_cut_off_after_the_save_is_made_up_for(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**EVERY, "eval_every": 3, "save_every": 3}
    shell.train("fox.txt", **settings)

    def killed(self: Trainer, final: bool = False) -> Evaluated:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", killed)
        with pytest.raises(SystemExit):
            shell.train("fox.txt", **settings)
    other = Path("runs", "fox-002")
    assert [each["event"] for each in course(other)][-1] == "checkpoint"
    with (other / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event": "validation", "step": 3, "val_l')  # cut short
    assert resume(shell, other)[0] == 0
    assert course(other) == course(RUN)


# --- the folder -------------------------------------------------------------------------------


def test_later_checkpoints_are_set_aside_and_temporaries_swept(shell) -> None:
    shell.train("fox.txt", gen_every=2)
    left = RUN / ".step-000006.safetensors.1234-0.tmp"
    left.write_bytes(b"half of a")
    for name in ("step-000006.safetensors.old", "step-000006.safetensors.old1"):
        late = (RUN / "step-000006.safetensors").read_bytes()
        code, _, err = resume(shell, RUN / "step-000003.safetensors", "--save-every", "0")
        assert code == 0
        assert f"step-000006.safetensors comes after step 3 and is set aside as {name}" in err
        assert (RUN / name).read_bytes() == late
    assert not left.exists()
    config = json.loads((RUN / "config.json").read_text(encoding="utf-8"))
    assert config["training"]["save_every"] == 0


def test_damaged_checkpoints_are_passed_over_and_said(shell) -> None:
    shell.train("fox.txt", save_every=2, eval_every=0)
    last, middle = RUN / "step-000006.safetensors", RUN / "step-000004.safetensors"
    last.write_bytes(last.read_bytes()[:-9])
    middle.write_bytes(b"")
    code, _, err = resume(shell, RUN)
    assert code == 0
    first, second, *_ = err.splitlines()
    assert first.startswith(f"skipped {last} is damaged or not a checkpoint: it is incomplete")
    assert second.startswith(f"skipped {middle} is damaged or not a checkpoint: it ends after 0 ")
    assert "resume     from step-000002.safetensors · 2 steps are done" in err
    assert checkpoint.load(last).meta["step"] == 6


def test_a_strict_resume_stops_at_a_damaged_checkpoint(shell) -> None:
    shell.train("fox.txt")
    last = RUN / "step-000006.safetensors"
    whole = last.read_bytes()
    last.write_bytes(whole[:-9])
    before = contents(RUN)
    code, message = refused(shell, RUN, "--strict")
    assert code == 3
    assert message.startswith(f"{last} is damaged or not a checkpoint: it is incomplete")
    assert message.endswith(
        "Before it step-000003.safetensors is whole: leave out --strict to go on from there"
    )
    assert contents(RUN) == before
    last.write_bytes(whole)
    assert resume(shell, RUN, "--strict", "--steps", "7")[0] == 0


def test_from_another_folder_and_by_patterns(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes").mkdir()
    for name in ("a.md", "[b].md"):
        Path("notes", name).write_text(name + shell.text, encoding="utf-8")
    shell.train("notes/*.md", "fox.txt", "--run-dir", "here")
    home = Path.cwd()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, _, err = resume(shell, "../here", "--steps", "8")
    assert (code, err.count("3 documents")) == (0, 1)
    monkeypatch.chdir(home)
    assert checkpoint.newest(Path("here"))[0].name == "step-000008.safetensors"


def test_a_run_that_goes_on_can_report_and_compute_otherwise(shell) -> None:
    shell.train("fox.txt")
    code, out, err = resume(
        *(shell, RUN / "step-000003.safetensors", "--json", "--threads", "3", "--eval-every", "1"),
        *("--eval-windows", "2", "--gen-every", "0", "--div-warn", "1e9", "--no-div-crit"),
    )
    choose_backend("numpy").device.backend.set_threads(os.cpu_count() or 1)  # as it was
    assert code == 0
    assert ", 3 threads, numpy " in err
    events = [json.loads(line) for line in out.splitlines()]
    assert (events[0]["event"], events[0]["step"]) == ("resume", 3)
    assert events[0]["training"]["eval_windows"] == 2
    assert [each["step"] for each in events if each["event"] == "validation"] == [4, 5, 6]


def test_only_one_process_at_a_time(shell) -> None:
    shell.train("fox.txt")
    with lock.owned(RUN):
        before = contents(RUN)
        code, message = refused(shell, RUN, "--steps", "9")
        assert contents(RUN) == before
    assert code == 2
    who = f"process {os.getpid()} on {platform.node()}, started "
    assert message.startswith(f"the run folder {RUN} is in use ({who}")
    assert resume(shell, RUN, "--steps", "9")[0] == 0


@dataclass(frozen=True)
class Options:
    """What a plugin might be told."""

    every: int = 0
    to_path: Path | None = None
    loud: bool = True


def test_options_of_plugins_are_as_they_were_unless_given_again() -> None:
    config = {"options": {"log": {"every": 5, "to_path": "a/b", "gone": 1}}}
    request = TrainRequest(options={"log": Options(), "new": Options(every=1)})
    again = continuity.options_of(request, config)
    assert again == {"log": Options(5, Path("a/b"), True), "new": Options(1)}
    given = {"log": Options(every=7)}
    request = replace(request, options=given, origins={"log-every": "flag"})
    assert continuity.options_of(request, config) == {"log": Options(7, Path("a/b"), True)}


# --- refusals ---------------------------------------------------------------------------------


@pytest.fixture
def run(shell) -> Any:
    """A run, and the promise that what was refused has changed nothing in it."""
    shell.train("fox.txt")
    before = contents(RUN)
    yield
    assert contents(RUN) == before


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (("--lr", "0.1"), "--lr"),
        (("--no-bias", "--d-model", "16"), "--bias, --d-model"),
        (("--vocab-size", "9"), "--vocab-size"),
        (("--run-dir", "x"), "--run-dir"),
        (("--val-fraction", "0.2"), "--val-fraction"),
        (("--init", str(RUN)), "--init"),
        (("--seed=1",), "--seed"),
    ],
)
def test_what_a_run_keeps_for_life(words: tuple[str, ...], flags: str, shell, run) -> None:
    code, message = refused(shell, RUN, *words)
    assert code == 2
    assert message == (
        f"{flags} cannot be given with --resume: the run goes on as it began. Leave that out, "
        "or begin a new run with the weights of this one: --init instead of --resume"
    )


def test_a_text_cannot_be_named(shell, run) -> None:
    for words in (("fox.txt",), ("--corpus", "fox.txt")):
        code, message = refused(shell, RUN, *words)
        assert code == 2
        assert message.startswith("a text cannot be named with --resume (fox.txt): the run goes on")


def test_a_finished_run_says_what_to_type(shell, run) -> None:
    for words in ((), ("--steps", "6"), ("--steps", "2")):
        code, message = refused(shell, RUN, *words)
        assert code == 2
        assert message.startswith(f"the run {RUN} has done 6 steps of ")
        assert message.endswith(
            f"finished. To go further: rinzler-train --resume {RUN} --steps 24 --backend numpy"
        )


def test_fewer_steps_than_are_done(shell) -> None:
    shell.train("fox.txt", *COSINE)
    middle = RUN / "step-000003.safetensors"
    for steps in ("2", "3"):
        code, message = refused(shell, middle, "--steps", steps)
        assert code == 2
        assert message.startswith(f"the run {RUN} has done 3 steps of {steps}: it is finished.")
    assert resume(shell, middle, "--steps", "4")[0] == 0
    assert [each["step"] for each in course(RUN) if each["event"] == "step"] == [1, 2, 3, 4]


def test_texts_that_are_not_what_they_were(shell) -> None:
    Path("notes").mkdir()
    for name in ("a.md", "b.md"):
        Path("notes", name).write_text(name + shell.text, encoding="utf-8")
    shell.train("notes")
    Path("notes", "b.md").rename("notes/c.md")
    Path("notes", "a.md").write_text(shell.text, encoding="utf-8")
    folder = Path("runs", "notes-001")
    before = contents(folder)
    code, message = refused(shell, folder, "--steps", "9")
    assert code == 2
    assert message == (
        f"the texts of {folder} are not what they were: a.md has changed; b.md is gone; c.md is "
        "new. Put them back, or begin a new run with its weights: rinzler-train --init "
        f"{folder} TEXT"
    )
    shutil.rmtree("notes")
    code, message = refused(shell, folder, "--steps", "9")
    assert code == 2
    assert message.startswith(f"the text of {folder} cannot be read again: no file, folder or ")
    assert contents(folder) == before


def test_what_computes_is_said_where_it_has_changed(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.train("fox.txt")
    told = bits(RUN / "step-000003.safetensors")[1]["numerics"]
    assert (told["backend"], told["dtype"], told["ops"]) == ("numpy", "float32", FUSED[fused()])
    assert {"rinzler", "system", "rinzler-numpy", "numpy", "products", "vectors"} <= set(told)
    asked = type(choose_backend("numpy").device.backend)
    other = {**asked().numerics(), "products": "openblas 9.9,\n Z80 kernels"}
    monkeypatch.setattr(asked, "numerics", lambda self: other)
    code, _, err = resume(shell, RUN / "step-000003.safetensors")
    assert code == 0
    line = (
        f"note: what computes is not what it was (products: {told['products']} → openblas 9.9, Z80 "
        "kernels): the same but for rounding\n"
    )
    assert err.startswith(line)
    assert bits(RUN / "step-000006.safetensors")[1]["numerics"] != told
    assert "note:" not in resume(shell, RUN, "--steps", "7")[2]

    def broken(self: object) -> dict[str, str]:
        raise OSError("no such register")

    monkeypatch.setattr(asked, "numerics", broken)
    code, message = refused(shell, RUN, "--steps", "9")
    assert code == 3
    assert message == (
        'backend "numpy": asking what its bits depend on raised OSError: no such register. Upgrade '
        "it, or take another: rinzler backends"
    )


def test_which_run(shell) -> None:
    code, message = refused(shell, "runs/fox-007")
    assert (code, message.split(".")[0]) == (
        3,
        f"there is no run or checkpoint {RUN.parent}/fox-007",
    )
    shell.train("fox.txt", steps=1)
    Path("alone").mkdir()
    shutil.copy(RUN / "step-000001.safetensors", "alone")
    code, message = refused(shell, "alone")
    assert code == 2
    assert message.startswith(f"{Path('alone/config.json')} cannot be read: No such file")
    assert message.endswith("a new one can take its weights: --init alone")
    assert not Path("alone", "lock").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-9], "is damaged: "),
        (lambda text: "[]", "has no valid corpus.name. "),
        (lambda text: text.replace('"div_warn": 20.0', '"div_warn": []'), "has settings that "),
        (lambda text: text.replace('"steps": 6', '"steps": "6"'), "has no valid training.steps. "),
    ],
)
def test_a_config_that_cannot_be_used(change: Callable[[str], str], message: str, shell) -> None:
    shell.train("fox.txt")
    path = RUN / "config.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    code, text = refused(shell, RUN, "--steps", "9")
    assert code == 2
    assert text.startswith(f"{path} {message}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer is adamw in one and sgd in the other."),
        ({"d_model": 32}, "the models differ."),
    ],
)
def test_a_checkpoint_of_another_run(settings: dict[str, object], message: str, shell) -> None:
    shell.train("fox.txt")
    shell.train("fox.txt", **settings)
    stranger = RUN / "step-000007.safetensors"
    shutil.copy("runs/fox-002/step-000006.safetensors", stranger)
    before = contents(RUN)
    code, text = refused(shell, RUN, "--steps", "9")
    assert code == 3
    start = f"{RUN / 'config.json'} and step-000007.safetensors are not of the same run: {message} "
    assert text == start + f"Put it back to where it came from, or: --init {stranger}"
    assert contents(RUN) == before
