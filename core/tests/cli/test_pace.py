"""What `--plan` says about time, with a clock that a test moves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rinzler.cli import needs
from rinzler.config import TrainConfig


@pytest.fixture
def paced(monkeypatch):
    """The pace of a trainer whose steps and validations take so many seconds, in order."""
    now = [0.0]
    monkeypatch.setattr(needs, "perf_counter", lambda: now[0])

    def measured(steps: list[float], windows: list[float]) -> needs.Pace:
        todo, waits = list(steps), list(windows)

        def take() -> None:
            now[0] += todo.pop(0)

        def validate(model: object, tokens: object, batch_size: int, most: int) -> None:
            now[0] += waits.pop(0)

        monkeypatch.setattr(needs, "mean_loss", validate)
        config = TrainConfig(steps=1000, batch_size=8, eval_every=100, eval_windows=4)
        model = SimpleNamespace(config=SimpleNamespace(context=10))
        data = SimpleNamespace(val=range(81))
        trainer = SimpleNamespace(config=config, steps=0, step=take, model=model, data=data)
        return needs.paced(trainer)

    return measured


def test_a_first_step_that_compiles_says_nothing_of_the_others(paced):
    pace = paced([27.0, 0.5, 99.0], [10.0, 0.8])
    assert (pace.step, pace.window) == (0.5, pytest.approx(0.1))
    assert pace.total == pytest.approx(1000 * 0.5 + (10 * 4 + 8) * 0.1)


def test_slow_steps_are_tried_twice_and_quick_ones_five_times(paced):
    assert paced([15.0, 14.0, 1.0], [0.0, 0.0]).step == 14.0
    assert paced([5.0, 2.0, 2.0, 1.0, 1.5, 0.1], [0.0, 0.0]).step == 1.0
