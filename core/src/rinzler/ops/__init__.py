"""Rung 2a: the op protocol. What computes, on what, and how one kernel is chosen.

| file | what it holds |
| --- | --- |
| `spec.py` | the table: one `OpSpec` per op |
| `backend.py` | what the author of a backend writes |
| `memory.py`, `device.py` | buffers, `Device`, `Array` |
| `dispatch.py` | `call`, the only place where a kernel is picked |
| `recording.py` to `tape.py` | a recorded step: noted, compared, bound to its memory |
| `elementwise.py` to `random.py` | the rows: formula, gradient, hazard, default |

Backends import from here and from `rinzler.plugins`, and from nothing above.
"""

from rinzler.ops import (  # noqa: F401  (importing them fills the table)
    activation,
    attention,
    cached,
    elementwise,
    gather,
    loss,
    matmul,
    movement,
    normalization,
    random,
    reduce,
    update,
)
from rinzler.ops.backend import PROTOCOL, Backend, Caps, Fact
from rinzler.ops.device import Array, Device
from rinzler.ops.dispatch import call, fused, no_fused
from rinzler.ops.spec import FLOATS, ITEMSIZE, OPS, OpSpec, Spec
from rinzler.ops.tape import BoundCall, Extent, Tape

__all__ = [
    "FLOATS",
    "ITEMSIZE",
    "OPS",
    "PROTOCOL",
    "Array",
    "Backend",
    "BoundCall",
    "Caps",
    "Device",
    "Extent",
    "Fact",
    "OpSpec",
    "Spec",
    "Tape",
    "call",
    "fused",
    "no_fused",
]
