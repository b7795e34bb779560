"""Two saves at once, call by call in an order that the test chooses.

Each runs in a thread of its own, and between two calls of the seam it waits for its turn; so at any
time only one of them is doing anything, and the same order gives the same course.
Read next: `../test_power.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


class Turns:
    """Whose turn it is. `order` names a worker for each call; when it is over, who is left goes."""

    def __init__(self, order: Sequence[int]) -> None:
        self.order = list(order)
        self.changed = threading.Condition()
        self.at: dict[int, int] = {}  # thread -> worker
        self.active: set[int] = set()

    def run(self, *work: Callable[[], None]) -> None:
        """Do all of it. Raises what one of the workers raised."""
        errors: list[BaseException] = []
        self.active = set(range(len(work)))
        threads = [
            threading.Thread(target=self._worker, args=(number, each, errors))
            for number, each in enumerate(work)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def wait(self) -> None:
        """The call before this one is done: give the turn away, and wait for the next."""
        me = self.at[threading.get_ident()]
        with self.changed:
            if self.order:
                self.order.pop(0)
            self._await(me)

    def _worker(self, me: int, work: Callable[[], None], errors: list[BaseException]) -> None:
        self.at[threading.get_ident()] = me
        with self.changed:
            self._await(me)
        try:
            work()
        except BaseException as error:
            errors.append(error)
        with self.changed:
            self.active.discard(me)
            if self.order:
                self.order.pop(0)
            self.changed.notify_all()

    def _await(self, me: int) -> None:
        self.changed.notify_all()
        self.changed.wait_for(lambda: self._next() == me)

    def _next(self) -> int:
        while self.order and self.order[0] not in self.active:
            self.order.pop(0)
        return self.order[0] if self.order else min(self.active)
