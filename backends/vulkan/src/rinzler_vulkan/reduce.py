"""Reductions over the rows of a matrix.

An invocation reduces a segment of a row in eight running values. Where rows are long and few, each
is cut into segments, and their results are reduced in turn, until one is left: enough invocations
for any device, and no sum is a long chain. Read next: `matmul.py`.
"""

from __future__ import annotations

from functools import partial

from rinzler_vulkan.call import Call, Operand, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

LANES = 64  # invocations of a workgroup
ENOUGH = 4096  # invocations that keep a device busy
SEGMENT = 512  # elements; a multiple of four


def reduce_rows(maximum: bool, caps: DeviceCaps, y: Memory, x: Memory) -> list[Call]:
    rows, cols = x.shape
    calls = []
    source: Operand = x
    while True:
        segments = 1 if rows >= ENOUGH else -(-cols // SEGMENT)
        target: Operand = y if segments == 1 else Scratch((rows, segments))
        push = {"rows": rows, "cols": cols, "segments": segments}
        push["length_"] = cols if segments == 1 else SEGMENT
        spec = {"MAXIMUM": maximum, "VECTOR": cols % 4 == 0}
        grid = flat(rows * segments, LANES)
        calls.append(Call("reduce_rows", (target, source), grid, push=push, spec=spec))
        if segments == 1:
            return calls
        source, cols = target, segments


KERNELS = {"sum_rows": partial(reduce_rows, False), "max_rows": partial(reduce_rows, True)}
