"""The tier `train`: twenty steps of a two-layer GPT follow the curve that float64 takes.

The curve is data in this package (`curve.json`), recorded by `python -m
rinzler.conformance.record BACKEND` on a backend that holds float64; so a backend is judged without
any other being installed. Losses are compared step by step, as llm.c does: a gradient that is
slightly wrong passes every look at the first loss, and none at the twentieth.
Read next: `generate.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers.training import Run, Shape
from rinzler.ops import Device, no_fused

CURVE = Path(__file__).parent / "curve.json"
STEPS = 20
SHAPE = Shape(4, 16, 32, 4)
# Relative, of each loss and of each gradient's norm. Rounding of float32 reaches the loss of the
# twentieth step as 1e-6 or so; an error in any gradient reaches it as 1e-4 and more.
LIMITS = {"float32": 1e-5, "float64": 1e-10}


def checks() -> Iterator[Check]:
    for fused in (True, False):
        for captured in (True, False):
            way = "fused" if fused else "defaults"
            name = f"train/gpt-{way}-{'captured' if captured else 'eager'}"
            yield Check(name, partial(follows, fused, captured))


def follows(fused: bool, captured: bool, subject: Subject) -> Outcome:
    curve = json.loads(CURVE.read_text(encoding="utf-8"))
    failures, worst = [], 0.0
    for dtype in subject.dtypes:
        limit = LIMITS[dtype]
        for step, (want, got) in enumerate(
            zip(curve["steps"], trained(subject.fresh(), dtype, fused, captured), strict=True)
        ):
            for name, value in got.items():
                off = abs(value / want[name] - 1.0)
                worst = max(worst, off / limit)
                if not off <= limit:
                    failures.append(
                        f"{dtype}: {name} of step {step + 1} is {value!r}, expected "
                        f"{want[name]!r} ± {limit:g} of it"
                    )
    return Outcome(tuple(failures[:3]), worst)  # after the first all others follow


def trained(
    device: Device, dtype: str, fused: bool = True, captured: bool = True
) -> list[dict[str, Any]]:
    """What each step reports."""
    run = Run(device, SHAPE, dtype)
    run.step.captured.eager = not captured
    steps = []
    with no_fused(not fused):
        for _ in range(STEPS):
            loss, norm = run.take()
            steps.append({"loss": loss, "norm": norm})
    return steps
