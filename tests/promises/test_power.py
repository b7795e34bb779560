"""The power fails at any moment of a save: what was acknowledged is there and whole.

No test can cut the power a hundred thousand times. But which states a disk may be in after that is
known, if one knows the calls that a save makes and when each of them is done: they are enumerated
here (`crash/disk_model.py` says by which rules), and each of them is loaded.
Leaves out: whether a kernel keeps to the rules. Read next: `test_kill.py`.
"""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import pytest
from disk_model import SHORT, Inode, ModelDisk
from savers import BAD, a_run
from scripts import result
from turns import Turns
from verdict import Ledger, judge, state

from rinzler.checkpoint import path_for_step, retain, save

CALLS = 10  # of one of the two saves that overlap, with the deletion that follows


@pytest.mark.promise(
    "a power cut at any moment of a run's saves loses none that was acknowledged",
    at_least=100_000,
    long=350_000,
)
def test_power_cut_in_a_save(tmp_path: Path, count, long: bool) -> None:
    ledger = Ledger()
    for numbers in (700, 2400, 3000, *((3300,) if long else ())):
        folder = tmp_path / str(numbers)
        folder.mkdir()
        a_run(folder, ledger, count=numbers)
        assert ledger.losses == []
    count(len(ledger.seen))


@pytest.mark.promise(
    "two saves that overlap, call by call in any order, lose none that was acknowledged",
    at_least=20_000,
    long=200_000,
)
def test_power_cut_in_two_saves_at_once(tmp_path: Path, count, long: bool) -> None:
    ledger = Ledger()
    orders = [
        [int(place in chosen) for place in range(2 * CALLS)]
        for chosen in combinations(range(2 * CALLS), CALLS)
    ]
    sample = random.Random(6).sample(orders, 4000 if long else 400)
    for number, order in enumerate(sample):
        two_saves(tmp_path / str(number), ledger, Turns(order))
        assert ledger.losses == [], order
    count(len(ledger.seen))


def two_saves(folder: Path, ledger: Ledger, turns: Turns) -> None:
    folder.mkdir()
    files = ledger.start(ModelDisk)
    keep_one(folder, ledger, 1)

    def watch() -> None:
        turns.wait()
        ledger.look()

    files.watch = watch
    turns.run(lambda: keep_one(folder, ledger, 2), lambda: keep_one(folder, ledger, 3))
    ledger.look()
    assert list(files.names_now) == [path_for_step(folder, 3).name]


def keep_one(folder: Path, ledger: Ledger, step: int) -> None:
    save(path_for_step(folder, step), state(step, step, 130), ledger.disk)
    ledger.acknowledged(step, step)
    retain(folder, 1, None, ledger.disk)


@pytest.mark.promise("saves with a gap in them are found guilty by the same harness", at_least=5)
def test_bad_savers_are_caught(tmp_path: Path, count) -> None:
    for number, (name, (disk, saver)) in enumerate(BAD.items()):
        ledger = Ledger()
        folder = tmp_path / str(number)
        folder.mkdir()
        a_run(folder, ledger, disk, saver, count=200)
        assert ledger.losses, f"{name}: {len(ledger.seen)} states, and nothing was lost in any"
        count()


@pytest.mark.promise("the kernel hears of a save what the seam does, and nothing else", at_least=35)
def test_the_seam_is_all_there_is(strace: str, tmp_path: Path, count) -> None:
    traces = result("seam", tmp_path)
    assert traces["kernel"] == traces["seam"]
    assert [step[0] for step in traces["seam"][:7]] == [
        *("create", "write", "write", "fsync", "close", "replace", "sync_directory"),
    ]
    count(len(traces["kernel"]))


# --- the model itself -------------------------------------------------------------------------


def test_a_file_that_was_never_synced_may_hold_anything() -> None:
    whole = bytes(range(1, 251)) * 24  # 6,000 bytes: two blocks, no zero among them
    inode = Inode(writes=[whole[:4000], whole[4000:]])
    images = inode.images()
    assert {b"", whole, bytes(6000), bytes(4096)} <= images
    assert whole[:512] + bytes(5488) in images  # one sector of the first block, none of the other
    assert bytes(4096) + whole[4096:] in images  # the second block alone
    assert bytes(512) + whole[512:] in images
    assert {len(image) for image in images} == {0, 4000, 4096, 6000}


def test_what_was_synced_stays() -> None:
    inode = Inode(synced=b"a" * 600, writes=[b"b" * 600])
    assert all(image.startswith(b"a" * 600) for image in inode.images())
    assert b"a" * 600 + b"b" * 424 + bytes(176) in inode.images()  # torn inside the same block
    assert Inode(synced=b"a" * 600).images() == {b"a" * 600}


def test_names_come_and_go_in_any_order_until_the_folder_is_synced(tmp_path: Path) -> None:
    disk = ModelDisk()
    for name in ("a", "b"):
        disk.close(disk.create(tmp_path / name))
    assert sorted(sorted(image) for image in disk.images()) == [[], ["a"], ["a", "b"], ["b"]]
    disk.sync_directory(tmp_path)
    disk.replace(tmp_path / "a", tmp_path / "c")
    disk.unlink(tmp_path / "b")
    found = sorted(sorted(image) for image in disk.images())
    assert found == [["a"], ["a", "b"], ["b", "c"], ["c"]]


def test_a_save_goes_through_the_model_in_short_writes(tmp_path: Path) -> None:
    disk = ModelDisk()
    size = save(path_for_step(tmp_path, 1), state(1, 0, 1200), disk)
    assert size > 2 * SHORT
    (image,) = disk.images()
    assert judge(image, {1: 0}, 1) == ""
    assert judge({}, {1: 0}, 1).startswith("nothing can be loaded")
    broken = {name: data[:-1] for name, data in image.items()}
    assert "is incomplete" in judge(broken, {}, 0)
