"""Who is measured, how often, and who is dropped.

    1. every place is opened, and its first steps compared with the reference: wrong is out
    2. each takes steps with its likeliest setting; those far behind the best get no further
    3. the other settings of those that are left, one after the other; losers are dropped at once,
       and with one that loses with the whole batch all that differ from it by the batch alone
    4. survivors in turns, until no two are left that could still change places, or time is up

In turns, because machines are noisy in stretches: what disturbs one of them disturbs its neighbour
in the list as well. Pace is the median of all steps of a candidate, in tokens a second.
Read next: `row.py`, what is known of a candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rinzler.autotune.grid import Cell, Place, Survey, cells
from rinzler.autotune.parity import Reference
from rinzler.autotune.row import Row, always_slower
from rinzler.autotune.trial import Trial, TrialFailed, TrialOverdue
from rinzler.autotune.workload import Workload

FAR = 2.0  # times slower with its likeliest setting: no setting of it will win
BEHIND = 1.5  # times slower in its first window: dropped, whatever the noise
ROUNDS = 2  # of turns, at least, before anybody is dropped for less
FINALISTS = 6  # processes that live at a time
WINDOW_STEPS = 3  # of a window, at least


@dataclass(frozen=True)
class Rigor:
    """How much is tried, and how long each candidate is measured at a time."""

    seconds: float  # of everything, unless said otherwise
    window: float  # of one measurement
    rounds: int  # in which survivors take turns
    batches: int  # sizes of batches
    thorough: bool  # every power of two of threads
    deadline: float  # of one answer
    steps: int = WINDOW_STEPS  # of one measurement, at least


RIGORS = {
    "quick": Rigor(50.0, 0.3, 2, 2, False, 25.0),
    "normal": Rigor(240.0, 1.0, 4, 4, False, 60.0),
    "thorough": Rigor(1200.0, 2.0, 8, 8, True, 240.0),
}


class Tuner:
    """One search. `rows` holds what is known at any time; `changed` is called when it grows."""

    def __init__(
        self,
        workload: Workload,
        places: Sequence[Place],
        threads: Sequence[int],
        sizes: Sequence[tuple[int, int]],
        rigor: Rigor,
        changed: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self.workload = workload
        self.places = places
        self.threads = threads
        self.sizes = sizes
        self.rigor = rigor
        self.changed = changed
        self.rows: list[Row] = []
        self.surveys: list[Survey] = []
        self._ends = monotonic() + rigor.seconds
        self._trials: dict[Row, Trial] = {}
        self._overdue: set[Row] = set()
        self._reference = Reference(workload)

    @property
    def best(self) -> Row | None:
        """The fastest of those that were measured to the end."""
        done = [row for row in self.rows if row.state == "measured"]
        return max(done, key=lambda row: row.pace, default=None)

    def run(self) -> list[Row]:
        """Search; returns all rows, the fastest first, what failed or was skipped last."""
        with ExitStack() as held:
            held.callback(self._close_all)
            self.surveys = [each for place in self.places if (each := self._survey(place))]
            leads = [(each, *self._first(each)) for each in self.surveys]
            for survey, lead, others in leads:
                if lead in self._overdue:  # as the others would be: it is the same model
                    continue
                if self._too_slow(lead, FAR):
                    self._drop(lead, "far behind")
                    continue
                self._try_all(others, survey)
            self._play_off()
            for row in self._trials:
                row.state = "measured"
                self.changed(row)
        return self.ranking

    @property
    def ranking(self) -> list[Row]:
        """All rows, the fastest first, what failed or was skipped last."""
        return sorted(self.rows, key=lambda row: (not row.ranked, -row.pace))

    def stop(self) -> list[Row]:
        """What is known of a search that was left: who was still in it has not won."""
        for row in self.rows:
            if row.state == "waiting":
                row.state, row.reason = "stopped", "before it was compared with all others"
        return [row for row in self.ranking if row.state != "stopped" or row.windows]

    def _try_all(self, others: Sequence[Cell], survey: Survey) -> None:
        hopeless = set()
        for cell in others:
            family = (cell.threads, cell.tunables)
            if family not in hopeless and self._try(cell, survey, late=True).state == "dropped":
                hopeless.add(family)

    # --- one candidate ------------------------------------------------------------------------

    def _survey(self, place: Place) -> Survey | None:
        """Open a place and compare its numbers; None, and a row that says why, if that fails."""
        if place.reason:
            self._out(place, "skipped", place.reason)
            return None
        with Trial() as trial:
            try:
                opened = self._ask(trial, do="open", backend=place.name, threads=None)
                if opened["software"] and not place.named:
                    self._out(place, "skipped", f"{opened['device']}: software, name it to try it")
                    return None
                parity = self._reference.deviation(place, lambda **ask: self._ask(trial, **ask))
            except TrialFailed as error:
                self._out(place, "failed", str(error))
                return None
        tunables = tuple((name, tuple(values)) for name, values in opened["tunables"].items())
        return Survey(
            place, opened["device"], opened["threaded"], opened["seconds"], parity, tunables
        )

    def _first(self, survey: Survey) -> tuple[Row, list[Cell]]:
        lead, *others = cells(survey, self.threads, self.sizes)
        return self._try(lead, survey), others

    def _try(self, cell: Cell, survey: Survey, late: bool = False) -> Row:
        """Start a candidate and measure it once; `late`: not if time is up.

        A backend's first one is tried in any case: else the first backend would win unopposed.
        """
        row = Row(cell, survey.device, parity=survey.parity, opening=survey.seconds)
        self.rows.append(row)
        if self._left() <= 0 and late:
            row.state, row.reason = "skipped", "no time left"
            self.changed(row)
            return row
        trial = Trial(dict(cell.tunables))
        self._trials[row] = trial
        try:
            opened = self._ask(trial, do="open", backend=cell.place.name, threads=cell.threads)
            row.device, row.opening = opened["device"], opened["seconds"]
            workload = cell.workload(self.workload)
            row.compiling = self._ask(trial, do="prepare", workload=workload.to_json())["seconds"]
            row.tokens = workload.sequences * workload.model.context
            self._measure(row)
        except TrialFailed as error:
            self._fail(row, error)
            return row
        if self._too_slow(row, BEHIND):
            self._drop(row, "behind in its first window")
        else:
            self._make_room()
        self.changed(row)
        return row

    def _measure(self, row: Row) -> None:
        answer = self._ask(
            self._trials[row], do="measure", seconds=self.rigor.window, least=self.rigor.steps
        )
        row.windows.append(answer["times"])
        row.peak, row.device_peak = answer["peak"], answer["device_peak"]

    def _ask(self, trial: Trial, **request: Any) -> dict[str, Any]:
        return trial.ask(self.rigor.deadline, **request)

    # --- the field ----------------------------------------------------------------------------

    def _play_off(self) -> None:
        """Turns, until the order is clear or time is up."""
        for turn in range(1, self.rigor.rounds + 1):
            if len(self._trials) < 2:
                return
            for row in self._by_pace():
                if self._left() <= 0:
                    return
                try:
                    self._measure(row)
                except TrialFailed as error:
                    self._fail(row, error)
                self.changed(row)
            ranking = self._by_pace()
            for row in ranking[1:] if turn >= ROUNDS else ():
                if always_slower(row, ranking[0], turn):
                    self._drop(row, "slower in every turn")

    def _by_pace(self) -> list[Row]:
        return sorted(self._trials, key=lambda row: -row.pace)

    def _too_slow(self, row: Row, times: float) -> bool:
        fastest = max((each.pace for each in self._trials), default=0.0)
        return row in self._trials and row.pace * times < fastest

    def _make_room(self) -> None:
        for row in self._by_pace()[FINALISTS:]:
            self._drop(row, "behind")

    def _left(self) -> float:
        return self._ends - monotonic()

    # --- who is out ---------------------------------------------------------------------------

    def _out(self, place: Place, state: str, reason: str) -> None:
        """A place without a candidate."""
        row = Row(Cell(place, None, *self.sizes[0]), state=state, reason=reason)
        self.rows.append(row)
        self.changed(row)

    def _fail(self, row: Row, error: TrialFailed) -> None:
        if isinstance(error, TrialOverdue):
            self._overdue.add(row)
        self._end(row, "failed", str(error))

    def _drop(self, row: Row, reason: str) -> None:
        self._end(row, "dropped", reason)

    def _end(self, row: Row, state: str, reason: str) -> None:
        row.state, row.reason = state, reason
        trial = self._trials.pop(row, None)
        if trial:
            trial.close()
        self.changed(row)

    def _close_all(self) -> None:
        for trial in self._trials.values():
            trial.close()
