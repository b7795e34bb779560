"""How long `rinzler backends` takes with ten plugins installed beside our own.

    python benchmarks/listing.py

Ten distributions are installed into a temporary folder, each with a backend that works. Cold, each
is tried in a process of its own and the verdict kept; from then on the listing reads verdicts and
imports none of the ten, which leave a mark where one does. Beside it, in turns: an interpreter that
does nothing, and the import of the command line. Each run is a process, its bytecode cached.

Read next: `imports.py`, for the other waits.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import machine

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "core" / "tests" / "subjects"))
from sites import Site, backends  # noqa: E402 - the folder is not on the path of an installed Python

PLUGINS = 10
LIMIT_MS = 300
COLD_RUNS = 3
ENTER = "from rinzler.cli.entry import main; raise SystemExit(main())"
WAYS = {
    "python -c pass": ["-c", "pass"],
    "import rinzler.cli.main": ["-c", "import rinzler.cli.main"],
    "rinzler backends": ["-c", ENTER, "backends"],
}


def main() -> int:
    """Print the medians; exit code 1 where the listing misses its limit or imports a plugin."""
    parser = argparse.ArgumentParser(description="Time `rinzler backends` with ten plugins.")
    parser.add_argument("--runs", type=int, default=21, help="measured runs of each")
    runs = parser.parse_args().runs
    print(f"{machine.cpu_model()}, load {machine.load_average()}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        env, marks = installed(Path(folder))
        cold = [cold_ms(env) for _ in range(COLD_RUNS)]
        shutil.rmtree(marks)
        times: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(runs + 1):
            for name, words in WAYS.items():
                times[name].append(took_ms(words, env))
        imported = marks.exists()
    for name, each in times.items():
        told(name, each[1:])  # the first fills caches
    told(f"rinzler backends, {PLUGINS} plugins untried", cold)
    met = statistics.median(times["rinzler backends"][1:]) <= LIMIT_MS
    print(f"limit of rinzler backends {LIMIT_MS} ms: {'met' if met else 'MISSED'}; ", end="")
    print("a plugin was IMPORTED" if imported else "no plugin was imported")
    return 0 if met and not imported else 1


def installed(folder: Path) -> tuple[Mapping[str, str], Path]:
    """An environment that has ten plugins more, and the folder in which they leave marks."""
    marks = folder / "marks"
    (folder / "site").mkdir()
    site = Site(folder / "site")
    mark = f"import pathlib\npathlib.Path({str(marks)!r}).mkdir(exist_ok=True)\n"
    for number in range(PLUGINS):
        name = f"guest{number}"
        site.write_stranger(name)
        source = mark + backends(f"{name!r}, '{name}_backend:StrangerBackend', priority=1")
        site.install_plugin(name, source)
    own = {
        "PYTHONPATH": str(site.path),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "RINZLER_PLUGIN_CACHE": str(folder / "verdicts"),
    }
    names = {name: value for name, value in os.environ.items() if not name.startswith("RINZLER_")}
    names.pop("PYTHONDONTWRITEBYTECODE", None)  # it would make every run compile everything
    return names | own, marks


def cold_ms(env: Mapping[str, str]) -> float:
    """With no verdict kept."""
    shutil.rmtree(env["RINZLER_PLUGIN_CACHE"], ignore_errors=True)
    return took_ms(WAYS["rinzler backends"], env)


def took_ms(words: Sequence[str], env: Mapping[str, str]) -> float:
    """From starting an interpreter to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], env=dict(env), check=True, capture_output=True)
    return 1e3 * (time.perf_counter() - start)


def told(what: str, times: Sequence[float]) -> None:
    print(
        f"{what:<38} median {statistics.median(times):7.1f} ms, min {min(times):7.1f} ms "
        f"of {len(times)} runs"
    )


if __name__ == "__main__":
    sys.exit(main())
