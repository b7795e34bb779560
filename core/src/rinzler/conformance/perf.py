"""How fast each op is on a backend: time, GFLOP/s and GB/s, by kernel and by default.

Sizes are those of a small GPT's training step (8 sequences of 128, 256 wide). Work is what the op
table says it is (`OpSpec.cost`), so that rates of backends compare. A time is the least of several,
each of enough calls to be measurable, and includes waiting for the device.
Leaves out: whole steps, which is what counts in the end (`benchmarks/`). Read next: `report.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rinzler.conformance.case import Case, case, floats, ids, mask, normal, positive
from rinzler.conformance.drawn.elementwise import BINARY
from rinzler.conformance.subject import Subject
from rinzler.conformance.table.attention import both
from rinzler.conformance.table.cached import cached
from rinzler.conformance.table.elementwise import UNARY
from rinzler.conformance.table.gather import lookup
from rinzler.conformance.table.matmul import PLAIN, layer, layer_bwd, matmul
from rinzler.conformance.table.movement import move
from rinzler.conformance.table.normalization import layer_norm_bwd, losses, probabilities
from rinzler.conformance.table.update import LATER, adamw, any_words, draw
from rinzler.conformance.tiers.capture import computed, fed_by
from rinzler.ops import OPS, Device, no_fused

B, T, H, D, V = 8, 128, 4, 64, 512
N, C = B * T, H * D
ROWS = (N, C)
ROUNDS = 5
LEAST = 0.01  # seconds that a round takes, at least
WIDE = floats(ROWS, normal())

_loss, _loss_bwd = losses("perf", floats((N, V), normal()), ids(V))
_attention, _attention_bwd = both("perf", B, T, H, D, normal(), [])
CASES: tuple[Case, ...] = (
    case("fill", "perf", reads={0: WIDE}, value=0.5),
    *(case(op, "perf", WIDE, WIDE) for op in BINARY),
    *(case(op, "perf", floats(ROWS, positive)) for op in UNARY),
    case("where", "perf", floats(ROWS, mask), WIDE, WIDE),
    case("gelu_bwd", "perf", WIDE, WIDE),
    move("perf", ROWS, (1, N), (C, 1)),
    case("permute", "perf", floats((B, T, H, D)), axes=(0, 2, 1, 3)),
    case("expand", "perf", floats((C,)), shape=ROWS),
    case("slice", "perf", floats((N, 3 * C)), starts=(0, C), shape=ROWS),
    case("place", "perf", WIDE, starts=(0, C), shape=(N, 3 * C)),
    case("concat", "perf", WIDE, WIDE, axis=1),
    *(case(op, "perf", WIDE) for op in ("sum_rows", "sum_cols", "max_rows", "sumsq")),
    matmul(N, C, C, PLAIN),
    layer("linear", N, C, C, bias=True),
    layer("linear_gelu", N, C, 4 * C, bias=True),
    layer_bwd(N, C, C, dw=True, db=True),
    *(lookup(op, "perf", V, C, (N,), ids(V)) for op in ("take_rows", "add_rows")),
    *(case(op, "perf", WIDE) for op in ("softmax", "log_softmax")),
    case("softmax_bwd", "perf", floats(ROWS, probabilities(False, 1.0)), WIDE),
    case("log_softmax_bwd", "perf", floats(ROWS, probabilities(True, 1.0)), WIDE),
    case("layer_norm", "perf", WIDE, floats((C,)), floats((C,)), eps=1e-5),
    layer_norm_bwd("perf", WIDE, 1e-5),
    _loss,
    _loss_bwd,
    _attention,
    _attention_bwd,
    cached(B, 1, T, H, D, (T - 1,) * B, normal()),
    adamw("perf", (N * C,), LATER),
    draw("perf", ROWS, any_words, 0),
)


@dataclass(frozen=True)
class Timing:
    """An op at its size: seconds by kernel (None: there is none) and by default, and its work."""

    op: str
    kernel: float | None
    default: float | None
    flops: int
    nbytes: int

    @property
    def best(self) -> float:
        return min(seconds for seconds in (self.kernel, self.default) if seconds is not None)


def timings(subject: Subject, dtype: str = "float32") -> list[Timing]:
    """A row for each op."""
    return [timed(subject.fresh(), each, dtype) for each in CASES]


def timed(device: Device, what: Case, dtype: str) -> Timing:
    held = {name: device.array(host) for name, host in fed_by(what, dtype).items()}
    ins = [held.get(f"in {k}") for k in range(len(what.ins))]
    outs = tuple(held.get(f"out {k}") for k in range(len(OPS[what.op].outputs)))
    row = OPS[what.op]

    def once() -> Any:
        return computed(what, dtype, ins, outs)

    kernel = default = None
    if what.op in device.backend.kernels:
        kernel = least(device, once)
    if not row.required:
        with no_fused():
            default = least(device, once)
    read = (*[outs[index] for index in row.updates], *ins)
    attrs = what.attrs_for(dtype)
    flops, nbytes = row.cost(read, attrs) if row.cost else (0, 0)
    return Timing(what.op, kernel, default, flops, nbytes)


def least(device: Device, once: Callable[[], Any]) -> float:
    """Seconds of one call: the least of several rounds, as noise only ever adds."""
    once()
    device.synchronize()
    count, best = 1, 0.0
    done = 0
    while done < ROUNDS:
        start = perf_counter()
        for _ in range(count):
            once()
        device.synchronize()
        seconds = perf_counter() - start
        if seconds < LEAST and done == 0:
            count *= 2
            continue
        best = min(best or seconds / count, seconds / count)
        done += 1
    return best
