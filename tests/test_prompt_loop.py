"""The prompt loop of `rinzler-generate` at a real terminal: keys that are pressed, what is shown.

`core/tests/cli/test_generate_command.py` has the rest. Read next: `test_commands.py`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.config import GPTConfig
from rinzler.data import ByteTokenizer
from rinzler.gpt import GPT

pty = pytest.importorskip("pty", reason="Windows has no pseudo terminals to press keys at")
SHAPE = GPTConfig(vocab_size=256, context=32, d_model=16, layers=1, heads=2)
PATIENCE = 120  # seconds until a key that brings nothing counts as lost


class Terminal:
    """The command at the other end of a pseudo terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.shown = ""
        self.code: int | None = None  # the exit code, once it has ended
        environment = {**os.environ, "RINZLER_BLOCK": "numba,vulkan", "TERM": "dumb"}
        self.child, self.keys = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            program = [sys.executable, "-m", "rinzler", "generate", *words]
            os.execve(program[0], program, environment)

    def press(self, keys: str) -> None:
        os.write(self.keys, keys.encode())

    def until(self, text: str) -> str:
        """What is shown up to a text, which has to come."""
        while text not in self.shown:
            ready, _, _ = select.select([self.keys], [], [], PATIENCE)
            assert ready, f"{text!r} does not come; shown is {self.shown!r}"
            try:
                arrived = os.read(self.keys, 65536)
            except OSError:  # Linux, when the other end is closed
                arrived = b""
            assert arrived, f"it ended without {text!r}: {self.shown!r}"
            self.shown += arrived.decode("utf-8", "replace").replace("\r\n", "\n")
        before, _, self.shown = self.shown.partition(text)
        return before

    def close(self) -> int:
        """Its exit code."""
        while True:
            try:
                if not os.read(self.keys, 65536):
                    break
            except OSError:
                break
        os.close(self.keys)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        return self.code


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    model = GPT(SHAPE, seed=1)
    # Zeros make all bytes equally likely but one: the letter "x", which is nearly certain.
    state = {name: np.zeros_like(value) for name, value in model.state().items()}
    state["ln_f.bias"][0] = 1.0
    state["wte.weight"][ord("x"), 0] = 30.0
    meta = {
        "step": 1,
        "model": SHAPE.to_json(),
        "dtype": "float32",
        "tokenizer": ByteTokenizer().to_json(),
    }
    checkpoint.save(tmp_path / "step-000001.safetensors", Checkpoint(state, meta))
    made = Terminal(tmp_path, ".", "--tokens", "400000")
    yield made
    if made.code is None:
        os.kill(made.child, signal.SIGKILL)
        made.close()


def test_keys_at_a_terminal(terminal: Terminal) -> None:
    """Ctrl-C in a text, Ctrl-C at the prompt, another prompt, Ctrl-D."""
    assert "Ctrl-D ends" in terminal.until("> ")
    terminal.press("né\n")
    terminal.until("néx")  # after the echo of the line
    terminal.until("xxxxxxxx")
    terminal.press("\x03")
    written = terminal.until("> ")
    assert set(written) <= set("x^C\n")
    terminal.press("half a li")
    terminal.until("half a li")
    terminal.press("\x03")
    assert "Traceback" not in terminal.until("> ")
    terminal.press("two\n")
    terminal.until("twox")
    terminal.press("\x03")
    terminal.until("> ")
    terminal.press("\x04")
    assert terminal.close() == 0
