"""Free stretches: nothing is handed out twice, nothing is lost. No driver."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rinzler_vulkan.freelist import FreeList

SIZE = 64


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20), st.integers(0, 99)), max_size=40))
def test_any_order_of_taking_and_giving(steps: list[tuple[bool, int, int]]) -> None:
    free = FreeList(SIZE)
    used: list[tuple[int, int]] = []
    for take, nbytes, which in steps:
        if take:
            start = free.allocate(nbytes)
            longest = max((length for _, length in free.stretches), default=0)
            assert start is not None or longest < nbytes
            if start is not None:
                used.append((start, nbytes))
        elif used:
            free.release(*used.pop(which % len(used)))
        taken = sorted([*used, *free.stretches])
        assert sum(length for _, length in taken) == SIZE
        assert all(a + n <= b for (a, n), (b, _) in pairwise(taken))
        gaps = pairwise(free.stretches)
        assert all(a + n < b for (a, n), (b, _) in gaps)  # neighbours are joined
    for piece in used:
        free.release(*piece)
    assert free.is_whole
