"""How long until the first training step is done, with nothing compiled yet and with everything.

    python benchmarks/first.py --backend numba --vs torch

Every run is a fresh process. *Cold* it finds an empty folder for compiled code (`NUMBA_CACHE_DIR`,
and `TORCHINDUCTOR_CACHE_DIR` for the peer), *warm* the folder that the cold one has filled. The
time of the first step runs from opening the backend to the first loss of C1, with everything in
between: numba's own import, building the model, compiling. What `import numba` takes by itself
stands beside it. Python's bytecode is there in all runs, as on any machine that has run this once.

Read next: `contenders/first_step.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import environment
import machine
from configs import CONFIGS
from report import render
from turns import HERE

STEPS = 6  # the third replays what the first two recorded
CACHES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
TIMED_IMPORT = """\
import time, numpy
start = time.perf_counter()
import numba
print(time.perf_counter() - start)
"""
VS = {"torch": ("torch-eager", "torch-compile")}


def main() -> int:
    """Print a row for each side, cold and warm; exit code 3 where a process fails."""
    arguments = parse()
    environment.announce()
    load = machine.load_average()
    sides = [(name, "rinzler_step", sys.executable) for name in arguments.backend]
    sides += [
        (name, "torch_step", arguments.torch_python) for group in arguments.vs for name in VS[group]
    ]
    try:
        unmeasured = [one(*side, arguments.config, {}) for side in sides]  # bytecode, file cache
        rows = [
            row for side in sides for row in cold_and_warm(*side, arguments.config, arguments.runs)
        ]
        imports = {"python and numpy": python_s("import numpy"), "numba": numba_s()}
    except subprocess.CalledProcessError as error:
        print(f"error: {error}; its own message stands above", file=sys.stderr)
        return 3
    del unmeasured
    result = {
        "config": arguments.config,
        "machine": machine.describe(),
        "load": {"before": load, "after": machine.load_average()},
        "imports": imports,
        "rows": rows,
    }
    print(json.dumps(result) if arguments.json else report(result))
    return 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Seconds to the first training step.")
    parser.add_argument("--backend", nargs="+", default=["numba"], metavar="NAME")
    parser.add_argument("--vs", nargs="+", choices=VS, default=[])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C1")
    parser.add_argument("--runs", type=int, default=3, help="cold and warm runs of each")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    environment.add_torch_python(parser)
    return parser.parse_args()


def cold_and_warm(
    name: str, module: str, python: str, config: str, runs: int
) -> list[dict[str, Any]]:
    """Each run has a folder of its own: one process fills it, a second finds it full."""
    cold, warm = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            caches = dict.fromkeys(CACHES, folder)
            cold.append(one(name, module, python, config, caches))
            warm.append(one(name, module, python, config, caches))
    return [
        {"side": name, "cache": state, "runs": found}
        for state, found in (("cold", cold), ("warm", warm))
    ]


def one(name: str, module: str, python: str, config: str, env: dict[str, str]) -> dict[str, Any]:
    """One process: what it says, and how long it lived until then."""
    command = [python, "-m", "contenders.first_step", "--module", module, "--config", config]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--variant", name, "--steps", str(STEPS)],
        cwd=HERE,
        env=environment.measured(None, **env),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return {**json.loads(done.stdout), "process": time.perf_counter() - start}


def python_s(statement: str) -> float:
    """The least seconds of a few interpreters from start to exit."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], env=environment.measured(), check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def numba_s() -> float | None:
    """What `import numba` adds where numpy is there already; None where it is not installed."""
    command = [sys.executable, "-c", TIMED_IMPORT]
    env = environment.measured()
    runs = [
        subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
        for _ in range(5)
    ]
    return min(float(run.stdout) for run in runs) if runs[0].returncode == 0 else None


def report(result: dict[str, Any]) -> str:
    """Medians in seconds, with the least of the first step, which is what is asked."""
    rows = [
        ["side", "cache", "imports", "first step", "(min)", "second", "third", "later", "process"]
    ]
    for row in result["rows"]:
        runs = row["runs"]
        later = [[run["later"][k] for run in runs] for k in range(2)]
        steady = [min(run["later"][2:]) for run in runs]
        first = [run["first"] for run in runs]
        cells = [[run["imports"] for run in runs], first, [min(first)], *later, steady]
        cells.append([run["process"] for run in runs])
        rows.append(
            [row["side"], row["cache"], *(f"{statistics.median(times):.3f}" for times in cells)]
        )
    numba = result["imports"]["numba"]
    host, load = result["machine"], result["load"]
    return "\n".join(
        [
            f"{result['config']}: seconds, median of {len(result['rows'][0]['runs'])} runs",
            f"{host['cpu']}, {host['cores']} cores, {host['system']}; "
            f"load {load['before']} before, {load['after']} after",
            f"an interpreter that imports numpy: {result['imports']['python and numpy']:.2f} s; "
            + ("no numba here" if numba is None else f"import numba on top: {numba:.2f} s"),
            "",
            render(rows, right=range(2, 9)),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
