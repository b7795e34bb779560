"""`Watcher`: whoever wants to look at every op of a computation while it runs.

A device with a watcher lets it carry out each call itself, so that it can look at what came out and
at who asked for it. Without one nothing is paid but a question on the way.
Leaves out: what to look for (`rinzler.guard` looks for the first number that is none).
Read next: `dispatch.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rinzler.ops.device import Array
    from rinzler.ops.spec import OpSpec


class Watcher(Protocol):
    """Set as `device.watcher`."""

    def run(self, row: OpSpec, outs: Sequence[Array | None], work: Callable[[], None]) -> None:
        """Call `work`, which fills `outs`. A default calls other ops: they come inside of it."""

    def made(self, node: Any) -> None:
        """Autograd has recorded the call that has just run."""
