"""Every way in which a run can end early, and what its listeners are told."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint
from rinzler.cli import streams
from rinzler.errors import OutOfMemoryError
from rinzler.events import Evaluated, Stepped
from rinzler.files import FileSystem
from rinzler.plugins import events
from rinzler.trainer import Trainer


def test_a_guard_that_stops_the_run(shell) -> None:
    code, _, err = shell.train("fox.txt", lr=1e30, steps=20, eval_every=0)
    assert code == 4
    *_, message, note = err.splitlines()
    assert message.startswith("error: step 2: the loss is nan and the gradient's norm nan; the ")
    assert "weights were left as they were. The first bad tensor is y, from op " in message
    assert " in h.0.attn.c_attn, forward: " in message
    assert "Try a lower --lr (now 1e+30)" in message
    assert note == "no checkpoint was saved"


@pytest.mark.parametrize("resumed", [False, True])
def test_a_guard_names_the_last_good_checkpoint_and_a_command(
    resumed: bool, shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"lr": 0.01, "steps": 4, "save_every": 2, "eval_every": 0}
    if resumed:
        assert shell.train("fox.txt", **settings | {"steps": 2})[0] == 0
    step = Trainer.step

    def overflowing(self: Trainer) -> Stepped:
        if self.steps == 3:
            weights = self.model.state()
            weights["h.0.mlp.c_proj.weight"][:] = 3e38
            self.model.load(weights)
        return step(self)

    monkeypatch.setattr(Trainer, "step", overflowing)
    path = Path("runs", "fox-001", "step-000002.safetensors")
    if resumed:
        code, _, err = shell("rinzler-train", "--resume", str(path.parent), "--steps", "4")
    else:
        code, _, err = shell.train("fox.txt", **settings)
    assert code == 4
    *_, message, last, again = err.splitlines()
    assert "error: step 4: " in message
    assert " in h.0.mlp.c_proj, forward: " in message
    assert last == f"the last checkpoint is {path}"
    before, _, command = again.partition(": ")
    assert before == "to begin again from there, at a lower rate"
    assert command.startswith("rinzler-train fox.txt ")
    assert f" --init {path}" in command
    assert " --lr 0.003" in command
    monkeypatch.setattr(Trainer, "step", step)
    kept = ("--steps", "1", "--backend", "numpy") if resumed else ()
    assert shell(*command.split(), *kept)[0] == 0


def test_too_little_memory_comes_with_a_smaller_command(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(self: Trainer) -> Stepped:
        raise OutOfMemoryError("no room for 9 GB")

    monkeypatch.setattr(Trainer, "step", too_much)
    code, _, err = shell.train("fox.txt", accumulate=3)
    assert code == 3
    *_, message, saved, smaller = err.splitlines()
    assert (message, saved) == ("error: no room for 9 GB", "no checkpoint was saved")
    assert smaller.startswith("in less memory: rinzler-train fox.txt ")
    assert smaller.endswith(" --batch-size 2 --accumulate 6")
    _, _, err = shell.train("fox.txt", batch_size=1)
    assert err.endswith("no checkpoint was saved\n")


def test_a_full_disk_costs_one_save_and_says_what_to_do(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FileSystem.write

    def full(self: FileSystem, descriptor: int, data: memoryview) -> int:
        if checkpoint.path_for_step(folder, 3).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, descriptor, data)

    folder = Path("runs", "fox-001")
    with monkeypatch.context() as patch:
        patch.setattr(FileSystem, "write", full)
        code, _, err = shell.train("fox.txt")
        assert code == 3
        *_, message, last, again = err.splitlines()
        path = folder / "step-000006.safetensors"
        assert message.startswith(f"error: {path} was not saved: ENOSPC, No space left on device")
        assert "Checkpoints saved before are untouched. Free some space there" in message
        assert last == f"the last checkpoint is {folder / 'step-000003.safetensors'}"
        command = f"rinzler-train --resume {folder} --backend numpy"
        assert again == f"to go on from there: {command}"
        before = sorted(folder.iterdir())
        assert [each.suffix for each in before].count(".safetensors") == 1
        code, message = shell.refused(*command.split())
        assert code == 3
        assert message.startswith(f"the run folder {folder} cannot be prepared: No space left")
        assert sorted(folder.iterdir()) == before
    assert shell(*command.split())[0] == 0
    assert checkpoint.load(path).meta["step"] == 6


def test_a_save_that_fails_on_the_way_costs_no_step(shell, full_until) -> None:
    full_until(6)
    code, out, err = shell.train("fox.txt", "--json", save_every=2, eval_every=0, steps=7)
    assert code == 0
    folder = Path("runs", "fox-001")
    assert sorted(path.name for path in folder.glob("step-*")) == [
        "step-000006.safetensors",
        "step-000007.safetensors",
    ]
    told = [line for line in err.splitlines() if line.startswith("not saved")]
    assert len(told) == 2
    assert told[0].startswith(f"not saved  {folder / 'step-000002.safetensors'} was not saved: ENO")
    assert told[0].endswith("then save again. The run goes on, and its next save tries again")
    records = [json.loads(line) for line in out.splitlines()]
    failed = [each for each in records if each["event"] == "not_saved"]
    assert [each["step"] for each in failed] == [2, 4]
    assert failed[0]["path"] == str(folder / "step-000002.safetensors")
    assert failed[0]["reason"] in told[0]


def test_a_last_save_that_fails_is_tried_once_more_and_then_an_error(shell, full_until) -> None:
    full_until(9)
    code, _, err = shell.train("fox.txt", eval_every=0)
    assert code == 3
    assert err.count("not saved  ") == 2  # after steps 3 and 6
    assert err.count("validation step 6 ") == 1  # and what was trained is still judged
    path = Path("runs", "fox-001", "step-000006.safetensors")
    *_, message, last = err.splitlines()
    assert message.startswith(f"error: {path} was not saved: ENOSPC, No space left on device")
    assert last == "no checkpoint was saved"


def test_a_save_at_a_stop_that_fails_is_an_error(
    shell, full_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_until(9)
    monkeypatch.setattr(Trainer, "step", signal_in_step(5, signal.SIGINT))
    code, _, err = shell.train("fox.txt")
    assert code == 3
    assert "step-000005.safetensors was not saved: ENOSPC" in err.splitlines()[-2]


def test_a_gap_that_is_too_large_stops_the_run(shell) -> None:
    Path("one.txt").write_text("abcdefghij" * 30 + "zyxwvutsrq" * 4, encoding="utf-8")
    settings = {"steps": 60, "eval_every": 20, "gen_every": 0, "save_every": 0}
    code, _, err = shell.train("one.txt", "--div-crit", "5", **settings)
    assert code == 4
    folder = Path("runs", "one-001")
    newest, _ = checkpoint.newest(folder)
    *_, message, last = err.splitlines()
    assert message.startswith(f"error: stopped at step {checkpoint.step_of(newest)}: validation")
    assert "--div-crit is 5 %. The model learns its text by heart: add text, or " in message
    assert last == f"the last checkpoint is {newest}"
    code, _, err = shell("rinzler-train", "--resume", str(folder), "--no-div-crit")
    assert (code, checkpoint.newest(folder)[0].name) == (0, "step-000060.safetensors")


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
    which: int, code: int, name: str, shell, monkeypatch: pytest.MonkeyPatch
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


def test_two_signals_leave_at_once(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "step", signal_in_step(5, signal.SIGINT, signal.SIGINT))
    code, _, err = shell.train("fox.txt")
    assert code == 130
    path = Path("runs", "fox-001", "step-000003.safetensors")
    again = f"to go on from there: rinzler-train --resume {path.parent} --backend numpy"
    assert err.endswith(f"the last checkpoint is {path}\n{again}\n")
    assert checkpoint.newest(path.parent) == (path, [])


def test_validation_need_not_end_first(shell, monkeypatch: pytest.MonkeyPatch) -> None:
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
    shell, monkeypatch: pytest.MonkeyPatch
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
    shell, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    shell.train("fox.txt", steps=3)
    assert [hook for hook, _ in heard] == [
        *("train_start", "step_end", "step_end", "step_end", "checkpoint_saved"),
        *("eval_end", "train_end"),
    ]
    run = heard[0][1]["run"]
    assert run.directory == Path("runs", "fox-001")
    assert run.config["training"]["steps"] == 3
    assert heard[0][1]["step"] == 0
    assert heard[3][1]["step"] == 3
    assert set(heard[3][1]) == {"run", "step", "loss", "lr", "grad_norm", "tokens_per_second"}
    assert set(heard[5][1]["metrics"]) == {"val_loss", "val_bpb"}
    assert heard[4][1]["path"] == run.directory / "step-000003.safetensors"
    assert heard[-1][1]["error"] is None


def test_plugins_hear_of_an_end_by_error(
    shell, heard: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "step", signal_in_step(2, signal.SIGINT, signal.SIGINT))
    shell.train("fox.txt")
    hook, facts = heard[-1]
    assert hook == "train_end"
    assert isinstance(facts["error"], KeyboardInterrupt)


# --- interrupted outside of a run -------------------------------------------------------------


def test_ctrl_c_before_the_first_step(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(request: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rinzler.cli.train.prepare", interrupted)
    assert shell.train("fox.txt") == (130, "", "stopped\n")
    assert not Path("runs").exists()


def test_a_bug_keeps_its_traceback(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rinzler.cli.train.prepare", broken)
    with pytest.raises(ZeroDivisionError):
        shell.train("fox.txt")
