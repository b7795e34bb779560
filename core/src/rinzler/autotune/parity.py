"""Fast and wrong does not count: each place's first steps beside those of the reference.

The reference is the numpy backend in float64, where it is installed: the same model, seed and
batches, three whole steps with their updates. What differs then is rounding, some 1e-6 of a loss
of order 1 (see `benchmarks/losses.py` for longer runs). Without numpy there is nothing to compare
with, and rows say so.
Read next: `tuner.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any

from rinzler.autotune.grid import Place
from rinzler.autotune.trial import Trial, TrialFailed
from rinzler.autotune.workload import Workload

REFERENCE = "numpy"
STEPS = 3
MOST = 1e-4  # of a loss or a norm, relative: rounding is a hundredth of it, a wrong kernel is not
PATIENCE = 120.0  # seconds: the reference is the slowest there is

Ask = Callable[..., dict[str, Any]]


class Reference:
    """Computed when it is first needed, once."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.missing = ""  # why there is none
        self._answer: dict[str, Any] | None = None

    def deviation(self, place: Place, ask: Ask) -> float | None:
        """The worst relative difference of a place; None where nothing can be compared.

        Raises TrialFailed if it is too large to be rounding.
        """
        want = self._wanted()
        if want is None:
            return None
        got = ask(**self._request(self.workload.dtype))
        worst = max(
            abs(mine - theirs) / abs(theirs) if isfinite(mine) else inf
            for name in ("losses", "norms")
            for mine, theirs in zip(got[name], want[name], strict=True)
        )
        if worst > MOST:
            raise TrialFailed(
                f"its first {STEPS} steps differ from {REFERENCE}'s by {worst:.1e}, allowed is "
                f"{MOST:g}: wrong numbers. See: rinzler check {place.name}"
            )
        return worst

    def _wanted(self) -> dict[str, Any] | None:
        if self._answer is None and not self.missing:
            with Trial() as trial:
                try:
                    trial.ask(PATIENCE, do="open", backend=REFERENCE, threads=None)
                    self._answer = trial.ask(PATIENCE, **self._request("float64"))
                except TrialFailed as error:
                    self.missing = str(error)
        return self._answer

    def _request(self, dtype: str) -> dict[str, Any]:
        workload = self.workload.to_json()
        return {"do": "check", "workload": workload, "steps": STEPS, "dtype": dtype}
