"""A candidate and what came of it: the times of its steps, in the turns that it took.

Read next: `store.py`, where rows are kept.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from rinzler.autotune.grid import Cell

CLOSE = 0.97  # of the best pace: too little to choose by


@dataclass(eq=False)
class Row:
    """A candidate and what came of it."""

    cell: Cell
    device: str = ""
    state: str = "waiting"  # measured, dropped, failed, skipped, stopped
    reason: str = ""
    parity: float | None = None
    opening: float = 0.0  # seconds until the backend was there
    compiling: float = 0.0  # seconds until the first replay: compiled, recorded, planned
    tokens: int = 0  # of one step
    windows: list[list[float]] = field(default_factory=list)  # seconds of each step, by turn
    peak: int | None = None  # bytes of its process
    device_peak: int = 0  # bytes that its arrays took

    @property
    def times(self) -> list[float]:
        """Seconds of each step."""
        return [seconds for window in self.windows for seconds in window]

    @property
    def pace(self) -> float:
        """Tokens a second, by the median step."""
        return self.tokens / statistics.median(self.times) if self.windows else 0.0

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles of its steps, as a share of the median."""
        if len(self.times) < 4:
            return 0.0
        low, middle, high = statistics.quantiles(self.times, n=4)
        return (high - low) / 2 / middle

    @property
    def ranked(self) -> bool:
        return bool(self.windows) and self.state in ("measured", "dropped", "stopped")


def always_slower(row: Row, best: Row, turns: int) -> bool:
    """Slower in each of the last turns, side by side, and by more than would decide anything.

    The steps of one turn share their noise, so their number says nothing: turns are what counts.
    """
    pairs = zip(row.windows[-turns:], best.windows[-turns:], strict=True)
    pace = best.tokens / row.tokens  # candidates may differ in how much a step holds
    slower = all(
        statistics.median(mine) * pace > statistics.median(theirs) for mine, theirs in pairs
    )
    return slower and row.pace < CLOSE * best.pace
