"""Barriers: none is missing, none is needless, on any sequence of calls. No driver."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rinzler_vulkan.hazards import Access, Hazards


def accesses() -> st.SearchStrategy[Access]:
    return st.builds(
        lambda chunk, start, length, writes: Access(chunk, start, start + length, writes),
        st.integers(0, 1),
        st.integers(0, 12),
        st.integers(1, 6),
        st.booleans(),
    )


CALLS = st.lists(st.lists(accesses(), min_size=1, max_size=3), max_size=14)


def conflict(one: list[Access], other: list[Access]) -> bool:
    """The definition: some byte in both, written by one of them. Byte by byte, and slowly."""

    def touched(call: list[Access], only_writes: bool) -> set[tuple[int, int]]:
        rows = [x for x in call if x.writes or not only_writes]
        return {(x.chunk, byte) for x in rows for byte in range(x.start, x.end)}

    return bool(
        touched(one, True) & touched(other, False) or touched(one, False) & touched(other, True)
    )


def barriers_of(calls: list[list[Access]]) -> list[int]:
    hazards = Hazards()
    return [index for index, call in enumerate(calls) if hazards.take(call)]


def is_safe(calls: list[list[Access]], barriers: list[int]) -> bool:
    """Whether a barrier stands between every two calls that conflict."""
    return all(
        any(i < barrier <= j for barrier in barriers)
        for j in range(len(calls))
        for i in range(j)
        if conflict(calls[i], calls[j])
    )


def fewest(calls: list[list[Access]]) -> int:
    """The least number of barriers, by trying: best[k] for the first k calls."""
    count = len(calls)
    best = [0] + [count] * count
    for end in range(1, count + 1):
        for start in range(end):
            alone = not any(
                conflict(calls[i], calls[j]) for j in range(start, end) for i in range(start, j)
            )
            if alone:
                best[end] = min(best[end], best[start] + (1 if start else 0))
    return best[count]


@given(CALLS)
def test_no_conflict_is_left(calls: list[list[Access]]) -> None:
    assert is_safe(calls, barriers_of(calls))


@given(CALLS)
def test_no_barrier_is_needless(calls: list[list[Access]]) -> None:
    barriers = barriers_of(calls)
    for left_out in barriers:
        assert not is_safe(calls, [barrier for barrier in barriers if barrier != left_out])
    assert len(barriers) == fewest(calls)


@given(CALLS)
def test_always_is_a_barrier_before_every_call(calls: list[list[Access]]) -> None:
    hazards = Hazards(always=True)
    assert all(hazards.take(call) for call in calls)


def test_reads_share_and_neighbours_do_not_touch() -> None:
    hazards = Hazards()
    assert not hazards.take([Access(1, 0, 8, False)])
    assert not hazards.take([Access(1, 0, 8, False), Access(1, 8, 16, True)])
    assert not hazards.take([Access(2, 0, 8, True)])  # another chunk
    assert hazards.take([Access(1, 7, 8, True)])  # written after it was read


def test_a_barrier_put_for_another_reason_counts() -> None:
    hazards = Hazards()
    hazards.take([Access(1, 0, 8, True)])
    hazards.clear()
    assert not hazards.take([Access(1, 0, 8, True)])
