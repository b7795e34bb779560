"""Kernels as data: grids, pieces, joined axes, scratch; and what the encoder refuses."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinzler_vulkan.call import MOST_GROUPS, Call, Scratch, flat, pieces
from rinzler_vulkan.errors import ShaderMissing, TooLarge
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.movement import bits_of, joined
from rinzler_vulkan.reduce import reduce_rows
from rinzler_vulkan.workspace import Workspace, needed


def memory(*shape: int) -> Memory:
    """A handle over nothing: kernels look at its shape only."""
    return Memory(SimpleNamespace(start=0, nbytes=1 << 50), 0, shape, "float32")  # type: ignore[arg-type]


@given(st.integers(1, 1 << 34), st.sampled_from([1, 64, 256]))
def test_a_flat_grid_covers_all_and_fits(count: int, each: int) -> None:
    across, down, deep = flat(count, each)
    assert deep == 1
    assert across <= MOST_GROUPS
    assert across * down * each >= count
    assert (across * down - down) * each < count  # less than a row of workgroups too many


@given(st.integers(1, 5000), st.integers(1, 9))
def test_pieces_follow_each_other_at_aligned_starts(size: int, blocks: int) -> None:
    caps: Any = SimpleNamespace(max_range=blocks * 256 + 100)
    found = list(pieces(caps, size))
    assert [start for start, _ in found] == list(range(0, size, blocks * 64))
    assert sum(length for _, length in found) == size
    assert all(4 * length <= caps.max_range for _, length in found)


@given(st.data())
def test_joined_axes_are_the_same_copy(data: st.DataObject) -> None:
    """Strides of a permuted, partly repeated array: the same addresses in the same order."""
    rank = data.draw(st.integers(0, 4))
    shape = data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    order = data.draw(st.permutations(range(rank)))
    strides = [prod([shape[b] for b in order if b > a]) for a in range(rank)]
    repeated = [data.draw(st.sampled_from([stride, 0])) for stride in strides]
    plain = [prod(shape[a + 1 :]) for a in range(rank)]

    def addresses(axes: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
        lengths = [axis[0] for axis in axes]
        return [
            tuple(int(np.dot(index, [axis[k] for axis in axes])) for k in (1, 2))
            for index in np.ndindex(*lengths)
        ]

    axes = joined(shape, plain, repeated)
    full = list(zip(shape, plain, repeated, strict=True))
    assert addresses(axes) == addresses(full)
    assert len(axes) <= rank
    assert all(length > 1 for length, _, _ in axes)


def test_a_copy_of_a_contiguous_array_has_one_axis() -> None:
    assert joined((3, 5, 7), (35, 7, 1), (35, 7, 1)) == [(105, 1, 1)]
    assert joined((3, 5, 7), (35, 7, 1), (0, 7, 1)) == [(3, 35, 0), (35, 1, 1)]
    assert joined((), (), ()) == []


@pytest.mark.parametrize(
    ("value", "dtype", "bits"),
    [
        (1.0, "float32", 0x3F800000),
        (-0.0, "float32", 0x80000000),
        (1e300, "float32", 0x7F800000),
        (-1e300, "float32", 0xFF800000),
        (-1, "int32", 0xFFFFFFFF),
    ],
)
def test_a_fill_is_made_of_bits(value: float, dtype: str, bits: int) -> None:
    assert bits_of(value, dtype) == bits


def test_long_rows_are_reduced_in_turns() -> None:
    caps: Any = SimpleNamespace()
    calls = reduce_rows(False, caps, memory(2), memory(2, 1_000_000))
    assert [call.push["segments"] for call in calls] == [1954, 4, 1]
    assert [call.push["cols"] for call in calls] == [1_000_000, 1954, 4]
    assert [first.operands[0] for first in calls[:-1]] == [x.operands[1] for x in calls[1:]]
    assert len(reduce_rows(False, caps, memory(9000), memory(9000, 700))) == 1


def test_scratch_of_one_list_never_overlaps(backend: Any) -> None:
    workspace = Workspace(backend.pool)
    for round_ in range(200):
        scratch = [Scratch((100 + round_,)), Scratch((3,), "int32"), Scratch((5000,))]
        call = Call("fill", (*scratch, None, scratch[0]), (1, 1, 1))
        assert sum(needed([call]).values()) % 256 == 0
        places = workspace.place([call])
        spans = sorted((x.offset, x.offset + x.nbytes) for x in places.values())
        assert len(spans) == 3
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        assert [places[x].shape for x in scratch] == [x.shape for x in scratch]


def test_wrong_calls_are_refused_before_a_driver_sees_them(backend: Any) -> None:
    x = Memory(backend.alloc(256), 0, (4,), "float32")
    push = {"n": 4}
    run = backend.recorder.run
    with pytest.raises(ShaderMissing, match="binary: 2 operands, expected 3 by its bindings"):
        run("add", [Call("binary", (x, x), (1, 1, 1), push)])
    for grid in ((0, 1, 1), (1, 1 << 20, 1)):
        with pytest.raises(TooLarge, match=r"binary: a grid of .* workgroups"):
            run("add", [Call("binary", (x, x, x), grid, push)])
    large = SimpleNamespace(
        nbytes=backend.device.caps.max_range + 4, buffer=x.buffer, offset=x.offset
    )
    with pytest.raises(TooLarge, match=r"lets a shader see .* at once: use a smaller model"):
        run("add", [Call("binary", (x, large, x), (1, 1, 1), push)])
