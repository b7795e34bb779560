"""Causal attention, forward and backward, and that of new positions to caches.

No pass makes a table of T × T: scores live in registers, or in one tile of shared memory, and
backward builds them again from lse. Each element of a result belongs to one invocation, so backward
is two passes, one by queries and one by keys, and no sum depends on the order of anything.

Two forms. `rows`, for software drivers: an invocation has a few rows of D in registers, and rows of
the other side pass by. `tiled`, for GPUs: 32 by 32 in shared memory, any D. Read next: the shaders,
`attention.comp` first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, sqrt
from typing import Any

from rinzler.ops.spec import Specs
from rinzler_vulkan.call import Call, Grid, Number, Operand, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

LANES = 8  # invocations of a workgroup of the first form
MOST_CHUNKS = 32  # fours in D that the first form can have
TILE = 32  # rows and columns of a tile
TILE_BYTES = 20 << 10  # of shared memory: 4 pieces, 2 tables and the shares of tile.glsl
FORWARD, BACKWARD = 32, 16  # fours that an invocation has of q, or of each of k, v, dk and dv
FORWARD_STRIPS, BACKWARD_STRIPS = 4, 2  # strips of 32 columns that a workgroup sums at most


@dataclass(frozen=True)
class Sizes:
    """B, T, H and D; T is how many queries there are."""

    batch: int
    time: int
    heads: int
    size: int

    @staticmethod
    def of(qkv: Memory, heads: int) -> Sizes:
        batch, time, packed = qkv.shape
        return Sizes(batch, time, heads, packed // (3 * heads))

    @property
    def push(self) -> dict[str, Number]:
        scale = 1 / sqrt(self.size)
        return {"time": self.time, "heads": self.heads, "size": self.size, "scale": scale}


def tiled(caps: DeviceCaps, size: int) -> bool:
    """Whether the second form is the one to take for D = `size`."""
    return not caps.barrier_free or size > 4 * MOST_CHUNKS


def made(
    caps: DeviceCaps,
    shader: str,
    operands: Sequence[Operand | None],
    sizes: Sizes,
    most: tuple[int, int],
    push: Mapping[str, Number] | None = None,
    **spec: Number,
) -> Call:
    """One pass over all heads in the form that suits. `most`: fours of a row, strips."""
    time, size = sizes.time, sizes.size
    all_push = {**sizes.push, **(push or {})}
    vector = size % 4 == 0
    if tiled(caps, size):
        strips = -(-size // TILE)
        windows = -(-strips // most[1])
        spec = {"STRIPS": -(-strips // windows), "VECTOR": vector, **spec}
        grid: Grid = (-(-time // TILE), sizes.heads * windows, sizes.batch)
        all_push["windows"] = windows
        return Call(f"{shader}_tiled", operands, grid, push=all_push, spec=spec)
    chunks = -(-size // 4)
    named = max(most[0] // chunks, min(2, MOST_CHUNKS // chunks))  # two pay, where there are names
    fit = min(named, -(-time // LANES))
    rows = max([r for r in (1, 2, 4, 8) if r <= fit], default=1)
    spec = {"ROWS": rows, "CHUNKS": chunks, "VECTOR": vector, **spec}
    grid = (-(-time // (rows * LANES)), sizes.heads, sizes.batch)
    return Call(shader, operands, grid, push=all_push, spec=spec)


def batches(caps: DeviceCaps, *arrays: Memory) -> Iterator[list[Memory]]:
    """The arrays cut along B where one is larger than a shader may see at once."""
    count = arrays[0].shape[0]
    each = [x.size // count for x in arrays]
    fit = min(caps.max_range // (4 * most) for most in each)
    step = 1  # sequences after which all arrays are where a piece may start
    for length in each:
        aligned = 64 // gcd(length, 64)
        step = step * aligned // gcd(step, aligned)
    fit = fit // step * step
    if fit == 0 or fit >= count:
        yield list(arrays)  # at once; if that is too large, the encoder says so
        return
    for start in range(0, count, fit):
        n = min(fit, count - start)
        yield [sequences(x, start, n) for x in arrays]


def sequences(x: Memory, start: int, count: int) -> Memory:
    """x[start : start + count]; it has to start at a multiple of 64 elements."""
    each = x.size // x.shape[0]
    whole = x.part(start * each, count * each)
    offset = whole.offset - x.buffer.start
    return Memory(x.buffer, offset, (count, *x.shape[1:]), x.dtype)


def attention(caps: DeviceCaps, y: Memory, lse: Memory, qkv: Memory, *, heads: int) -> list[Call]:
    calls = []
    for part_y, part_lse, part in batches(caps, y, lse, qkv):
        sizes = Sizes.of(part, heads)
        packed = 3 * sizes.heads * sizes.size
        push = {
            "key_row": packed,
            "key_head": sizes.size,
            "key_batch": sizes.time * packed,
            "key_start": packed // 3,
            "value_start": 2 * packed // 3,
        }
        operands = (part_y, part_lse, part, part, part, None)
        most = (FORWARD, FORWARD_STRIPS)
        calls.append(made(caps, "attention", operands, sizes, most, push, CACHED=False))
    return calls


def attention_bwd(
    caps: DeviceCaps,
    dqkv: Memory,
    qkv: Memory,
    y: Memory,
    lse: Memory,
    g: Memory,
    *,
    heads: int,
) -> list[Call]:
    calls = []
    for out, part, part_y, part_lse, part_g in batches(caps, dqkv, qkv, y, lse, g):
        sizes = Sizes.of(part, heads)
        delta = Scratch(part_lse.shape)
        by_query = (out, delta, part, part_y, part_lse, part_g)
        by_key = (out, delta, part, part_lse, part_g)
        most = (BACKWARD, FORWARD_STRIPS)
        calls.append(made(caps, "attention_bwd_q", by_query, sizes, most))
        most = (BACKWARD, BACKWARD_STRIPS)
        calls.append(made(caps, "attention_bwd_kv", by_key, sizes, most))
    return calls


def attention_cached(
    caps: DeviceCaps,
    y: Memory,
    keys: Memory,
    values: Memory,
    qkv: Memory,
    position: Memory,
    *,
    heads: int,
) -> list[Call]:
    sizes = Sizes.of(qkv, heads)
    context, size = keys.shape[2:]
    stored = {
        "count": y.size,
        "fresh": sizes.time,
        "heads": heads,
        "size": size,
        "time": context,
    }
    push = {
        "key_row": size,
        "key_head": context * size,
        "key_batch": heads * context * size,
        "key_start": 0,
        "value_start": 0,
    }
    store = (keys, values, qkv, position)
    operands = (y, None, qkv, keys, values, position)
    most = (FORWARD, FORWARD_STRIPS)
    return [
        Call("attention_cached_store", store, flat(y.size, 64), push=stored),
        made(caps, "attention", operands, sizes, most, push, CACHED=True),
    ]


def supported(caps: DeviceCaps, specs: Specs, *rest: Any) -> bool:
    """The tiled form needs room for its tiles."""
    return caps.shared_bytes >= TILE_BYTES


KERNELS = {
    "attention": attention,
    "attention_bwd": attention_bwd,
    "attention_cached": attention_cached,
}
SUPPORTS = {op: supported for op in KERNELS}
