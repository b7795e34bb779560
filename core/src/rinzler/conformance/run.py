"""Run a case on a device: upload, call, look at everything, judge.

A kernel is not believed to have done only what it was asked. Around every operand lie fences
(`fences.py`), outputs start as NaN, inputs must be the same afterwards, and where the op table
allows an output to overwrite an input the case runs once more for each such input, in place.

Leaves out: pytest and the command line; both will call `run_case`. Read next: `cases.py`, and the
author of a backend: `rinzler/ops/backend.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinzler.conformance.case import Case
from rinzler.conformance.fences import Fenced
from rinzler.conformance.oracle import Expected, expected, judge
from rinzler.ops import OPS, Device, Spec, call, no_fused


@dataclass(frozen=True)
class Result:
    """How a device did on one case."""

    case: Case
    dtype: str
    fused: bool  # False: core's default was forced
    ratio: float  # the worst observed error over its bound, of all outputs and runs
    failures: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        how = f"{self.case.id} {self.dtype}" + ("" if self.fused else " no_fused")
        if self.ok:
            return f"{how}: ok, worst error {self.ratio:.2g} of its bound"
        return "\n".join(f"{how}: {failure}" for failure in self.failures)


def run_case(device: Device, case: Case, dtype: str, fused: bool = True) -> Result:
    """Run a case as it stands, then once for each input that the output may overwrite.

    `fused` False forces core's defaults. What a kernel raises is not caught.
    """
    ins, reads = case.data(dtype)
    answers = expected(case, dtype, ins, reads)
    worst, failures = 0.0, []
    with no_fused(not fused):
        for alias in (None, *_aliases(case, ins, answers)):
            ratio, found = _attempt(device, case, dtype, (ins, reads), answers, alias)
            worst = max(worst, ratio)
            failures += found
    return Result(case, dtype, fused, worst, tuple(failures))


def worst_ratios(results: Iterable[Result]) -> dict[str, tuple[float, str]]:
    """For each op the worst observed/bound ratio and the case that it was seen in."""
    worst: dict[str, tuple[float, str]] = {}
    for result in results:
        row = (result.ratio, f"{result.case.id} {result.dtype}")
        worst[result.case.op] = max(worst.get(result.case.op, (0.0, "")), row)
    return worst


def _aliases(case: Case, ins: Sequence[Any], answers: Sequence[Expected | None]) -> list[int]:
    """Inputs that the first output may overwrite: allowed by the table, present, of its size."""
    first = answers[0]
    return [
        index
        for index in OPS[case.op].inplace
        if first is not None and ins[index] is not None and ins[index].shape == first.values.shape
    ]


def _attempt(
    device: Device,
    case: Case,
    dtype: str,
    data: tuple[list[Any], dict[int, Any]],
    answers: Sequence[Expected | None],
    alias: int | None,
) -> tuple[float, list[str]]:
    """One call: the worst ratio of its outputs, and what went wrong, in words."""
    row = OPS[case.op]
    hosts, reads = data
    ins = [None if host is None else Fenced.of(device, host) for host in hosts]
    specs = _output_specs(case, dtype, ins, reads)
    outs = [_output(device, reads.get(index), spec) for index, spec in enumerate(specs)]
    if alias is not None:
        outs[0] = ins[alias]
    given = tuple(None if x is None else x.array for x in outs)
    operands = [None if x is None else x.array for x in ins]
    call(case.op, *operands, out=given, **case.attrs_for(dtype))

    where = "" if alias is None else f" (written over {_input_name(case, alias)})"
    failures = []
    for index, fenced in enumerate(ins):
        what = fenced.changed() if fenced is not None and index != alias else ""
        if what:
            failures.append(f"input {_input_name(case, index)}: {what} was written{where}")
    ratio = 0.0
    for name, fenced, answer in zip(row.outputs, outs, answers, strict=True):
        if fenced is None or answer is None:
            continue
        verdict = judge(fenced.contents(), answer.values, answer.bound)
        ratio = max(ratio, verdict.ratio)
        if not verdict.ok:
            failures.append(f"{name}{verdict}{where}")
        if fenced.stray():
            failures.append(f"{name}: memory {fenced.stray()} was written{where}")
    return ratio, failures


def _output_specs(
    case: Case, dtype: str, ins: Sequence[Fenced | None], reads: dict[int, Any]
) -> Sequence[Spec | None]:
    """What the op table says comes out; None: not wanted."""
    row = OPS[case.op]
    updated = [_spec(reads[index]) for index in row.updates]
    operands = [None if x is None else x.array for x in ins]
    return row.infer((*updated, *operands), case.attrs_for(dtype))


def _spec(host: np.ndarray | None) -> Spec | None:
    return None if host is None else Spec(host.shape, host.dtype.name)


def _output(device: Device, start: np.ndarray | None, spec: Spec | None) -> Fenced | None:
    """Memory for an output: with what it starts from, else full of NaN."""
    if start is not None:
        return Fenced.of(device, start)
    return None if spec is None else Fenced(device, spec.shape, spec.dtype)


def _input_name(case: Case, index: int) -> str:
    names = OPS[case.op].inputs
    return names[index] if index < len(names) else f"{names[-1]}[{index}]"
