"""Ask the driver to keep NaN, infinity and the sign of zero in a compiled shader.

Without that word a compiler may assume that none of them occurs. SPIR-V has it as an execution mode
of the entry point (SPIR-V specification 1.6, SignedZeroInfNanPreserve), but a module that uses it
is refused by a device that cannot promise it. So it is added when the pipeline is made, if the
device can: one capability among the capabilities, one mode behind the modes.

Leaves out: subnormal numbers, which a device may flush to zero. Read next: `pipeline.py`.
"""

from __future__ import annotations

import struct

HEADER = 5  # words
CAPABILITY, ENTRY_POINT, EXECUTION_MODE, EXECUTION_MODE_ID = 17, 15, 16, 331
PRESERVE_CAPABILITY, PRESERVE_MODE = 4466, 4461
COMES_BEFORE_MODES = (17, 10, 11, 14, 15)  # capability, extension, import, memory model, entry
BITS = 32


def preserving(code: bytes) -> bytes:
    """The module with SignedZeroInfNanPreserve for 32-bit floats."""
    words = list(struct.unpack(f"<{len(code) // 4}I", code))
    place, after_capabilities, after_modes, entry = HEADER, HEADER, HEADER, 0
    while place < len(words):
        opcode, length = words[place] & 0xFFFF, words[place] >> 16
        if opcode == ENTRY_POINT:
            entry = words[place + 2]
        elif opcode not in (*COMES_BEFORE_MODES, EXECUTION_MODE, EXECUTION_MODE_ID):
            break
        place += length
        if opcode == CAPABILITY:
            after_capabilities = place
        after_modes = place
    mode = [4 << 16 | EXECUTION_MODE, entry, PRESERVE_MODE, BITS]
    words[after_modes:after_modes] = mode
    words[after_capabilities:after_capabilities] = [2 << 16 | CAPABILITY, PRESERVE_CAPABILITY]
    return struct.pack(f"<{len(words)}I", *words)
