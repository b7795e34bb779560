"""cross_entropy and its backward.

Forward reads the logits once: maximum and sum of a row in one pass, then the mean of the rows'
losses. Backward writes each gradient where its logit was read, so it may work in place.
Read next: `update.py`; the formulas stand in `rinzler.ops.loss`.
"""

from __future__ import annotations

from rinzler_vulkan.call import Call, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.rows import along_rows, invocations, power_of_two, row_pieces
from rinzler_vulkan.sums import totals

LEAST = 8  # invocations on a row


def cross_entropy(
    caps: DeviceCaps, loss: Memory, lse: Memory, logits: Memory, targets: Memory
) -> list[Call]:
    rows = logits.shape[0]
    losses = Scratch((rows,))
    calls = []
    for piece in row_pieces(caps, logits):
        grid, spec = along_rows(caps, piece.rows, piece.cols)
        push = {"rows": piece.rows, "cols": piece.cols, "first": piece.first}
        operands = (lse, losses, piece.of(logits), targets)
        calls.append(Call("cross_entropy", operands, grid, push=push, spec=spec))
    return [*calls, *totals(caps, loss, losses, scale=1.0 / rows)]


def cross_entropy_bwd(
    caps: DeviceCaps, dlogits: Memory, logits: Memory, targets: Memory, lse: Memory, g: Memory
) -> list[Call]:
    rows, cols = logits.shape
    size = min(max(power_of_two(-(-cols // 4)), LEAST), invocations(caps))
    calls = []
    for piece in row_pieces(caps, logits):
        push = {"rows": piece.rows, "cols": cols, "first": piece.first, "per_row": 1.0 / rows}
        operands = (piece.of(dlogits), piece.of(logits), targets, lse, g)
        spec = {"LOCAL_X": size, "VECTOR": cols % 4 == 0}
        grid = flat(piece.rows, 1)
        calls.append(Call("cross_entropy_bwd", operands, grid, push=push, spec=spec))
    return calls


KERNELS = {"cross_entropy": cross_entropy, "cross_entropy_bwd": cross_entropy_bwd}
