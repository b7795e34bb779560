"""--schedule: what the learning rate does when a run goes on with another number of steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint

RUN = Path("runs", "fox-001")
NUMPY = ("--backend", "numpy")
COSINE = ("fox.txt", "--cosine", "--warmup-steps", "1")
FROM_3 = RUN / "step-000003.safetensors"


def resume(shell: Any, run: Path, *words: str) -> tuple[int, str, str]:
    return shell("rinzler-train", "--resume", str(run), *NUMPY, *words)


def rates(folder: Path) -> dict[int, float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return {each["step"]: each["lr"] for each in records if each["event"] == "step"}


@pytest.fixture
def run(shell) -> Any:
    shell.train(*COSINE, lr=1e-3, keep_last=0)


@pytest.mark.parametrize(
    ("way", "note", "fourth"),
    [
        (
            (),
            "goes from 6.5e-04 to 9.2e-04 (--schedule stretch: the cosine is stretched over the "
            "new length; see also keep and rewarm)",
            9.2e-4,
        ),
        (
            ("--schedule", "stretch"),
            "goes from 6.5e-04 to 9.2e-04 (--schedule stretch: the cosine is stretched over the "
            "new length)",
            9.2e-4,
        ),
        (
            ("--schedule", "keep"),
            "stays at 6.5e-04 (--schedule keep: the cosine ends at step 6 as before, then the "
            "rate is 0)",
            6.5e-4,
        ),
        (
            ("--schedule", "rewarm"),
            "goes from 6.5e-04 to 8.3e-04 (--schedule rewarm: up to 1.0e-03 in 1 step, then a new "
            "cosine)",
            8.3e-4,
        ),
    ],
)
def test_another_length_says_both_rates(
    way: tuple[str, ...], note: str, fourth: float, shell, run
) -> None:
    before = rates(RUN)
    code, _, err = resume(shell, FROM_3, "--steps", "12", *way)
    assert code == 0
    assert f"note: --steps 6 → 12; at step 3 the rate {note}\n" in err
    after = rates(RUN)
    assert list(after) == list(range(1, 13))
    assert [after[step] for step in (1, 2, 3)] == [before[step] for step in (1, 2, 3)]
    assert after[4] == pytest.approx(fourth, rel=0.01)
    assert f"go further rinzler-train --resume {RUN} --steps 48 --backend numpy\n" in err
    # A run that is resumed again, from before and from after the change, has the same course.
    end = checkpoint.load(RUN / "step-000012.safetensors")
    for step in (9, 6, 3):
        code, _, err = resume(shell, RUN / f"step-{step:06d}.safetensors")
        assert (code, "the rate" in err) == (0, False)
        assert rates(RUN) == after
        again = checkpoint.load(RUN / "step-000012.safetensors")
        assert again.meta == end.meta
        assert {name: each.tobytes() for name, each in again.tensors.items()} == {
            name: each.tobytes() for name, each in end.tensors.items()
        }


def test_the_same_command_again_changes_nothing_more(shell, run) -> None:
    words = (FROM_3, "--steps", "12", "--schedule", "rewarm")
    assert resume(shell, *words)[0] == 0
    after = rates(RUN)
    code, _, err = resume(shell, *words)
    assert code == 0
    assert "note: --schedule rewarm changes nothing: the run has 12 steps already\n" in err
    assert rates(RUN) == after


def test_a_constant_rate_needs_no_word(shell) -> None:
    shell.train("fox.txt")
    assert "note:" not in resume(shell, RUN, "--steps", "8")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps", "9", "--schedule", "bend"), "--schedule is 'bend', expected keep, stretch or"),
        (
            ("--steps", "9", "--schedule", "keep"),
            "--schedule keep would train at a rate of 0: the cosine has ended at step 6. Give "
            "--schedule stretch or rewarm",
        ),
        (
            ("--steps", "7", "--schedule", "rewarm"),
            "the cosine ends at step 7, inside the warmup of 1 steps from step 6 on; use more "
            "steps or a shorter warmup",
        ),
    ],
)
def test_ways_that_mean_nothing(words: tuple[str, ...], message: str, shell, run) -> None:
    before = rates(RUN)
    code, said = shell.refused("rinzler-train", "--resume", str(RUN), *NUMPY, *words)
    assert code == 2
    assert said.startswith(message)
    assert rates(RUN) == before


def test_a_way_without_another_length(shell, run) -> None:
    words = ("--resume", str(FROM_3), *NUMPY, "--schedule", "keep")
    code, said = shell.refused("rinzler-train", *words)
    assert code == 2
    assert said == (
        "--schedule keep says what the rate does when the number of steps changes: add --steps N, "
        "which was 6"
    )


def test_a_schedule_for_a_run_that_has_none(shell) -> None:
    shell.train("fox.txt")
    words = ("--resume", str(RUN), *NUMPY, "--steps", "9", "--schedule", "keep")
    code, said = shell.refused("rinzler-train", *words)
    assert code == 2
    assert said == (
        "--schedule keep means nothing to this run: without --cosine its rate does not depend on "
        "--steps. Leave it out"
    )


@pytest.mark.parametrize("flag", ["--schedule=keep", "--strict"])
def test_flags_of_a_resume_need_one(flag: str, shell) -> None:
    code, said = shell.refused("rinzler-train", "fox.txt", flag)
    assert code == 2
    name = flag.partition("=")[0]
    assert said == f"{name} is about how a run goes on: add --resume RUN, or leave it out"
