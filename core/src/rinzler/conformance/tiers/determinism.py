"""The tier `determinism`: the same call gives the same bits, now, later and in the next run.

Each op on the same operands again and again, with other work in between: a sum whose order depends
on threads, atomics or the phase of the moon differs in its last bits. Then a GPT trained twice from
one seed. A backend whose `caps.deterministic` is False promises none of it, and passes unseen.

Read next: `plugin.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rinzler.conformance.case import Case
from rinzler.conformance.cases import cases_of
from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers.capture import alike, computed, fed_by, spread_over
from rinzler.conformance.tiers.training import SHAPES, Run, Shape
from rinzler.ops import OPS, Device

TIMES = 4
STEPS = 6


def checks() -> Iterator[Check]:
    for op in OPS:
        for case in {case.id: case for case in (*spread_over(cases_of(op)), largest(op))}.values():
            yield Check(f"determinism/{case.id}", partial(repeated, case))
    for name, shape in SHAPES.items():
        yield Check(f"determinism/gpt/{name}", partial(trained_twice, shape))


def largest(op: str) -> Case:
    """The case of the longest sums: where an order shows, if anywhere."""
    sizes = {"large", "tile"}
    return max(cases_of(op), key=lambda case: (len(sizes & case.tags), case.id))


def repeated(case: Case, subject: Subject) -> Outcome:
    if not subject.backend.caps.deterministic:
        return Outcome()
    for dtype in subject.dtypes:
        first: list[bytes] = []
        for time in range(TIMES):
            device = subject.fresh()
            for between in range(time):  # memory lies elsewhere, threads have moved
                device.full((1000 * between + 7,), 1.0, dtype)
            found = bits(device, case, dtype)
            first = first or found
            if found != first:
                return Outcome((f"{dtype}: call {time + 1} gives other bits than the first",))
    return Outcome()


def bits(device: Device, case: Case, dtype: str) -> list[bytes]:
    held = {name: device.array(host) for name, host in fed_by(case, dtype).items()}
    ins = [held.get(f"in {k}") for k in range(len(case.ins))]
    outs = tuple(held.get(f"out {k}") for k in range(len(OPS[case.op].outputs)))
    return [x.numpy().tobytes() for x in computed(case, dtype, ins, outs)]


def trained_twice(shape: Shape, subject: Subject) -> Outcome:
    if not subject.backend.caps.deterministic:
        return Outcome()
    first, second = Run(subject.fresh(), shape), Run(subject.fresh(), shape)
    for step in range(STEPS):
        one, other = first.take(), second.take()
        if not alike(one, other, subject):
            return Outcome((f"step {step + 1} of the same seed: {one}, then {other}",))
    weights, again = first.weights(), second.weights()
    wrong = [name for name in weights if weights[name].tobytes() != again[name].tobytes()]
    return Outcome((f"the same seed gives other weights: {', '.join(wrong)}",) if wrong else ())
