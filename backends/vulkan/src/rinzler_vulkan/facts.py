"""What `rinzler doctor` and `rinzler backends -v` tell of an open device.

Memory, features, and what slows it down; in detail also its limits and the variant of each kernel
that it would take. All of it is read from what is in use, nothing from a list of its own. And what
a run keeps of that, because its bits depend on it (`numerics`).
Read next: `samples.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rinzler.ops import OPS, Fact
from rinzler_vulkan import __version__
from rinzler_vulkan.cachefile import folder_of
from rinzler_vulkan.caps import FEATURES
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.memory import Pool
from rinzler_vulkan.memorytypes import free_bytes
from rinzler_vulkan.samples import SAMPLES, calls_of
from rinzler_vulkan.settings import PREFIX


def facts(device: LogicalDevice, pool: Pool, plans: Mapping[str, Any]) -> list[Fact]:
    """All there is to tell; `plans` are the kernels, bound to the caps, by op."""
    missing = [op for op in OPS if op not in plans]
    return [
        *_kind(device),
        _memory(device, pool),
        _features(device),
        *_slow(device),
        Fact("compiled", _kept(device), detail=True),
        Fact("limits", _limits(device), detail=True),
        *[Fact(op, variant(plan, op), detail=True) for op, plan in plans.items() if op in SAMPLES],
        Fact("as default", ", ".join(missing), detail=True),
    ]


def numerics(device: LogicalDevice) -> dict[str, str]:
    """Device and driver, and the features by which kernels choose their variants."""
    caps = device.caps
    there = [name for name in FEATURES if getattr(caps, name)]
    return {
        "rinzler-vulkan": __version__,
        "device": caps.text,
        "identity": caps.identity,
        "subgroup": str(caps.subgroup),
        "features": ", ".join(there),
    }


def variant(plan: Any, op: str) -> str:
    """The shaders of an op with their constants: "matmul LOCAL_X=16 B=0"."""
    parts = []
    for call in calls_of(plan, op):
        constants = [f"{name}={int(value)}" for name, value in call.spec.items()]
        parts.append(" ".join([call.shader, *constants]))
    return ", then ".join(dict.fromkeys(parts))


def _kind(device: LogicalDevice) -> list[Fact]:
    if device.caps.kind != "software":
        return []
    return [
        Fact(
            "kind",
            "a software device, which computes on the CPU",
            "it is for tests: to train, a CPU backend is several times as fast. "
            "See: rinzler backends",
        )
    ]


def _memory(device: LogicalDevice, pool: Pool) -> Fact:
    heap, free = pool.types.largest_heap, free_bytes(device)
    mapped = pool.chunks[0].mapped is not None  # there is one: the recorder holds a word of it
    way = "the host writes straight into it" if mapped else "the host reaches it by copies"
    return Fact("memory", f"{_size(heap)}, about {_size(free)} free; {way}")


def _features(device: LogicalDevice) -> Fact:
    there = [name for name in FEATURES if getattr(device.caps, name)]
    masked = [name for name in FEATURES if name in device.settings.without]
    absent = [name for name in FEATURES if name not in (*there, *masked)]
    parts = [", ".join(there) or "none"]
    if absent:
        parts.append(f"without {', '.join(absent)}")
    if masked:
        parts.append(f"masked by {PREFIX}WITHOUT: {', '.join(masked)}")
    return Fact("features", "; ".join(parts))


def _slow(device: LogicalDevice) -> list[Fact]:
    found = []
    if device.settings.validate:
        cost = f"every call is checked, which takes several times as long: unset {PREFIX}VALIDATE"
        found.append(Fact("validation", "on", cost))
    if device.settings.barriers == "all":
        cost = f"no two calls run at a time: unset {PREFIX}BARRIERS"
        found.append(Fact("barriers", "one before every call", cost))
    return found


def _kept(device: LogicalDevice) -> str:
    folder = folder_of(device.settings.cache)
    return "not kept" if folder is None else f"kept in {folder}"


def _limits(device: LogicalDevice) -> str:
    caps = device.caps
    return (
        f"a shader sees {_size(caps.max_range)} at once; a workgroup has {caps.max_invocations} "
        f"invocations and {_size(caps.shared_bytes)} of shared memory, a subgroup {caps.subgroup}"
    )


def _size(nbytes: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if nbytes >= 1 << power:
            return f"{nbytes / 2**power:.1f} {unit}"
    return f"{nbytes / 1024:.0f} KiB"
