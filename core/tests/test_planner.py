"""The memory plan, as numbers: what lives together never overlaps, and little is wasted."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinzler.planner import Call, Plan, lifetimes, one_by_one, peak, planned, rounded, tightest

ALIGNMENTS = (1, 16, 64, 256)


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Call], list[int], set[int], int]:
    """Calls that each write new temporaries and read some of the earlier ones."""
    calls: list[Call] = []
    sizes: list[int] = []
    for _ in range(draw(st.integers(0, 25))):
        earlier = list(range(len(sizes)))
        reads = draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        writes = list(range(len(sizes), len(sizes) + draw(st.integers(0, 2))))
        for _ in writes:
            sizes.append(draw(st.sampled_from([1, 4, 60, 64, 65, 1000, 4096])))
        alone = [each for each in reads if reads.count(each) == 1]
        over = draw(st.lists(st.sampled_from(alone), unique=True)) if alone and writes else []
        if not writes and earlier:
            writes = [draw(st.sampled_from(earlier))]  # an update of what is there
            over = []
        calls.append(Call(tuple(writes), tuple(reads), tuple(over)))
    kept = draw(st.sets(st.sampled_from(range(len(sizes))))) if sizes else set()
    return calls, sizes, kept, draw(st.sampled_from(ALIGNMENTS))


def may_take_the_place(calls: list[Call], last: list[int], old: int, new: int) -> bool:
    """Whether some call may write `new` over the last use of `old`."""
    return any(
        call.writes[:1] == (new,) and old in call.over and last[old] == index
        for index, call in enumerate(calls)
    )


def check(plan: Plan, calls: list[Call], sizes: list[int], kept: set[int], alignment: int) -> None:
    first, last = lifetimes(calls, len(sizes), kept)
    for number, (offset, nbytes) in enumerate(zip(plan.offsets, sizes, strict=True)):
        assert offset % alignment == 0
        assert 0 <= offset <= offset + nbytes <= plan.nbytes, number
    for one, other in combinations(range(len(sizes)), 2):
        together = first[one] <= last[other] and first[other] <= last[one]
        apart = (
            plan.offsets[one] + sizes[one] <= plan.offsets[other]
            or plan.offsets[other] + sizes[other] <= plan.offsets[one]
        )
        if apart or not together:
            continue
        # In place, and only so: same size, same place, the one dies where the other is born.
        old, new = (one, other) if first[one] < first[other] else (other, one)
        assert sizes[old] == sizes[new]
        assert plan.offsets[old] == plan.offsets[new]
        assert last[old] == first[new]
        assert may_take_the_place(calls, last, old, new)


@given(programs())
def test_no_two_live_temporaries_share_a_byte_but_in_place(
    program: tuple[list[Call], list[int], set[int], int],
) -> None:
    check(planned(*program), *program)


@given(programs())
def test_the_naive_plan_shares_nothing(
    program: tuple[list[Call], list[int], set[int], int],
) -> None:
    _, sizes, _, alignment = program
    naive = one_by_one(*program)
    check(naive, *program)
    ends = [o + n for o, n in zip(naive.offsets, sizes, strict=True)]
    assert all(end <= start for end, start in zip(ends, naive.offsets[1:], strict=False))
    assert planned(*program).nbytes <= naive.nbytes == sum(rounded(n, alignment) for n in sizes)


@given(programs())
def test_no_plan_is_below_the_peak(program: tuple[list[Call], list[int], set[int], int]) -> None:
    assert planned(*program).nbytes >= peak(*program)


def chain(length: int, over: bool) -> list[Call]:
    """0 -> 1 -> 2 -> …"""
    return [
        Call((n,), (n - 1,) if n else (), (n - 1,) if n and over else ()) for n in range(length)
    ]


def test_a_chain_needs_two_places_and_in_place_only_one() -> None:
    sizes = [64] * 10
    assert planned(chain(10, over=False), sizes, {9}, 64).nbytes == 128
    plan = planned(chain(10, over=True), sizes, {9}, 64)
    assert plan == Plan((0,) * 10, 64)
    assert one_by_one(chain(10, over=True), sizes, {9}, 64).nbytes == 640


@pytest.mark.parametrize(
    ("sizes", "kept", "why"),
    [
        ([64, 128], set(), "another size"),
        ([64, 64], {0}, "it is a result, and lives on"),
    ],
)
def test_what_may_not_be_overwritten_is_not(sizes: list[int], kept: set[int], why: str) -> None:
    plan = planned(chain(2, over=True), sizes, kept, 64)
    assert plan.offsets[0] != plan.offsets[1], why


def test_a_later_reader_keeps_its_operand() -> None:
    calls = [Call((0,), ()), Call((1,), (0,), (0,)), Call((2,), (0, 1), (0, 1))]
    plan = planned(calls, [64] * 3, {2}, 64)
    assert plan.offsets[0] != plan.offsets[1]
    assert plan.offsets[2] == plan.offsets[0]


def test_a_second_output_takes_no_place_over() -> None:
    calls = [Call((0,), ()), Call((1, 2), (0,), (0,))]
    plan = planned(calls, [64] * 3, {1, 2}, 64)
    assert plan.offsets[1] == plan.offsets[0]
    assert plan.offsets[2] != plan.offsets[0]


def test_freed_neighbours_hold_something_larger() -> None:
    """Two small ones die, and one that needs the room of both comes: a free list would not see."""
    calls = [Call((0, 1), ()), Call((2,), (0, 1)), Call((3,), (2,)), Call((4,), (3,))]
    plan = planned(calls, [64, 64, 64, 128, 64], {4}, 64)
    assert plan.nbytes == peak(calls, [64, 64, 64, 128, 64], {4}, 64) == 192


def test_the_tightest_gap_is_taken() -> None:
    taken = [(0, 10), (30, 40), (50, 60), (65, 70)]
    assert tightest(taken, 8) == 40  # gaps of 20, 10 and 5
    assert tightest(taken, 12) == 10
    assert tightest(taken, 30) == 70
    assert tightest([], 5) == 0
    assert tightest([(0, 50), (10, 20)], 5) == 50  # one inside of another: no gap between them


def test_nothing_to_plan() -> None:
    assert planned([], [], set(), 64) == one_by_one([], [], set(), 64) == Plan((), 0)
    assert peak([], [], set(), 64) == 0
