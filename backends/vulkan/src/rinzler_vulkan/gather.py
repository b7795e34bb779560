"""Rows by id: `take_rows` and its gradient `add_rows`.

Ids that repeat must sum in a fixed order, and float atomics have none. So a first pass links the
places of equal ids into chains, and a second walks each chain. Read next: `backend.py`.
"""

from __future__ import annotations

from rinzler_vulkan.call import Call, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

LANES = 64  # invocations of a workgroup


def take_rows(caps: DeviceCaps, y: Memory, table: Memory, ids: Memory) -> Call:
    width = table.shape[1]
    vector = width % 4 == 0
    each = 4 if vector else 1
    n = y.size // each
    push = {"n": n, "width": width // each}
    return Call("take_rows", (y, table, ids), flat(n, LANES), push=push, spec={"VECTOR": vector})


def add_rows(caps: DeviceCaps, out: Memory, ids: Memory, rows: Memory) -> list[Call]:
    link = Scratch((ids.size,), "int32")
    push = {"n": rows.size, "width": out.shape[1]}
    return [
        Call("add_rows_link", (link, ids), flat(ids.size, LANES), push={"n": ids.size}),
        Call("add_rows", (out, ids, rows, link), flat(rows.size, LANES), push=push),
    ]


KERNELS = {"take_rows": take_rows, "add_rows": add_rows}
