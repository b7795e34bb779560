"""The compiled shaders and what each expects, as the build left them in spv/.

`Shader` turns names into bytes: push constants by their GLSL names into the layout that the
compiler chose, specialization constants into their numbers. A name that the shader does not have,
or one that is missing, is an error here and not a wrong result on the device.

Leaves out: GLSL; the sources are in shaders/ of the repository. Read next: `pipeline.py`.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rinzler_vulkan.errors import ShaderMissing

FOLDER = Path(__file__).parent / "spv"
MEND = "reinstall rinzler-vulkan, or in a checkout run backends/vulkan/tools/compile_shaders.py"


class Shader:
    """One compiled shader."""

    def __init__(self, name: str, row: Mapping[str, Any], folder: Path) -> None:
        self.name = name
        self.path = folder / f"{name}.spv"
        self.spirv = row["spirv"]  # sha256 of the code
        self.writes: tuple[bool, ...] = tuple(row["bindings"])
        self.push_size: int = row["push_size"]
        self.specs: dict[str, tuple[int, str]] = {k: tuple(v) for k, v in row["specs"].items()}
        self.local_size: tuple[Any, ...] = tuple(row["local_size"])
        self._names = tuple(member[0] for member in row["push"])
        self._counts = tuple(member[3] for member in row["push"])
        self._format = struct.Struct(_format(row["push"]))

    def code(self) -> bytes:
        """The SPIR-V. Raises ShaderMissing where it is not what the manifest says."""
        try:
            code = self.path.read_bytes()
        except OSError as error:
            raise ShaderMissing(f"{self.path} cannot be read: {MEND}") from error
        if hashlib.sha256(code).hexdigest() != self.spirv:
            raise ShaderMissing(f"{self.path} is not what was compiled: {MEND}")
        return code

    def pack(self, push: Mapping[str, Any]) -> bytes:
        """Push constants as bytes. Raises ShaderMissing for names that do not fit."""
        if len(push) != len(self._names) or any(name not in push for name in self._names):
            raise ShaderMissing(
                f"{self.name}: push constants are {sorted(push)}, expected {sorted(self._names)}"
            )
        values: list[Any] = []
        for name, count in zip(self._names, self._counts, strict=True):
            value = push[name]
            if count == 1:
                values.append(value)
            elif len(value) == count:
                values += value
            else:
                raise ShaderMissing(f"{self.name}: {name} has {len(value)} numbers, not {count}")
        return self._format.pack(*values)

    def specialize(self, spec: Mapping[str, Any]) -> tuple[list[tuple[int, int]], bytes]:
        """(number, offset) of each constant that is set, and their values, four bytes each."""
        entries, data = [], b""
        for name, value in spec.items():
            if name not in self.specs:
                raise ShaderMissing(
                    f"{self.name} has no constant {name}; it has {', '.join(self.specs) or 'none'}"
                )
            number, letter = self.specs[name]
            entries.append((number, len(data)))
            data += struct.pack("<I", bool(value)) if letter == "?" else _word(letter, value)
        return entries, data


def _word(letter: str, value: Any) -> bytes:
    return struct.pack(f"<{letter}", value)


def _format(members: Sequence[Sequence[Any]]) -> str:
    """The layout of the push constants in the letters of `struct`, gaps included."""
    text, end = "<", 0
    for _, offset, letter, count in members:
        text += f"{offset - end}x{count}{letter}"
        end = offset + 4 * count
    return text


class Manifest:
    """All shaders by name. Raises ShaderMissing where there are none."""

    def __init__(self, folder: Path = FOLDER) -> None:
        try:
            text = (folder / "manifest.json").read_text(encoding="utf-8")
        except OSError as error:
            raise ShaderMissing(f"there are no compiled shaders in {folder}: {MEND}") from error
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self._shaders = {name: Shader(name, row, folder) for name, row in json.loads(text).items()}

    def __getitem__(self, name: str) -> Shader:
        found = self._shaders.get(name)
        if found is None:
            known = ", ".join(sorted(self._shaders))
            raise ShaderMissing(f"there is no shader {name!r}: {MEND}; there are: {known}")
        return found

    def __iter__(self) -> Any:
        return iter(self._shaders.values())


@cache
def installed() -> Manifest:
    """The manifest of this installation."""
    return Manifest()
