"""The tier `capture`: a replayed step gives the bits of an eager one, on the same backend.

Each op alone, as a step that is fed other numbers each time: what a kernel froze at its recording
shows at once. Then a small GPT in three shapes, trained, with a memory plan and without: what a
replay drops, reorders or overwrites shows in its weights. Read next: `train.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rinzler.capture import Captured, Planner
from rinzler.conformance.case import Case
from rinzler.conformance.cases import cases_of
from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers.training import SHAPES, Run, Shape
from rinzler.ops import OPS, Array, Device, call
from rinzler.planner import one_by_one, planned

PLANNERS: dict[str, Planner] = {"planned": planned, "unplanned": one_by_one}
STEPS = 5  # two are recorded, three replayed
PER_OP = 3  # cases of each op, spread over its rows in the table


def checks() -> Iterator[Check]:
    for op in OPS:
        for case in spread_over(cases_of(op)):
            yield Check(f"capture/{case.id}", partial(op_replayed, case))
    for name, shape in SHAPES.items():
        for plan in PLANNERS:
            yield Check(f"capture/gpt/{name}-{plan}", partial(gpt_replayed, shape, plan))


def spread_over(cases: Sequence[Case]) -> list[Case]:
    return [cases[(2 * k + 1) * len(cases) // (2 * PER_OP)] for k in range(PER_OP)]


def op_replayed(case: Case, subject: Subject) -> Outcome:
    failures = []
    for dtype in subject.dtypes:
        eager, captured = (
            stepped(subject.fresh(), case, dtype, eager=eager) for eager in (True, False)
        )
        for step, (want, got) in enumerate(zip(eager, captured, strict=True)):
            if not alike(want, got, subject):
                how = "recorded" if step < 2 else "replayed"
                failures.append(f"{dtype}: call {step + 1}, {how}, differs from the eager one")
    return Outcome(tuple(failures))


def stepped(device: Device, case: Case, dtype: str, eager: bool) -> list[tuple[np.ndarray, ...]]:
    """What a step of one call gives, each time with numbers of its own."""
    fed = [fed_by(replace(case, name=f"{case.name}-{step}"), dtype) for step in range(STEPS)]
    held = {name: device.array(host) for name, host in fed[0].items()}
    ins = [held.get(f"in {k}") for k in range(len(case.ins))]
    outs = tuple(held.get(f"out {k}") for k in range(len(OPS[case.op].outputs)))
    step = Captured(partial(computed, case, dtype, ins, outs), device, held, eager=eager)
    results = []
    for values in fed:
        step.feed(values)
        results.append(step())
    return results


def fed_by(case: Case, dtype: str) -> dict[str, np.ndarray]:
    ins, reads = case.data(dtype)
    fed = {f"in {k}": host for k, host in enumerate(ins)}
    fed |= {f"out {k}": host for k, host in reads.items()}
    return {name: host for name, host in fed.items() if host is not None}


def computed(case: Case, dtype: str, ins: Sequence[Any], outs: tuple[Any, ...]) -> list[Array]:
    made = call(case.op, *ins, out=outs, **case.attrs_for(dtype))
    return [x for x in (made if isinstance(made, tuple) else (made,)) if x is not None]


def gpt_replayed(shape: Shape, plan: str, subject: Subject) -> Outcome:
    eager, captured = Run(subject.fresh(), shape), Run(subject.fresh(), shape)
    eager.step.captured.eager = True
    captured.step.captured.planner = PLANNERS[plan]
    for number in range(STEPS + 1):
        want, got = eager.take(), captured.take()
        if not alike(want, got, subject):
            names = [f"loss {want[0]!r}, not {got[0]!r}", f"gradient norm {want[1]!r}, {got[1]!r}"]
            return Outcome((f"step {number + 1}: {' and '.join(names)}",))
    weights = zip(eager.weights().items(), captured.weights().values(), strict=True)
    wrong = [name for (name, want), got in weights if not alike((want,), (got,), subject)]
    if wrong:
        return Outcome((f"after {STEPS + 1} steps these differ: {', '.join(wrong)}",))
    return Outcome()


def alike(want: Sequence[Any], got: Sequence[Any], subject: Subject) -> bool:
    """To the bit, or nearly so for a backend that says it is not deterministic."""
    if not subject.backend.caps.deterministic:
        return all(
            np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
            for a, b in zip(want, got, strict=True)
        )
    return all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(want, got, strict=True)
    )
