"""Batches and windows: none needs a history, and evaluation guesses every token once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler.data import Batches, windows
from rinzler.errors import ConfigError, DataError


def test_a_batch_is_windows_and_what_follows_them() -> None:
    tokens = np.arange(100, 164, dtype=np.int32)
    inputs, targets = Batches(tokens, 5, 7, seed=1).draw(0)
    assert inputs.shape == targets.shape == (5, 7)
    assert inputs.dtype == targets.dtype == np.int32
    np.testing.assert_array_equal(targets, inputs + 1)
    np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(7))


def test_every_window_is_drawn_and_none_else() -> None:
    tokens = np.arange(12, dtype=np.int32)
    batches = Batches(tokens, 50, 4, seed=3)
    starts = np.concatenate([batches.draw(step)[0][:, 0] for step in range(20)])
    counts = np.bincount(starts)
    assert len(counts) == 8  # 12 tokens, 5 for an example: the last begins at 7
    assert counts.min() > 1000 / 8 * 0.7


def test_a_batch_depends_on_its_address_alone() -> None:
    tokens = np.random.default_rng(0).integers(0, 256, 5000).astype(np.int32)
    one, other = Batches(tokens, 4, 16, seed=9), Batches(tokens, 4, 16, seed=9)
    history = [one.draw(step, micro)[0] for step in range(6) for micro in range(2)]
    assert len({batch.tobytes() for batch in history}) == 12
    for step in (5, 0, 3):
        np.testing.assert_array_equal(other.draw(step, 1)[0], history[2 * step + 1])
    assert Batches(tokens, 4, 16, seed=10).draw(0)[0].tobytes() != history[0].tobytes()
    # More rows begin with the same ones: a larger batch is not another experiment.
    np.testing.assert_array_equal(Batches(tokens, 9, 16, seed=9).draw(2)[0][:4], history[4])


def test_the_smallest_text_that_fits() -> None:
    inputs, targets = Batches(np.arange(5, dtype=np.int32), 3, 4, seed=0).draw(7)
    assert inputs.tolist() == [[0, 1, 2, 3]] * 3
    assert targets.tolist() == [[1, 2, 3, 4]] * 3


@pytest.mark.parametrize(
    ("count", "mend"),
    [
        (256, "Lower the context to 255 or less, or add text"),
        (180, "Lower the context to 179 or less, or add text"),
        (2, "Lower the context to 1 or less, or add text"),
        (1, "Add text"),
        (0, "Add text"),
    ],
)
def test_a_text_that_is_too_short(count: int, mend: str) -> None:
    with pytest.raises(DataError) as caught:
        Batches(np.zeros(count, np.int32), 8, 256, seed=0)
    assert str(caught.value) == (
        f"the training text has {count} tokens, and one example needs 257 (context 256 + 1). {mend}"
    )


@given(st.integers(2, 90), st.integers(1, 7), st.integers(1, 40))
@settings(deadline=None)
def test_windows_guess_each_token_once(count: int, batch_size: int, context: int) -> None:
    tokens = np.arange(count, dtype=np.int32)
    pairs = list(windows(tokens, batch_size, context))
    guessed = np.concatenate([targets.ravel() for _, targets in pairs])
    np.testing.assert_array_equal(guessed, tokens[1:])
    for inputs, targets in pairs:
        assert inputs.shape == targets.shape
        np.testing.assert_array_equal(targets, inputs + 1)
    full = [inputs for inputs, _ in pairs if inputs.shape == (batch_size, context)]
    assert len(full) == (count - 1) // context // batch_size
    assert len(pairs) <= len(full) + 2
    assert all(len(inputs) <= batch_size for inputs, _ in pairs)


def test_some_windows_are_spread_evenly() -> None:
    tokens = np.arange(1005, dtype=np.int32)
    pairs = list(windows(tokens, 4, 10, most=10))
    assert [len(inputs) for inputs, _ in pairs] == [4, 4, 2]
    starts = np.concatenate([inputs[:, 0] for inputs, _ in pairs])
    np.testing.assert_array_equal(starts, np.arange(10) * 100)
    everything = np.concatenate(
        [targets.ravel() for _, targets in windows(tokens, 4, 10, most=100)]
    )
    np.testing.assert_array_equal(everything, tokens[1:])


@pytest.mark.parametrize("count", [0, 1])
def test_a_validation_text_without_a_target(count: int) -> None:
    with pytest.raises(DataError, match=f"has {count} tokens, and a prediction needs 2"):
        windows(np.zeros(count, np.int32), 1, 4)  # at once, not at the first next()


@pytest.mark.parametrize(
    ("batch_size", "context", "name"), [(0, 4, "batch_size"), (4, 0, "context")]
)
def test_sizes_below_one(batch_size: int, context: int, name: str) -> None:
    tokens = np.zeros(100, np.int32)
    with pytest.raises(ConfigError, match=f"{name} is 0, expected at least 1"):
        windows(tokens, batch_size, context)
    with pytest.raises(ConfigError, match=f"{name} is 0, expected at least 1"):
        Batches(tokens, batch_size, context, seed=0)
    with pytest.raises(ConfigError, match="most is 0, expected at least 1 window, or None"):
        windows(tokens, 1, 1, most=0)
