"""How long Rinzler keeps a user waiting before it does anything.

    python benchmarks/imports.py

Two waits: `import rinzler` on top of `import numpy`, and `rinzler-train --help` from the shell to
the prompt's return. Each run is a fresh interpreter, with a bytecode cache made for the purpose
and filled by one run that does not count, as on any machine where Rinzler was started before.

Read next: the tests that keep heavy libraries out of `import rinzler` for good.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence

import machine

IMPORT_LIMIT_MS = 15
HELP_LIMIT_MS = 300
TIMED_IMPORT = """\
import time, numpy
start = time.perf_counter()
import rinzler
bare = time.perf_counter()
rinzler.GPT, rinzler.AdamW
full = time.perf_counter()
print(1e3 * (bare - start), 1e3 * (full - start))
"""


def main() -> int:
    """Print both medians against their limits; exit code 1 where one is missed."""
    parser = argparse.ArgumentParser(description="Time `import rinzler` and the help text.")
    parser.add_argument("--runs", type=int, default=21, help="measured runs of each")
    runs = parser.parse_args().runs
    command = shutil.which("rinzler-train", path=sysconfig.get_path("scripts"))
    if command is None:
        print(f"error: no rinzler-train beside {sys.executable}: uv sync", file=sys.stderr)
        return 3
    print(f"{machine.cpu_model()}, load {machine.load_average()}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # it would make every run compile everything
        try:
            imports = [import_ms(env) for _ in range(runs + 1)][1:]
            helps = [help_ms(command, env) for _ in range(runs + 1)][1:]
        except subprocess.CalledProcessError as error:
            print(f"error: {error}\n{error.stderr}", file=sys.stderr)
            return 3
    bare, full = zip(*imports, strict=True)
    met = [
        verdict("import rinzler, over numpy", bare, IMPORT_LIMIT_MS),
        verdict("rinzler.GPT, rinzler.AdamW", full, None),
        verdict("rinzler-train --help", helps, HELP_LIMIT_MS),
    ]
    return 0 if all(met) else 1


def import_ms(env: dict[str, str]) -> tuple[float, float]:
    """What `import rinzler` adds where numpy is there already; the same up to its first model.

    The library imports its modules when a name is first used, so the first number alone would
    flatter it.
    """
    done = subprocess.run(
        [sys.executable, "-c", TIMED_IMPORT],
        env=env,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    bare, full = done.stdout.split()
    return float(bare), float(full)


def help_ms(command: str, env: dict[str, str]) -> float:
    """From starting the command to its end, interpreter included."""
    start = time.perf_counter()
    subprocess.run([command, "--help"], env=env, check=True, capture_output=True, encoding="utf-8")
    return 1e3 * (time.perf_counter() - start)


def verdict(what: str, times: Sequence[float], limit: float | None) -> bool:
    """Print one line; True where the median is within the limit, or there is none."""
    median = statistics.median(times)
    met = limit is None or median <= limit
    judged = "" if limit is None else f"; limit {limit} ms: {'met' if met else 'MISSED'}"
    print(
        f"{what:<28} median {median:7.1f} ms, min {min(times):7.1f} ms of {len(times)} runs{judged}"
    )
    return met


if __name__ == "__main__":
    sys.exit(main())
