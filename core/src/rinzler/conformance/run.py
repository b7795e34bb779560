"""Run a case on a device: upload, call, look at everything, judge.

A kernel is not believed to have done only what it was asked. Around every operand lie fences
(`fences.py`), outputs start as NaN, inputs must be the same afterwards, and where the op table
allows an output to overwrite an input the case runs once more for each such input, in place.

Leaves out: which cases are run, and what else is checked (`tiers/`). Read next: `result.py`, and
the author of a backend: `rinzler/ops/backend.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from rinzler.conformance.case import Case
from rinzler.conformance.fences import Fenced, Ground, fenced
from rinzler.conformance.oracle import Expected, expected, judge
from rinzler.conformance.result import ASTRAY, HARMED, UNWRITTEN, WRONG, Attempt, Failure, Result
from rinzler.ops import OPS, Device, Spec, call, no_fused


def run_case(
    device: Device,
    case: Case,
    dtype: str,
    fused: bool = True,
    aliases: bool = True,
    together: bool = False,
) -> Result:
    """Run a case as it stands, then, with `aliases`, once for each input that may be overwritten.

    `fused` False forces core's defaults. With `together` all operands lie in one piece of memory,
    side by side, else each in its own. What a kernel raises is not caught.
    """
    ins, reads = case.data(dtype)
    answers = expected(case, dtype, ins, reads)
    over = _aliases(case, ins, answers) if aliases else []
    worst, attempts = 0.0, []
    with no_fused(not fused):
        for alias in (None, *over):
            laid = _laid(device, case, dtype, (ins, reads), alias, together)
            ratio, failures = _attempt(case, dtype, laid, answers)
            worst = max(worst, ratio)
            attempts.append(Attempt("" if alias is None else _input_name(case, alias), failures))
    return Result(case, dtype, fused, worst, tuple(attempts), together)


def _aliases(case: Case, ins: Sequence[Any], answers: Sequence[Expected | None]) -> list[int]:
    """Inputs that the first output may overwrite: allowed by the table, present, of its size."""
    first = answers[0]
    return [
        index
        for index in OPS[case.op].inplace
        if first is not None and ins[index] is not None and ins[index].shape == first.values.shape
    ]


@dataclass(frozen=True)
class Known:
    """An operand as far as `infer` looks at it: no device has it yet."""

    host: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.host.shape

    @property
    def dtype(self) -> str:
        return self.host.dtype.name

    def ids_within(self, count: int) -> tuple[int, int] | None:
        low, high = int(self.host.min()), int(self.host.max())
        return None if low >= 0 and high < count else (low, high)


@dataclass(frozen=True)
class Laid:
    """The operands of a call in fenced memory; None where one is absent."""

    ins: tuple[Fenced | None, ...]
    outs: tuple[Fenced | None, ...]
    alias: int | None  # the input that the first output is

    def now(self) -> dict[Ground, np.ndarray]:
        """What lies in all of their memory at this moment."""
        grounds = {x.ground for x in (*self.ins, *self.outs) if x is not None}
        return {ground: ground.now() for ground in grounds}


def _laid(
    device: Device,
    case: Case,
    dtype: str,
    data: tuple[list[Any], dict[int, Any]],
    alias: int | None,
    together: bool,
) -> Laid:
    """Memory for a call: inputs, and outputs with what they start from, or full of NaN."""
    hosts, reads = data
    specs = _output_specs(case, dtype, hosts, reads)
    outs = [reads[k] if reads.get(k) is not None else spec for k, spec in enumerate(specs)]
    if alias is not None:
        outs[0] = None
    contents = [*hosts, *outs]
    present = [content for content in contents if content is not None]
    if together:
        places = iter(fenced(device, present))
    else:
        places = iter([fenced(device, [content])[0] for content in present])
    laid = [None if content is None else next(places) for content in contents]
    ins, written = laid[: len(hosts)], laid[len(hosts) :]
    if alias is not None:
        written[0] = ins[alias]
    return Laid(tuple(ins), tuple(written), alias)


def _attempt(
    case: Case, dtype: str, laid: Laid, answers: Sequence[Expected | None]
) -> tuple[float, tuple[Failure, ...]]:
    """One call: the worst ratio of its outputs, and what went wrong."""
    given = tuple(None if x is None else x.array for x in laid.outs)
    operands = [None if x is None else x.array for x in laid.ins]
    call(case.op, *operands, out=given, **case.attrs_for(dtype))

    where = "" if laid.alias is None else f" (written over {_input_name(case, laid.alias)})"
    failures = []
    now = laid.now()
    for index, x in enumerate(laid.ins):
        if x is None or index == laid.alias:
            continue
        what = x.changed(now[x.ground])
        if what:
            name = _input_name(case, index)
            failures.append(Failure(f"input {name}: {what} was written{where}", HARMED, name))
    ratio = 0.0
    for name, y, answer in zip(OPS[case.op].outputs, laid.outs, answers, strict=True):
        if y is None or answer is None:
            continue
        verdict = judge(y.contents(), answer.values, answer.bound)
        ratio = max(ratio, verdict.ratio)
        if not verdict.ok:
            kind = UNWRITTEN if isnan(verdict.got) and not isnan(verdict.want) else WRONG
            failures.append(Failure(f"{name}{verdict}{where}", kind, name, verdict))
        stray = y.stray(now[y.ground])
        if stray:
            words = f"{name}: memory {stray} was written{where}"
            failures.append(Failure(words, ASTRAY, name))
    return ratio, tuple(failures)


def _output_specs(
    case: Case, dtype: str, hosts: Sequence[Any], reads: dict[int, Any]
) -> Sequence[Spec | None]:
    """What the op table says comes out; None: not wanted."""
    row = OPS[case.op]
    read = [*(reads[index] for index in row.updates), *hosts]
    operands = [None if host is None else Known(host) for host in read]
    return row.infer(operands, case.attrs_for(dtype))


def _input_name(case: Case, index: int) -> str:
    names = OPS[case.op].inputs
    return names[index] if index < len(names) else f"{names[-1]}[{index}]"
