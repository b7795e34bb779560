"""The tier `memory`: a kernel touches its outputs and nothing else, wherever its operands lie.

Every row of the table runs once more with all operands in one piece of memory, side by side at the
least alignment that the backend asks for, as in the arena of a captured step, and once for each
input that the table allows it to overwrite. Then come a few facts about storage that no single
kernel shows: uploads that copy, memory that is used again, arrays that the collector frees.
Read next: `capture.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import numpy as np

from rinzler.conformance.case import Case
from rinzler.conformance.cases import CASES
from rinzler.conformance.check import Check, Outcome, attempted, gathered
from rinzler.conformance.subject import Subject
from rinzler.ops import Array, Device, call

TWICE = ("add", "sub", "mul", "div", "maximum", "less")
MANY = 200  # arrays alive at a time
LENGTHS = (3, 60, 500, 1200, 3000)  # of these


def checks() -> Iterator[Check]:
    yield from (side_by_side(case) for case in CASES)
    yield from (Check(f"memory/storage/{fact.__name__}", told(fact)) for fact in FACTS)


def side_by_side(case: Case) -> Check:
    def run(subject: Subject) -> Outcome:
        return gathered(attempted(subject, case, dtype, together=True) for dtype in subject.dtypes)

    return Check(f"memory/{case.id}", run)


Fact = Callable[[Device], str]


def told(fact: Fact) -> Callable[[Subject], Outcome]:
    """A fact as a check: what it returns is what is wrong."""

    def run(subject: Subject) -> Outcome:
        wrong = fact(subject.fresh())
        return Outcome((wrong,) if wrong else ())

    return run


def numbers(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def upload_copies(device: Device) -> str:
    """The host array may change as soon as `upload` has returned, before a kernel or after it."""
    for used in (False, True):
        host = numbers(1031)
        before = host.copy()
        x = device.array(host)
        y = call("add", x, x) if used else x
        host[:] = np.nan
        if not np.array_equal(y.numpy(), before + before if used else before):
            return "upload keeps looking at the host array after it has returned: copy, or wait"
    return ""


def download_copies(device: Device) -> str:
    """What was read stays as it was when it was read."""
    x = device.array(numbers(1031))
    first = x.numpy()
    before = first.copy()
    x.fill(7.0)
    device.synchronize()
    return "" if np.array_equal(first, before) else "what was downloaded changes with the device"


def calls_are_in_order(device: Device) -> str:
    """Upload, kernel, upload into the same memory, kernel: each sees what came before it."""
    x, host = device.empty((257,), "float32"), numbers(257)
    sums = []
    for step in range(20):
        x.upload(host + np.float32(step))
        sums.append(call("add", x, x))
    for step, got in enumerate(sums):
        moved = host + np.float32(step)
        if not np.array_equal(got.numpy(), moved + moved):
            return f"step {step} of 20 did not see the upload before it: a later one overtook it"
    return ""


def one_array_twice(device: Device) -> str:
    """An op may get the same memory for both operands, and write over neither."""
    host = np.abs(numbers(513)) + np.float32(0.5)
    x, other = device.array(host), device.array(host)
    for op in TWICE:
        if call(op, x, x).numpy().tobytes() != call(op, x, other).numpy().tobytes():
            return f"{op}(x, x) differs from {op}(x, y) with equal contents"
    square = x.part(0, (16, 16))
    flags = {"ta": False, "tb": True, "accumulate": False}
    y = call("matmul", square, square, **flags).numpy()
    host = host[:256].reshape(16, 16)
    if not np.allclose(y, host @ host.T, rtol=1e-5):
        return "matmul(x, x) is wrong: it may not write into its operands"
    return ""


def sizes_up_and_down(device: Device) -> str:
    """A small call after a large one: scratch that is kept between calls holds old numbers."""
    for op, shapes in (
        ("sum_rows", ((3, 4099), (5, 7), (700, 33), (1, 3))),
        ("max_rows", ((33, 129), (2, 3), (129, 33), (1, 1))),
    ):
        for rows, columns in shapes:
            host = np.full((rows, columns), 0.5, np.float32)
            got = call(op, device.array(host)).numpy()
            want = columns * 0.5 if op == "sum_rows" else 0.5
            if not np.array_equal(got, np.full(rows, want, np.float32)):
                return f"{op} of {rows}x{columns} after a larger one is {got[0]}, expected {want}"
    return ""


def arrays_stay_apart(device: Device) -> str:
    """Many arrays of a few sizes, some given back and taken again: each keeps its contents."""
    rng = np.random.default_rng(1)
    alive: dict[int, tuple[Array, np.ndarray]] = {}
    for step in range(3 * MANY):
        slot = int(rng.integers(MANY))
        alive.pop(slot, None)
        host = numbers(int(rng.choice(LENGTHS)), step)
        alive[slot] = (device.array(host), host)
        if step % 99 == 0:
            device.memory.trim()
    wrong = [slot for slot, (x, host) in alive.items() if not np.array_equal(x.numpy(), host)]
    return f"{len(wrong)} of {len(alive)} arrays hold numbers of another" if wrong else ""


def cycles_are_collected(device: Device) -> str:
    """Arrays in a cycle are freed by the collector; their memory must not be handed out twice."""
    kept = []
    for step in range(3):
        for k in range(20):
            cycle: list[object] = [device.array(numbers(300 + 100 * k, k))]
            cycle.append(cycle)
        del cycle
        gc.collect()
        if step % 2:
            device.memory.trim()
        kept += [(device.array(host), host) for host in map(numbers, (350, 700, 1100, 2000, 5000))]
    if all(np.array_equal(x.numpy(), host) for x, host in kept):
        return ""
    return "memory of arrays that the collector freed was handed out twice"


FACTS: tuple[Fact, ...] = (
    upload_copies,
    download_copies,
    calls_are_in_order,
    one_array_twice,
    sizes_up_and_down,
    arrays_stay_apart,
    cycles_are_collected,
)
