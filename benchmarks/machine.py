"""What a result must say of the machine that it was measured on.

A time without its processor, its load and its versions cannot be compared with anything. Reads
only what the system shows to everyone, on Linux most of it. Read next: `step.py`, which prints it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def describe() -> dict[str, Any]:
    """The processor, its cores as this process sees them, and the system."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def cpu_model() -> str:
    """The processor's name, or the architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        facts: dict[str, str] = {}
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
        name = facts.get("model name", platform.machine())
        # Hypervisors shorten the name; family and model still tell the generation.
        family = [
            f"{word} {facts[key]}"
            for word, key in (("family", "cpu family"), ("model", "model"))
            if key in facts
        ]
        return f"{name} ({', '.join(family)})" if family else name
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """The mean number of running processes over the last minute; None on Windows."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def headline(before: float | None = None) -> str:
    """Machine and load in one line; `before` is the load before the run."""
    host = describe()
    load = (
        f"load {load_average()}"
        if before is None
        else f"load {before} before, {load_average()} after"
    )
    return f"{host['cpu']}, {host['cores']} cores, {host['system']}; {load}"


def resident() -> int | None:
    """Bytes of memory that this process holds now; None where the system does not tell."""
    return _status("VmRSS")


def peak() -> int | None:
    """The most that this process ever held, or held since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Let `peak` start anew from what is held now (proc(5), clear_refs); nothing without Linux."""
    if CLEAR_REFS.exists():
        CLEAR_REFS.write_text("5", encoding="ascii")


def _status(name: str) -> int | None:
    if not STATUS.exists():
        return None
    for line in STATUS.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024 * int(value.split()[0])  # "1234 kB"
    return None
