"""How long does byte-pair encoding without word splitting take, to learn and to apply?

    python benchmarks/tokenizer.py tinyshakespeare.txt --vs huggingface

Beside Rinzler stands Hugging Face `tokenizers`, set to the same: byte-level, no splitting into
words, digits alone, no pair that occurs once. Each task is a process of its own. The peer encodes
with Rinzler's merges, so its ids must be Rinzler's; where they are not, there is an error and no
table. A task that takes longer than the limit is ended, and the table says so.

Read next: `contenders/rinzler_bpe.py` and `contenders/huggingface_bpe.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from report import render
from turns import HERE

LIMIT_S = 10.0  # for each of Rinzler's two tasks, on 1.1 MB
TASKS = ("train", "encode")


class TaskFailed(RuntimeError):
    """A process ended without an answer; the text says why."""


def main() -> int:
    """Print the table; exit code 1 where Rinzler misses its limit or the ids differ."""
    arguments = parse()
    if not arguments.text.is_file():
        print(f"error: there is no text {arguments.text}", file=sys.stderr)
        return 2
    load = machine.load_average()
    with tempfile.TemporaryDirectory() as folder:
        text = first_bytes(arguments.text, arguments.bytes, Path(folder))
        try:
            ours = rinzler(text, arguments)
        except TaskFailed as error:
            print(f"error: {error}; its own message stands above", file=sys.stderr)
            return 3
        theirs = huggingface(text, ours, arguments) if arguments.vs else {}
    if theirs.get("digest", ours["digest"]) != ours["digest"]:
        print("error: with the same merges the peer has other ids", file=sys.stderr)
        return 1
    print(
        f"{arguments.text.name}, {ours['bytes']:,} bytes, {ours['merges']:,} merges, "
        f"{ours['ids']:,} ids\n"
        f"{machine.cpu_model()}, {machine.usable_cores()} cores, "
        f"load {load} before, {machine.load_average()} after\n"
    )
    print(table({"rinzler": ours, "huggingface": theirs} if theirs else {"rinzler": ours}))
    slow = [task for task in TASKS if ours[task][0] > LIMIT_S]
    print(f"\nlimit {LIMIT_S:g} s each: {'MISSED by ' + ', '.join(slow) if slow else 'met'}")
    return 1 if slow else 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Time byte-pair encoding without splitting.")
    parser.add_argument("text", type=Path, help="a text file in UTF-8")
    parser.add_argument("--merges", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=None, help="take only so much of the text")
    parser.add_argument("--repeats", type=int, default=1, help="of Rinzler; the best counts")
    parser.add_argument("--vs", choices=["huggingface"])
    parser.add_argument("--limit", type=float, default=200, help="seconds for each task")
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("RINZLER_BENCH_TOKENIZERS_PYTHON", sys.executable),
        metavar="PATH",
        help="the interpreter that has tokenizers "
        "(RINZLER_BENCH_TOKENIZERS_PYTHON; default: this one)",
    )
    arguments = parser.parse_args()
    for name in ("merges", "bytes", "repeats"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be at least 1, got {value}")
    return arguments


def first_bytes(path: Path, size: int | None, folder: Path) -> Path:
    """A copy of the text, or of its beginning, cut between characters."""
    data = path.read_bytes()[:size]
    copy = folder / "text.txt"
    copy.write_bytes(data.decode("utf-8", "ignore").encode("utf-8"))
    return copy


def rinzler(text: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Both tasks in one process; the record of its tokenizer lies beside the text then."""
    options = ["--merges", str(arguments.merges), "--repeats", str(arguments.repeats)]
    return run(sys.executable, "rinzler_bpe", [str(text), *options], arguments.limit)


def huggingface(text: Path, ours: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Each task by itself: learning may well take too long, and encoding has the same merges."""
    answers: dict[str, Any] = {}
    for task in TASKS:
        options = [str(text), "--merges", str(ours["merges"]), "--task", task]
        try:
            answers |= run(arguments.peer_python, "huggingface_bpe", options, arguments.limit)
        except TaskFailed as error:
            answers[task] = str(error)
    return answers


def run(python: str, module: str, options: list[str], limit: float) -> dict[str, Any]:
    """What a contender's process answers. Raises TaskFailed where it does not."""
    command = [python, "-m", f"contenders.{module}", *options]
    try:
        done = subprocess.run(
            command,
            cwd=HERE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TaskFailed(f"over {limit:g} s") from error
    except OSError as error:
        raise TaskFailed(f"{python} cannot start") from error
    if done.returncode != 0:
        raise TaskFailed(f"{module} ended with exit code {done.returncode}")
    return json.loads(done.stdout)


def table(sides: dict[str, dict[str, Any]]) -> str:
    """A row for each task of each side."""
    rows = [["side", "task", "seconds", "CPU seconds", "versions"]]
    for name, answer in sides.items():
        for task in TASKS:
            times = answer[task]
            cells = [times, ""] if isinstance(times, str) else [f"{time:.2f}" for time in times]
            rows.append([name, task, *cells, answer.get("about", "")])
    return render(rows, right=(2, 3))


if __name__ == "__main__":
    sys.exit(main())
