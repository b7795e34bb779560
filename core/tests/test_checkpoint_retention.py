"""Old checkpoints go after a save; the newest, the best and what is not ours never do."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rinzler.checkpoint as ck
from rinzler.config import TrainConfig
from rinzler.data import ByteTokenizer, split
from rinzler.errors import CheckpointError
from rinzler.events import Evaluated, NotSaved, Saved
from rinzler.files import FileSystem
from rinzler.gpt import GPT, GPTConfig
from rinzler.train import save, train
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=16, d_model=16, layers=1, heads=2)
SETTINGS = TrainConfig(
    steps=40, batch_size=2, lr=1e-2, eval_every=5, gen_every=0, save_every=1, keep_last=2
)


def trainer(**changes: object) -> Trainer:
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n"
    data = split([("verse", verse * 40)], 0.2, ByteTokenizer())
    return Trainer(GPT(SHAPE, seed=1), ByteTokenizer(), data, replace(SETTINGS, **changes))


def fill(folder: Path, *steps: int) -> None:
    for step in steps:
        ck.path_for_step(folder, step).write_bytes(b"")


def left(folder: Path) -> list[int]:
    return list(ck.in_folder(folder))


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    fill(tmp_path, 5, 10, 15, 999_999, 1_000_000)
    deleted = ck.retain(tmp_path, 2, 10)
    assert deleted == [ck.path_for_step(tmp_path, step) for step in (5, 15)]
    assert left(tmp_path) == [10, 999_999, 1_000_000]
    assert ck.retain(tmp_path, 2, 10) == []
    assert ck.retain(tmp_path, 1, None) == [ck.path_for_step(tmp_path, s) for s in (10, 999_999)]
    fill(tmp_path, 5)
    assert ck.retain(tmp_path, 0, None) == []
    assert left(tmp_path) == [5, 1_000_000]


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    fill(tmp_path, 7, 8, 9)
    others = ("step-5.safetensors", "step-000005.safetensors.old", "step-000005.json", "best.bin")
    for name in others:
        (tmp_path / name).touch()
    ck.path_for_step(tmp_path, 1).mkdir()
    if os.name != "nt":  # there a link needs a privilege
        ck.path_for_step(tmp_path, 2).symlink_to(tmp_path / "best.bin")
    before = {path.name for path in tmp_path.iterdir()}
    ck.retain(tmp_path, 1, None)
    gone = before - {path.name for path in tmp_path.iterdir()}
    assert gone == {"step-000007.safetensors", "step-000008.safetensors"}


def test_steps_after_the_one_saved_are_of_another_course(tmp_path: Path) -> None:
    fill(tmp_path, 1, 2, 3, 500, 600)
    assert ck.retain(tmp_path, 1, None, saved=3) == [
        ck.path_for_step(tmp_path, 1),
        ck.path_for_step(tmp_path, 2),
    ]
    assert left(tmp_path) == [3, 500, 600]


class Stubborn(FileSystem):
    """A system that refuses calls."""

    def __init__(self, call: str, number: int) -> None:
        self.call = call
        self.number = number
        self.unlinked: list[Path] = []

    def fsync(self, descriptor: int) -> None:
        if self.call == "fsync":
            raise OSError(self.number, os.strerror(self.number))
        super().fsync(descriptor)

    def unlink(self, path: Path) -> None:
        self.unlinked.append(path)
        if self.call == "unlink":
            raise OSError(self.number, os.strerror(self.number))
        super().unlink(path)


def test_a_failed_delete_is_a_note_and_the_others_go_on(tmp_path: Path) -> None:
    fill(tmp_path, 1, 2, 3)
    notes: list[str] = []
    files = Stubborn("unlink", errno.EACCES)
    assert ck.retain(tmp_path, 1, None, files, tell=notes.append) == []
    assert len(files.unlinked) == 2
    assert notes[0] == (
        f"{ck.path_for_step(tmp_path, 1)} is no longer needed and could not be deleted: "
        "EACCES, Permission denied"
    )
    assert left(tmp_path) == [1, 2, 3]
    ck.retain(tmp_path, 1, None, Stubborn("unlink", errno.ENOENT), tell=notes.append)
    assert len(notes) == 2  # who is gone already is no news
    ck.retain(tmp_path / "none", 1, None, tell=notes.append)
    assert notes[2].startswith(
        f"{tmp_path / 'none'} cannot be searched for old checkpoints: ENOENT"
    )


def test_one_that_cannot_be_looked_at_is_a_note_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Path) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    fill(tmp_path, 1, 2)
    monkeypatch.setattr(Path, "is_file", broken)
    notes: list[str] = []
    assert ck.retain(tmp_path, 1, None, tell=notes.append) == []
    (note,) = notes
    assert note.startswith(f"{ck.path_for_step(tmp_path, 1)} is no longer needed and could not be ")
    assert note.endswith(f"EIO, {os.strerror(errno.EIO)}")


def test_a_save_that_failed_deletes_nothing(tmp_path: Path) -> None:
    run = trainer(keep_last=1)
    for _ in range(3):
        run.step()
        ck.save(ck.path_for_step(tmp_path, run.steps), run.snapshot())
    run.step()
    files = Stubborn("fsync", errno.EIO)
    with pytest.raises(CheckpointError, match="was not saved: EIO"):
        save(run, tmp_path, files)
    assert left(tmp_path) == [1, 2, 3]
    assert all(path.suffix == ".tmp" for path in files.unlinked)
    event = save(run, tmp_path, Stubborn("unlink", errno.EROFS))
    assert left(tmp_path) == [1, 2, 3, 4]
    assert [note.partition(" is no longer")[0] for note in event.notes] == [
        str(ck.path_for_step(tmp_path, step)) for step in (1, 2, 3)
    ]
    assert save(run, tmp_path).notes == ()
    assert left(tmp_path) == [4]


def test_a_run_keeps_the_last_and_the_best_at_every_save(tmp_path: Path) -> None:
    run = trainer()
    for event in train(run, tmp_path):
        if isinstance(event, Saved):
            best = {run.best[0]} if run.best else set()
            newest = {step for step in (event.step - 1, event.step) if step}
            assert set(left(tmp_path)) == newest | {step for step in best if step <= event.step}


def rising(run: Trainer, losses: list[float]) -> None:
    """Let validations have these losses, one after the other."""
    values = iter(losses)
    run.evaluate = lambda final=False: Evaluated(run.steps, next(values), 9, final)  # type: ignore[method-assign]


def test_a_new_best_is_saved_at_its_step_and_stays(tmp_path: Path) -> None:
    run = trainer(steps=30, save_every=15, keep_last=1)
    rising(run, [5.0, 4.0, 4.5, 4.0, 4.2, 1.0])  # at 5, 10, 15, 20, 25; the last is the final one
    events = list(train(run, tmp_path))
    assert [event.step for event in events if isinstance(event, Saved)] == [5, 10, 15, 30]
    assert run.best == (10, 4.0)
    assert left(tmp_path) == [10, 30]
    assert ck.load(ck.path_for_step(tmp_path, 10)).meta["best"] == [10, 4.0]
    assert ck.load(ck.path_for_step(tmp_path, 30)).meta["best"] == [10, 4.0]


def test_a_best_that_could_not_be_saved_does_not_cost_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(steps=30, save_every=15, keep_last=1)
    rising(run, [5.0, 4.0, 4.5, 4.8, 4.2, 1.0])

    def full_at_ten(trainer: Trainer, folder: Path) -> Saved | NotSaved:
        if trainer.steps == 10:
            return NotSaved(10, folder, "no room")
        return save(trainer, folder)

    monkeypatch.setattr("rinzler.train.save_or_tell", full_at_ten)
    for _ in train(run, tmp_path):
        pass
    assert left(tmp_path) == [25, 30]
    assert run.best == (25, 4.2)
    assert ck.load(ck.path_for_step(tmp_path, 25)).meta["best"] == [25, 4.2]


def test_one_checkpoint_a_step_even_if_it_is_the_best(tmp_path: Path) -> None:
    run = trainer(steps=10, save_every=5)
    rising(run, [3.0, 2.0])
    events = list(train(run, tmp_path))
    assert [event.step for event in events if isinstance(event, Saved)] == [5, 10]


def test_the_best_is_restored(tmp_path: Path) -> None:
    run = trainer()
    run.step()
    assert run.judge(1, 3.0)
    assert not run.judge(1, 3.0)
    again = trainer()
    again.restore(run.snapshot())
    assert again.best == (1, 3.0)
    meta = {key: value for key, value in run.snapshot().meta.items() if key != "best"}
    older = trainer()
    older.restore(ck.Checkpoint(run.snapshot().tensors, meta))
    assert older.best is None


def test_no_order_of_saves_loses_the_newest_or_the_best(tmp_path: Path) -> None:
    rng = random.Random(4)
    for case in range(300):
        folder = tmp_path / str(case)
        folder.mkdir()
        steps = rng.sample(range(1, 60), 12)
        fill(folder, *steps)
        last, best = rng.randint(1, 14), rng.choice([None, *steps, 99])
        deleted = {int(path.name[5:11]) for path in ck.retain(folder, last, best)}
        kept = set(sorted(steps)[-last:]) | {best}
        assert deleted == set(steps) - kept
        assert left(folder) == sorted(set(steps) & kept)


def test_a_state_is_the_same_bits_whatever_is_kept(tmp_path: Path) -> None:
    snapshots = []
    for keep_last in (0, 1):
        run = trainer(steps=12, keep_last=keep_last)
        (tmp_path / str(keep_last)).mkdir()
        list(train(run, tmp_path / str(keep_last)))
        snapshots.append(run.snapshot())
    one, two = snapshots
    assert one.meta["best"] == two.meta["best"]
    for name, array in one.tensors.items():
        np.testing.assert_array_equal(array, two.tensors[name])
