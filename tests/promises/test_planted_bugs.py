"""Backends with a bug in them: a kit that passes everything proves nothing, so it sees them all.

Each bug is put into the numpy backend, which is right without it, and the checks of the kit run as
`rinzler check` runs them, in float32 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import bugs_in_fused
import bugs_in_kernels
import bugs_in_programs
import bugs_in_storage
import numpy as np
import pytest

from rinzler.conformance.altered import Altered
from rinzler.conformance.check import Check, outcome_of
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import NAMES, checks
from rinzler.ops import OPS, Backend
from rinzler.plugins import open_device

WHOLES = [*bugs_in_storage.BUGS, *bugs_in_programs.BUGS]
KERNELS = [*bugs_in_kernels.BUGS, *bugs_in_fused.BUGS]
ALL = list(checks([name for name in NAMES if name != "plugin"], cases=1100))
SAMPLE = 9  # one of so many checks of the tiers that must not notice


def op_of(name: str) -> str:
    """The longest op name that a bug's name starts with: "linear_bwd", not "linear"."""
    return max((op for op in OPS if name.startswith(op)), key=len)


def said(backend: Backend, of: list[Check]) -> Iterator[str]:
    """What the kit says of a backend, a line for each failure, with the id of its check."""
    backend.caps = replace(backend.caps, dtypes=("float32", "int32"))
    subject = Subject.of(backend)
    with np.errstate(all="ignore"):
        for check in of:
            yield from (f"{check.id}: {line}" for line in outcome_of(check, subject).failures)


@pytest.mark.promise("backends with a bug in a kernel that the kit names", at_least=46)
def test_bugs_in_kernels(count: Callable[..., None]) -> None:
    good = open_device("numpy").backend
    for kernel, words in KERNELS:
        op = op_of(kernel.__name__)
        # A wrong move shows in what is made of it.
        ops = {op, "permute"} if op == "move" else {op}
        found = list(
            said(
                Altered(good, replaced={op: kernel}),
                [check for check in ALL if check.short.partition("/")[0] in ops],
            )
        )
        assert any(words in line for line in found), f"{kernel.__name__}: {found[:3]}"
        count()


@pytest.mark.promise("backends that are wrong as a whole, though each kernel is right", at_least=21)
def test_bugs_in_wholes(count: Callable[..., None]) -> None:
    """The tier that is there for a bug sees it, with the words that say what is wrong."""
    for make, tier, words in WHOLES:
        of_tier = [check for check in ALL if check.tier == tier]
        seen = any(words in line for line in said(make(), of_tier))
        assert seen, f"{make.__name__}: {list(said(make(), of_tier))[:5]}"
        count()


TIERS_BEFORE = {
    "capture": ("bringup", "kernels", "fused", "memory"),
    "determinism": ("bringup", "kernels", "fused", "memory"),
    "train": ("bringup", "kernels", "fused", "memory", "determinism"),
    "generate": ("bringup", "kernels", "fused", "memory", "capture", "train", "determinism"),
}


@pytest.mark.promise("of these, the ones that no other tier sees", at_least=12)
def test_no_tier_is_idle(count: Callable[..., None]) -> None:
    """Without the tier the bug would have passed: the other tiers are silent, in a sample."""
    for make, tier, _ in WHOLES:
        if tier in TIERS_BEFORE:
            others = [check for check in ALL if check.tier in TIERS_BEFORE[tier]][::SAMPLE]
            assert list(said(make(), others)) == [], make.__name__
            count()
