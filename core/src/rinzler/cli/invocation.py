"""How this command was typed, and how the next one would be: always something to paste.

`rinzler-train`, `rinzler train` and `python -m rinzler train` each go on in their own way, behind
`uv run` where uv started them, quoted for the shell at hand.
Leaves out: what to suggest (`lines.py`). Read next: `lines.py`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ALIASES = {"--vulkan": ("--backend", "vulkan")}  # flags of rinzler-train that stand for others


def spelt_out(words: Sequence[str]) -> list[str]:
    """A command's words with every alias replaced by what it stands for; texts are left alone."""
    end = words.index("--") if "--" in words else len(words)
    flags = [each for word in words[:end] for each in ALIASES.get(word, (word,))]
    return [*flags, *words[end:]]


@dataclass(frozen=True)
class Invocation:
    """A command line, split into what starts the command and what it was told."""

    program: str  # "rinzler-train", "rinzler train" or "python -m rinzler train"
    arguments: tuple[str, ...]

    @classmethod
    def of_this_process(cls) -> Invocation:
        name, words = Path(sys.argv[0]).name, spelt_out(sys.argv[1:])
        if name.startswith("rinzler-"):
            return cls(name.removesuffix(".exe"), tuple(words))
        starter = "python -m rinzler" if name == "__main__.py" else "rinzler"
        return cls(" ".join([starter, *words[:1]]), tuple(words[1:]))

    def chosen(self, *flags: str) -> list[str]:
        """These flags again, with their values, if they were typed: ["--backend", "numpy"]."""
        kept: list[str] = []
        for word, after in zip(self.arguments, (*self.arguments[1:], ""), strict=True):
            flag, equals, value = word.partition("=")
            if flag in flags:
                kept += [flag, value if equals else after]
        return kept

    def other(self, command: str, arguments: Sequence[str]) -> str:
        """Another command, started as this one was: other("generate", ["runs/notes-001"])."""
        return typed([*self.as_command(command).program.split(), *arguments])

    def as_command(self, command: str) -> Invocation:
        """The same words to another command: rinzler-train for rinzler-autotune."""
        start = re.match(r".*[- ]", self.program)
        return Invocation((start[0] if start else "") + command, self.arguments)

    def without(self, *switches: str) -> Invocation:
        """The same without flags that take no value."""
        kept = tuple(word for word in self.arguments if word not in switches)
        return Invocation(self.program, kept)

    def resume(self, run: Path, *more: str) -> str:
        """The command that goes on with a run, on the backend that was typed."""
        chosen = self.chosen("--backend", "--device", "--threads")
        return self.other("train", ["--resume", str(run), *more, *chosen])

    def again(self, **changes: str | None) -> str:
        """The same command with other values: again(steps="4000", run_dir=None)."""
        flags = {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
        kept: list[str] = []
        rest = iter(self.arguments)
        for argument in rest:
            flag, equals, _ = argument.partition("=")
            if flag not in flags:
                kept.append(argument)
            elif not equals:
                next(rest, None)  # its value
        for flag, value in flags.items():
            kept += [] if value is None else [flag, value]
        return typed([*self.program.split(), *kept])


def typed(words: Sequence[str]) -> str:
    """Words as a line for the shell at hand."""
    if "UV" in os.environ:  # uv sets it for what `uv run` starts
        words = ["uv", "run", *words]
    return quoted(*words)


def quoted(*words: object) -> str:
    """Words as the shell at hand takes them: 'my notes', where a name has a space."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)
