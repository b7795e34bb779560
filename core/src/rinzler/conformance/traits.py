"""What is true of a call: attributes, sizes, contents of its operands, how it was made.

Statements hold or do not ("accumulate=True", "x holds nan"); numbers are sizes and magnitudes, of
which a rule may say more ("N is no multiple of 32"). `common.py` looks for those that set failing
calls apart from the others. Everything comes from the case itself, so that the same words mean the
same in every backend. Read next: `common.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from rinzler.conformance.case import Case
from rinzler.conformance.result import Attempt, Result
from rinzler.ops import OPS


@dataclass
class Traits:
    """What can be said of one call."""

    statements: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)  # whole numbers: lengths, heads, offsets
    magnitudes: dict[str, float] = field(default_factory=dict)  # the largest finite |x| of each


def traits_of(result: Result, attempt: Attempt) -> Traits:
    """All that is known of an attempt before it is made."""
    case = result.case
    traits = Traits({result.dtype, "by kernel" if result.fused else "by core's default"})
    names = OPS[case.op].inputs
    for name in (names[min(index, len(names) - 1)] for index in OPS[case.op].inplace):
        traits.statements.add(
            f"written over {name}" if name == attempt.over else f"not over {name}"
        )
    if result.together:
        traits.statements.add("operands side by side in memory")
    for name, value in case.attrs.items():
        if isinstance(value, bool):
            traits.statements.add(f"{name}={value}")
        elif isinstance(value, int):
            traits.sizes[name] = value
    _add_shapes(traits, case)
    _add_contents(traits, case, result.dtype)
    return traits


def _add_shapes(traits: Traits, case: Case) -> None:
    for name, operand in _operands(case):
        if operand is None:
            traits.statements.add(f"without {name}")
            continue
        traits.statements.add(f"with {name}")
        shape = operand.shape
        traits.sizes[f"{name}.size"] = prod(shape)
        if not shape:
            traits.statements.add(f"{name} is a scalar")
        for axis in range(-1, -len(shape) - 1, -1):
            traits.sizes[f"{name}.shape[{axis}]"] = shape[axis]
    if "shape" in case.attrs:
        traits.sizes["y.size"] = prod(case.attrs["shape"])
    if case.op == "matmul":  # by its axes: which axis of an operand they are depends on flags
        a, b = (operand.shape for operand in case.ins if operand is not None)
        m, k = a[-2:][::-1] if case.attrs["ta"] else a[-2:]
        n = b[-2] if case.attrs["tb"] else b[-1]
        traits.sizes = {"M": m, "N": n, "K": k, "the batch": prod(a[:-2])}
        for left, right in (("M", "N"), ("M", "K"), ("K", "N")):
            if traits.sizes[left] == traits.sizes[right]:
                traits.statements.add(f"{left} = {right}")


def _operands(case: Case) -> Iterator[tuple[str, Any]]:
    row = OPS[case.op]
    yield from zip(row.inputs, case.ins, strict=False)  # of operands without number the first
    for index, operand in case.reads.items():
        yield row.outputs[index], operand


def _add_contents(traits: Traits, case: Case, dtype: str) -> None:
    ins, reads = case.data(dtype)
    row = OPS[case.op]
    named = [*zip(row.inputs, ins, strict=False)]
    named += [(row.outputs[index], host) for index, host in reads.items()]
    for name, host in named:
        if host is None or not host.size:
            continue
        for word in _contents(host):
            traits.statements |= {f"{name} holds {word}", f"an operand holds {word}"}
        if host.dtype.kind == "f":
            finite = abs(host[np.isfinite(host)])
            traits.magnitudes[f"|{name}|"] = float(finite.max()) if finite.size else 0.0
        else:
            traits.sizes[f"the largest of {name}"] = int(host.max())
    floats = [(name, host) for name, host in named if host is not None and host.dtype.kind == "f"]
    for (left, a), (right, b) in pairwise(floats):
        if (a.shape == b.shape or b.size == 1) and (a == b).any():
            traits.statements.add(f"{left} and {right} are equal somewhere")


def _contents(host: np.ndarray) -> Iterator[str]:
    if host.dtype.kind != "f":
        if len(np.unique(host)) < host.size:
            yield "an id twice"
        return
    zero = host == 0
    tests = {
        "nan": np.isnan(host),
        "inf": np.isinf(host),
        "0": zero,
        "−0": zero & np.signbit(host),
    }
    yield from (word for word, found in tests.items() if found.any())
