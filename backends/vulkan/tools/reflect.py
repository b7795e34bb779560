"""What a compiled shader expects, read from its SPIR-V: bindings, push constants, constants, size.

The manifest carries this, so that Python names a push constant or a specialization constant as GLSL
does, and a kernel never repeats a byte offset. SPIR-V is a stream of instructions, each a word of
(length << 16 | opcode) and its operands (Khronos SPIR-V specification 1.6, section 2.3); the dozen
opcodes below are all that is looked at.

Leaves out: images, samplers, several descriptor sets; a shader that has them is refused.
Read next: `compile_shaders.py`.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

MAGIC = 0x07230203
NAME, MEMBER_NAME, EXECUTION_MODE, EXECUTION_MODE_ID = 5, 6, 16, 331
TYPE_BOOL, TYPE_INT, TYPE_FLOAT, TYPE_VECTOR, TYPE_ARRAY = 20, 21, 22, 23, 28
TYPE_STRUCT, TYPE_POINTER, CONSTANT, VARIABLE = 30, 32, 43, 59
SPEC_TRUE, SPEC_FALSE, SPEC_CONSTANT = 48, 49, 50
DECORATE, MEMBER_DECORATE = 71, 72

SPEC_ID, NON_WRITABLE, BINDING, SET, OFFSET = 1, 24, 33, 34, 35
PUSH_CONSTANT, STORAGE_BUFFER = 9, 12  # storage classes
LOCAL_SIZE, LOCAL_SIZE_ID = 17, 38


def words_of(code: bytes) -> tuple[int, ...]:
    words = struct.unpack(f"<{len(code) // 4}I", code)
    if words[0] != MAGIC:
        raise ValueError("not a SPIR-V module")
    return words


def instructions(code: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each opcode with its operands."""
    words = words_of(code)
    place = 5
    while place < len(words):
        length, opcode = words[place] >> 16, words[place] & 0xFFFF
        yield opcode, words[place + 1 : place + length]
        place += length


def text_of(words: tuple[int, ...]) -> str:
    return struct.pack(f"<{len(words)}I", *words).split(b"\0", 1)[0].decode()


class Module:
    """The tables of one module that reflection needs."""

    def __init__(self, code: bytes) -> None:
        self.names: dict[int, str] = {}
        self.members: dict[int, dict[int, str]] = defaultdict(dict)
        self.decorations: dict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
        self.member_decorations: dict[tuple[int, int], dict[int, tuple[int, ...]]] = defaultdict(
            dict
        )
        self.types: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.constants: dict[int, tuple[int, int, tuple[int, ...]]] = {}  # id -> op, type, words
        self.variables: list[tuple[int, int, int]] = []  # id, type, storage class
        self.modes: dict[int, tuple[int, ...]] = {}
        for opcode, words in instructions(code):
            self._take(opcode, words)

    def _take(self, opcode: int, words: tuple[int, ...]) -> None:
        if opcode == NAME:
            self.names[words[0]] = text_of(words[1:])
        elif opcode == MEMBER_NAME:
            self.members[words[0]][words[1]] = text_of(words[2:])
        elif opcode in (EXECUTION_MODE, EXECUTION_MODE_ID):
            self.modes[words[1]] = words[2:]
        elif opcode == DECORATE:
            self.decorations[words[0]][words[1]] = words[2:]
        elif opcode == MEMBER_DECORATE:
            self.member_decorations[words[0], words[1]][words[2]] = words[3:]
        elif TYPE_BOOL <= opcode <= TYPE_POINTER:
            self.types[words[0]] = (opcode, words[1:])
        elif opcode in (CONSTANT, SPEC_TRUE, SPEC_FALSE, SPEC_CONSTANT):
            self.constants[words[1]] = (opcode, words[0], words[2:])
        elif opcode == VARIABLE:
            self.variables.append((words[1], words[0], words[2]))

    def pointee(self, pointer: int) -> int:
        return self.types[pointer][1][1]

    def scalar(self, number: int) -> str:
        """A scalar type in the letters of Python's `struct`: i, I, f, or ? for bool."""
        opcode, words = self.types[number]
        if opcode == TYPE_BOOL:
            return "?"
        if opcode == TYPE_INT and words[0] == 32:
            return "i" if words[1] else "I"
        if opcode == TYPE_FLOAT and words[0] == 32:
            return "f"
        raise ValueError(f"only 32-bit numbers can be passed, not type {opcode} {words}")

    def value(self, number: int) -> int:
        return self.constants[number][2][0]


