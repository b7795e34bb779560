"""What a GPU backend does on the device at hand, and what it costs the host.

    python benchmarks/gpu.py --backend vulkan --device 0

| part | what it measures |
| --- | --- |
| host | CPU time of the main thread in a replayed step, of two models; copies, counted |
| step | milliseconds of a step of a GPT of 112 thousand parameters, one sequence at a time |
| gemm | float32 products: GFLOP a second, and a second of a core, which is for software drivers |
| crossover | from what n on an n × n product is quicker there than on the fastest CPU backend |
| bandwidth | layer norm and AdamW beside a copy |

Software devices get small sizes. One process, one part after the other, the least time of each:
noise only ever adds. Read next: `contenders/gpu_step.py`, `contenders/gpu_kernels.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import machine
from contenders import gpu_kernels, gpu_step
from report import render

from rinzler.errors import RinzlerError
from rinzler.ops import Device
from rinzler.plugins import choose_backend, open_device

PARTS = ("host", "step", "gemm", "crossover", "bandwidth")
HOST_LIMIT, HOST_AIM = 100, 50  # µs
CROSSOVER = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def main() -> int:
    """Measure and print; exit code 3 where a device cannot be used."""
    arguments = parse()
    load = machine.load_average()
    try:
        device = choose_backend(arguments.backend, arguments.device).device
        result: dict[str, Any] = {
            "backend": device.name,
            "device": device.backend.caps.device_text,
            "software": is_software(device),
        }
        for part in arguments.part or PARTS:
            result[part] = measure(part, device, arguments)
    except RinzlerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    result["machine"] = machine.describe()
    result["load"] = {"before": load, "after": machine.load_average()}
    print(json.dumps(result) if arguments.json else report(result))
    return 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="What a GPU backend does on this device.")
    parser.add_argument("--backend", default="vulkan", metavar="NAME")
    parser.add_argument("--device", type=int, metavar="N")
    parser.add_argument("--part", nargs="+", choices=PARTS, help="only these")
    parser.add_argument("--cpu", nargs="+", default=["numba", "numpy"], help="to cross over from")
    parser.add_argument("--steps", type=int, default=60, help="replayed steps (60)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def is_software(device: Device) -> bool:
    """Whether the device is none but the CPU: sizes are chosen by it."""
    return "software" in device.backend.caps.device_text


def measure(part: str, device: Device, arguments: argparse.Namespace) -> Any:
    slow = is_software(device)
    if part == "host":
        sides = {"default": False, "small": True}
        return {name: gpu_step.host(device, arguments.steps, s) for name, s in sides.items()}
    if part == "step":
        return gpu_step.step(device, arguments.steps)
    if part == "gemm":
        return [gpu_kernels.gemm(device, n) for n in ((512,) if slow else (512, 1024, 4096))]
    if part == "bandwidth":
        return gpu_kernels.bandwidth(device, 8 if slow else 256)
    return crossover(device, arguments.cpu, [n for n in CROSSOVER if n <= (512 if slow else 4096)])


def crossover(device: Device, names: list[str], sizes: list[int]) -> dict[str, Any]:
    """Products on the device and on every CPU backend that is installed."""
    sides = {}
    for name in names:
        try:
            sides[name] = gpu_kernels.products(open_device(name), sizes)
        except RinzlerError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return {"device": gpu_kernels.products(device, sizes), "cpu": sides}


# --- as text ----------------------------------------------------------------------------------


def report(result: Mapping[str, Any]) -> str:
    """All parts for a reader at a terminal."""
    host, load = result["machine"], result["load"]
    lines = [
        f"{result['backend']}: {result['device']}",
        f"{host['cpu']}, {host['cores']} cores, {host['system']}; "
        f"load {load['before']} before, {load['after']} after",
    ]
    for part in PARTS:
        if part in result:
            lines += ["", *TEXT[part](result[part])]
    return "\n".join(lines)


def host_text(found: Mapping[str, Any]) -> list[str]:
    rows = [["host, µs of CPU", *(f"{name} {key}" for name in found for key in ("min", "median"))]]
    names = {"draw": "draw a batch", "feed": "upload it", "replay": "submit and read back"}
    names["sum"] = "upload, submit, read back"
    for part, name in names.items():
        times = [side["us"][part][key] for side in found.values() for key in ("min", "median")]
        rows.append([name, *(f"{time:.0f}" for time in times)])
    copies = found["default"]["copies"]
    counts = ", ".join(f"{name} {count:g}" for name, count in copies.items())
    text = render(rows, right=range(1, len(rows[0])))
    return [text, f"at most {HOST_LIMIT}, aim {HOST_AIM}; copies per step: {counts or 'uncounted'}"]


def step_text(found: Mapping[str, Any]) -> list[str]:
    return [
        f"step of {found['parameters']:,} parameters, T 64, B 1: {found['ms']['min']:.1f} ms, "
        f"median {found['ms']['median']:.1f}; {found['cpu_ms']:.1f} ms of CPU in all threads"
    ]


def gemm_text(found: list[Mapping[str, float]]) -> list[str]:
    return [
        f"product of {row['n']}³: {row['gflops']:,.1f} GFLOP/s, {row['core']:.1f} GFLOP per "
        f"core-second"
        for row in found
    ]


def crossover_text(found: Mapping[str, Any]) -> list[str]:
    rows = [["n × n, ms", *found["cpu"], "device", "and copies"]]
    first: dict[str, int] = {}
    for index, row in enumerate(found["device"]):
        cpu = [side[index]["ms"] for side in found["cpu"].values()]
        there, copied = row["ms"], row[gpu_kernels.COPIED]
        rows.append([str(row["n"]), *(f"{each:.3f}" for each in (*cpu, there, copied))])
        for name, value in (("", there), (" with its copies", copied)):
            if cpu and value < min(cpu):
                first.setdefault(name, row["n"])
    said = [f"the device pays from n = {n} on{name}" for name, n in first.items()]
    width = range(1, len(rows[0]))
    return [render(rows, right=width), "; ".join(said) or "at no n does the device pay"]


def bandwidth_text(found: Mapping[str, Any]) -> list[str]:
    rows = [["bandwidth", "ms", "GB/s", "of a copy"]]
    for name, row in found.items():
        rows.append([name, f"{row['ms']:.2f}", f"{row['gb_s']:.1f}", f"{row['share']:.0%}"])
    return [render(rows, right=(1, 2, 3))]


TEXT: dict[str, Callable[[Any], list[str]]] = {
    "host": host_text,
    "step": step_text,
    "gemm": gemm_text,
    "crossover": crossover_text,
    "bandwidth": bandwidth_text,
}

if __name__ == "__main__":
    sys.exit(main())
