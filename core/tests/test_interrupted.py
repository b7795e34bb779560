"""Ctrl-C at any point of what holds for a while: afterwards all is as it was before.

A `with` that is struck on its way in has no way out prepared yet. What it has changed by then would
stay: in a notebook, for all cells to come. Python looks for signals after a call, where a function
begins or goes on, and where a loop begins anew; so these are the points.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dis import opname
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import rinzler
from rinzler import GPT, GPTConfig, no_grad
from rinzler.autograd import is_recording
from rinzler.guard import watched
from rinzler.ops import Device, no_fused
from rinzler.ops.dispatch import fused
from rinzler.ops.recording import record

OURS = str(Path(rinzler.__file__).parent)
LOOKS = ("CALL", "RESUME", "JUMP_BACKWARD")  # how instructions begin that look for signals


class Striking:
    """A trace function that raises KeyboardInterrupt after the n-th look for signals of ours."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.looks = 0
        self._looked: set[FrameType] = set()  # those whose last instruction was a look

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            self._looked.add(frame)
        if event == "opcode":
            if frame in self._looked:
                self._looked.remove(frame)
                self.looks += 1
                if self.looks == self.at:
                    raise KeyboardInterrupt
            name = opname[frame.f_code.co_code[frame.f_lasti]]
            if name.startswith(LOOKS):
                self._looked.add(frame)
        return self


def struck(at: int, action: Callable[[], object]) -> bool:
    """Whether there was such a point to strike at."""
    before = sys.gettrace()
    sys.settrace(Striking(at))
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def entered(made: AbstractContextManager[object]) -> None:
    with made:
        pass


@pytest.fixture
def model(device: Device) -> GPT:
    return GPT(GPTConfig(7, context=4, d_model=4, layers=1, heads=1, dropout=0.1), device=device)


WAYS: dict[str, Callable[[GPT], object]] = {
    "no_grad": lambda model: entered(no_grad()),
    "no_fused": lambda model: entered(no_fused(fused())),
    "unrecorded": lambda model: entered(model.device.unrecorded()),
    "recorded": lambda model: record(tuple, model.device),
    "evaluating": lambda model: entered(model.evaluating()),
    "watched": lambda model: entered(watched(model)),
}


@pytest.mark.parametrize("name", WAYS)
def test_ctrl_c_leaves_everything_as_it_was(name: str, model: GPT) -> None:
    def state() -> list[object]:
        modes = [module.training for module in model.modules()]
        return [is_recording(), fused(), model.device.recorder, model.device.watcher, modes]

    before = state()
    at = 1
    while struck(at, lambda: WAYS[name](model)):
        if state() != before:
            gc.collect()  # struck as it came back to contextlib, which had not noted it yet
        assert state() == before, f"point {at}"
        at += 1
    assert at > 2
    assert state() == before