def reflect(code: bytes) -> dict[str, Any]:
    """Bindings (True: written), push constants, specialization constants and the workgroup."""
    module = Module(code)
    return {
        "bindings": bindings(module),
        "push": push_constants(module),
        "specs": spec_constants(module),
        "local_size": local_size(module),
    }


def bindings(module: Module) -> list[bool]:
    """For each binding whether the shader may write it."""
    written: dict[int, bool] = {}
    for number, pointer, storage in module.variables:
        if storage != STORAGE_BUFFER:
            if BINDING in module.decorations[number]:
                raise ValueError(f"{module.names[number]}: only storage buffers may be bound")
            continue
        if module.decorations[number].get(SET, (0,)) != (0,):
            raise ValueError(f"{module.names[number]}: only descriptor set 0 is used")
        (binding,) = module.decorations[number][BINDING]
        block = module.pointee(pointer)
        readonly = NON_WRITABLE in module.decorations[number] or all(
            NON_WRITABLE in module.member_decorations[block, member]
            for member in range(len(module.types[block][1]))
        )
        written[binding] = written.get(binding, False) or not readonly
    if sorted(written) != list(range(len(written))):
        raise ValueError(f"bindings are {sorted(written)}, expected 0, 1, 2 ... without a gap")
    return [written[binding] for binding in range(len(written))]


def push_constants(module: Module) -> list[list[Any]]:
    """Name, byte offset, letter and count of each member; in order."""
    found = [v for v in module.variables if v[2] == PUSH_CONSTANT]
    if not found:
        return []
    block = module.pointee(found[0][1])
    rows = []
    for member, kind in enumerate(module.types[block][1]):
        (offset,) = module.member_decorations[block, member][OFFSET]
        opcode, words = module.types[kind]
        element, count = kind, 1
        if opcode == TYPE_ARRAY:
            element, count = words[0], module.value(words[1])
        elif opcode == TYPE_VECTOR:
            element, count = words
        rows.append([module.members[block][member], offset, module.scalar(element), count])
    return rows


def spec_constants(module: Module) -> dict[str, list[Any]]:
    """Number and letter of each specialization constant, by its name.

    `layout(local_size_x_id = 0)` declares one without a name: LOCAL_X.
    """
    axes = {}
    for axis, number in zip("XYZ", module.modes.get(LOCAL_SIZE_ID, ()), strict=False):
        if SPEC_ID in module.decorations[number]:
            axes[module.decorations[number][SPEC_ID]] = f"LOCAL_{axis}"
    found: dict[str, list[Any]] = {}
    for number, (opcode, kind, _) in module.constants.items():
        if opcode not in (SPEC_TRUE, SPEC_FALSE, SPEC_CONSTANT):
            continue
        place = module.decorations[number][SPEC_ID]
        found[module.names.get(number) or axes[place]] = [place[0], module.scalar(kind)]
    return dict(sorted(found.items()))


def local_size(module: Module) -> list[Any]:
    """Invocations of a workgroup along x, y, z; a name where a constant decides."""
    if LOCAL_SIZE not in module.modes and LOCAL_SIZE_ID in module.modes:
        sizes: list[Any] = []
        for axis, number in zip("XYZ", module.modes[LOCAL_SIZE_ID], strict=True):
            decided = SPEC_ID in module.decorations[number]
            sizes.append(f"LOCAL_{axis}" if decided else module.value(number))
        return sizes
    return list(module.modes[LOCAL_SIZE])
