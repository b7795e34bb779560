"""Where a training step goes: time, GFLOP/s, GB/s and share of the machine's peak, op by op.

    python benchmarks/ops.py --backend numba --config C1

Two trainers take steps in turn, one with a clock at every kernel (`contenders/timing.py`, for any
backend), one without. The least time of each op counts, as noise only ever adds. What the machine
can do is measured before and after: a matrix product on every core, and a copy beyond the caches.
Work is what the op table says it is (`OpSpec.cost`): causal attention counts the triangle only.

The last line is the number to watch: the floating point operations of matrix products, over the
time of a whole step, over that peak. Read next: `README.md`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import environment
import machine
from configs import CONFIGS
from report import about_text, blas_text, render
from turns import HERE

# Ops whose work is matrix products, on which the share of the peak is taken.
PRODUCTS = {"matmul", "linear", "linear_gelu", "linear_bwd", "attention", "attention_bwd"}

STEADY = 0.9  # a peak that falls below this part of itself was measured beside other work


def main() -> int:
    """Measure and print; exit code 3 where a process fails."""
    arguments = parse()
    environment.announce(arguments.pin)
    load = machine.load_average()
    variant = arguments.backend + ("-eager" if arguments.mode == "eager" else "")
    steps = arguments.steps or CONFIGS[arguments.config].steps
    timeline = ["--config", arguments.config, "--variant", variant, "--steps", str(steps)]
    try:
        before = process(["contenders.peak"], arguments.pin, OPENBLAS_NUM_THREADS="1")
        measured = process(["contenders.timeline", *timeline], arguments.pin)
        after = process(["contenders.peak"], arguments.pin, OPENBLAS_NUM_THREADS="1")
    except subprocess.CalledProcessError as error:
        print(f"error: {error}; its own message stands above", file=sys.stderr)
        return 3
    peaks = [before, after]
    peak = {key: max(each[key] for each in peaks) for key in ("flops", "bytes")}
    result = {
        "config": arguments.config,
        "variant": variant,
        "machine": machine.describe(),
        "load": {"before": load, "after": machine.load_average()},
        "peaks": peaks,
        "ops": grouped(measured["rows"], by_shape if arguments.shapes else by_op, peak),
        "step": of_step(measured, peak),
        "about": measured["about"],
    }
    print(json.dumps(result) if arguments.json else report(result))
    return 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Where a training step goes, op by op.")
    parser.add_argument("--backend", default="numba", metavar="NAME")
    parser.add_argument("--mode", choices=["captured", "eager"], default="captured")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C1")
    parser.add_argument("--steps", type=int, help="measured steps (C1, C2: 60; C3: 12)")
    parser.add_argument("--shapes", action="store_true", help="a row for each shape of an op")
    parser.add_argument("--pin", metavar="CORE", help="OPENBLAS_CORETYPE: Haswell")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def process(arguments: list[str], pin: str | None, **env: str) -> dict[str, Any]:
    """What a process of this interpreter answers."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=HERE,
        env=environment.measured(pin, **env),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def by_op(row: dict[str, Any]) -> str:
    return row["op"]


def by_shape(row: dict[str, Any]) -> str:
    """ "linear (1024, 64) (64, 192)": the first output and the inputs that have axes."""
    shapes = ["×".join(map(str, x[0])) for x in row["operands"] if x is not None and x[0]]
    return " ".join([row["op"], *dict.fromkeys(shapes)])


def grouped(
    rows: list[dict[str, Any]], name: Callable[[dict[str, Any]], str], peak: dict[str, float]
) -> list[dict[str, Any]]:
    """One entry for each name, the longest first; times are of one step."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    total = sum(min(row["seconds"]) for row in rows)
    found = []
    for label, members in groups.items():
        seconds = sum(min(row["seconds"]) for row in members)
        entry = {
            "name": label,
            "calls": sum(row["calls"] for row in members),
            "seconds": seconds,
            "share": seconds / total,
        }
        if all(row["cost"] is not None for row in members):
            flops, nbytes = (
                sum(row["calls"] * row["cost"][part] for row in members) for part in (0, 1)
            )
            is_product = members[0]["op"] in PRODUCTS
            entry |= {
                "flops": flops / seconds,  # per second
                "bytes": nbytes / seconds,
                "of": "sgemm" if is_product else "copy",
                "of_peak": (flops / peak["flops"] if is_product else nbytes / peak["bytes"])
                / seconds,
            }
        found.append(entry)
    return sorted(found, key=lambda entry: -entry["seconds"])


def of_step(measured: dict[str, Any], peak: dict[str, float]) -> dict[str, Any]:
    """The whole step: its time without clocks, and how much of it the products would need."""
    rows, whole = measured["rows"], min(measured["steps"])
    flops = sum(row["calls"] * row["cost"][0] for row in rows if row["op"] in PRODUCTS)
    return {
        "seconds": whole,
        "kernels": sum(min(row["seconds"]) for row in rows),
        "calls": sum(row["calls"] for row in rows),
        "product_flops": flops,
        "of_peak": flops / whole / peak["flops"],
        "without_cost": sorted({row["op"] for row in rows if row["cost"] is None}),
    }


def report(result: dict[str, Any]) -> str:
    """The result for a reader."""
    step, host, load = result["step"], result["machine"], result["load"]
    rows = [["op", "calls", "µs", "share", "GFLOP/s", "GB/s", "of peak"]]
    for entry in result["ops"]:
        row = [entry["name"], str(entry["calls"]), f"{1e6 * entry['seconds']:.0f}"]
        row.append(f"{100 * entry['share']:.1f} %")
        if "of" in entry:
            row += [f"{entry['flops'] / 1e9:.1f}", f"{entry['bytes'] / 1e9:.1f}"]
            row.append(f"{100 * entry['of_peak']:.0f} % {entry['of']}")
        else:
            row += ["", "", "not known"]
        rows.append(row)
    between = step["seconds"] - step["kernels"]
    lines = [
        f"{result['config']} on {result['variant']}; {about_text(result['about'])}",
        f"{host['cpu']}, {host['cores']} cores, {host['system']}; "
        f"load {load['before']} before, {load['after']} after",
        *peak_lines(result["peaks"]),
        "",
        render(rows, right=(1, 2, 3, 4, 5, 6)),
        "",
        f"{step['calls']} calls take {1e3 * step['kernels']:.2f} ms by themselves; a step "
        f"without clocks takes {1e3 * step['seconds']:.2f} ms, {1e3 * between:+.2f} ms",
        f"matrix products: {step['product_flops'] / 1e9:.2f} GFLOP a step, "
        f"{step['product_flops'] / step['seconds'] / 1e9:.0f} GFLOP/s over the whole step, "
        f"{100 * step['of_peak']:.0f} % of the peak",
    ]
    return "\n".join(lines)


def peak_lines(peaks: list[dict[str, Any]]) -> list[str]:
    """The machine's best, and a warning where it was not the same before and after."""
    flops, nbytes = ([each[key] for each in peaks] for key in ("flops", "bytes"))
    kernels = dict.fromkeys(blas_text(blas) for each in peaks for blas in each["blas"])
    lines = [
        f"peak of all cores: sgemm {max(flops) / 1e9:.0f} GFLOP/s ({', '.join(kernels)} on each), "
        f"copy {max(nbytes) / 1e9:.1f} GB/s read and written"
    ]
    if min(flops) < STEADY * max(flops):
        before, after = (f"{each / 1e9:.0f}" for each in flops)
        lines.append(
            f"NOT STEADY: sgemm {before} GFLOP/s before and {after} after; something else runs "
            "here, and the shares below are not to be believed"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
