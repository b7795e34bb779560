"""The caching allocator, over a backend that hands out tokens: gigabytes cost nothing here."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from null import Buffer, Null

from rinzler.errors import OutOfMemoryError
from rinzler.ops.memory import IDLE_FLOOR, SMALLEST, Allocator, size_class

MIB = 2**20


@pytest.fixture
def backend() -> Null:
    return Null()


@pytest.fixture
def allocator(backend: Null) -> Allocator:
    return Allocator(backend)


# --- size classes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nbytes", "rounded"),
    [
        (0, 256),
        (1, 256),
        (256, 256),
        (257, 288),
        (289, 320),
        (512, 512),
        (513, 576),
        (MIB, MIB),
        (MIB + 1, MIB + MIB // 8),
    ],
)
def test_sizes_round_up_to_eight_steps_per_power_of_two(nbytes: int, rounded: int) -> None:
    assert size_class(nbytes) == rounded


def test_rounding_wastes_an_eighth_at_most_and_never_shrinks() -> None:
    rng = np.random.default_rng(0)
    for nbytes in [*range(1, 5000), *(int(x) for x in 2.0 ** rng.uniform(8, 40, 2000))]:
        rounded = size_class(nbytes)
        assert nbytes <= rounded <= max(SMALLEST, nbytes * 1.125 + 32)
        assert rounded % 32 == 0
        assert size_class(rounded) == rounded  # a class is its own class


# --- reuse ------------------------------------------------------------------------------------


def test_a_buffer_goes_to_the_next_request_of_its_class(allocator: Allocator) -> None:
    first = allocator.allocate(1000)
    buffer = first.buffer
    del first
    second = allocator.allocate(1020)
    assert second.buffer is buffer
    assert (allocator.stats.requests, allocator.stats.hits) == (2, 1)


def test_another_class_gets_another_buffer(allocator: Allocator) -> None:
    block = allocator.allocate(1000)
    buffer = block.buffer
    del block
    assert allocator.allocate(2000).buffer is not buffer
    assert allocator.stats.hits == 0


def test_two_in_use_share_nothing(allocator: Allocator) -> None:
    one, other = allocator.allocate(1000), allocator.allocate(1000)
    assert one.buffer is not other.buffer
    assert allocator.stats.live == 2 * size_class(1000)


def test_a_step_repeated_allocates_nothing_new(backend: Null, allocator: Allocator) -> None:
    def step() -> None:
        held = [allocator.allocate(nbytes) for nbytes in (100, 5000, 5000, 70_000, MIB)]
        held.append(allocator.allocate(5000))

    step()
    after_one = list(backend.allocated)
    for _ in range(10):
        step()
    assert backend.allocated == after_one
    assert allocator.stats.hits == 10 * 6


def test_the_counters_add_up(allocator: Allocator) -> None:
    blocks = [allocator.allocate(1000 * (k + 1)) for k in range(5)]
    live = sum(block.nbytes for block in blocks)
    assert (allocator.stats.live, allocator.stats.idle) == (live, 0)
    gone = blocks.pop().nbytes
    assert (allocator.stats.live, allocator.stats.idle) == (live - gone, gone)
    blocks.clear()
    assert (allocator.stats.live, allocator.stats.idle) == (0, live)
    assert allocator.stats.peak == live


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_buffers_return_at_once_without_the_collector(allocator: Allocator) -> None:
    block = allocator.allocate(1000)
    other_user = block
    del block
    assert allocator.stats.idle == 0  # the last user counts
    del other_user
    assert allocator.stats.idle == size_class(1000)
    assert allocator.stats.live == 0


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("take", ["allocate", "arena"])
def test_the_collector_does_not_finalize_what_is_handed_out_again(
    backend: Null, allocator: Allocator, take: str
) -> None:
    """In a cycle all that it holds is finalized, but the buffer goes on to the next request."""
    cycle: list[object] = [getattr(allocator, take)(1000)]
    cycle.append(cycle)
    before = backend.held
    del cycle
    gc.collect()
    assert allocator.stats.live == 0
    assert backend.held == allocator.stats.idle == (before if take == "allocate" else 0)
    assert allocator.in_use == {}
    again = allocator.allocate(1000)
    assert backend.held == again.nbytes


def test_little_that_lies_idle_is_kept(backend: Null, allocator: Allocator) -> None:
    blocks = [allocator.allocate(MIB) for _ in range(IDLE_FLOOR // MIB)]
    blocks.clear()
    assert allocator.stats.idle == IDLE_FLOOR
    assert backend.held == IDLE_FLOOR


def test_no_more_lies_idle_than_was_ever_in_use(backend: Null, allocator: Allocator) -> None:
    """Ever new sizes, one at a time: without the cap all of them would pile up."""
    for k in range(100):
        block = allocator.allocate(100 * MIB + k * 8 * MIB)
        del block
        assert allocator.stats.idle <= max(IDLE_FLOOR, allocator.stats.peak)
        assert backend.held == allocator.stats.idle
    assert backend.held < 1000 * MIB


def test_what_was_used_longest_ago_goes_first(allocator: Allocator) -> None:
    sizes = [128 * MIB, 160 * MIB, 192 * MIB]
    blocks = {nbytes: allocator.allocate(nbytes) for nbytes in sizes}
    for nbytes in sizes:
        del blocks[nbytes]
    allocator.allocate(128 * MIB)  # used again, so 160 MiB has waited longest
    allocator.trim(limit=330 * MIB)
    assert list(allocator.free) == [192 * MIB, 128 * MIB]


def test_trim_gives_back_what_lies_idle_and_nothing_else(
    backend: Null, allocator: Allocator
) -> None:
    kept = allocator.allocate(3 * MIB)
    allocator.allocate(5 * MIB)
    allocator.trim()
    assert allocator.stats.idle == 0
    assert backend.held == kept.nbytes
    assert allocator.allocate(5 * MIB).nbytes == 5 * MIB


def test_idle_memory_is_given_back_before_a_request_fails() -> None:
    backend = Null(capacity=100 * MIB)
    allocator = Allocator(backend)
    allocator.allocate(60 * MIB)  # idle from here on
    block = allocator.allocate(80 * MIB)
    assert block.nbytes == 80 * MIB
    assert allocator.stats.idle == 0


def test_running_out_says_how_much_of_what_and_what_to_do() -> None:
    allocator = Allocator(Null(capacity=100 * MIB))
    held = allocator.allocate(48 * MIB)
    with pytest.raises(OutOfMemoryError) as caught:
        allocator.allocate(64 * MIB)
    assert str(caught.value) == (
        "backend 'null' has no 64.0 MiB left (48.0 MiB in use); "
        "use a smaller --batch-size, --context or --d-model"
    )
    assert isinstance(caught.value.__cause__, MemoryError)
    assert str(caught.value.__cause__) == "no room for 67108864"
    assert allocator.stats.live == held.nbytes  # the failed request is not counted
    del held, caught
    assert allocator.allocate(64 * MIB).nbytes == 64 * MIB  # and it goes on


def test_an_injected_failure_at_every_allocation_leaves_the_counters_right() -> None:
    """Fail the k-th allocation of a step, for k = 1, 2, … until the step passes."""

    class Failing(Null):
        def __init__(self, k: int) -> None:
            super().__init__()
            self.left = k

        def alloc(self, nbytes: int) -> Buffer:
            self.left -= 1
            if self.left in (0, -1):  # twice: the allocator tries once more after a trim
                raise MemoryError
            return super().alloc(nbytes)

    def step(allocator: Allocator) -> None:
        held = [allocator.allocate(nbytes) for nbytes in (1000, 9000, 300_000)]
        assert len(held) == 3

    failures = 0
    for k in range(1, 10):
        allocator = Allocator(Failing(k))
        try:
            step(allocator)
        except OutOfMemoryError:
            failures += 1
        assert allocator.stats.live == 0
    assert failures == 3
