"""softmax, log_softmax, layer_norm and their backwards, row by row.

A softmax finds maximum and sum in one pass over its row. The backward of layer_norm is two kernels:
dx needs sums along a row, dw and db need sums down the columns; these go block by block of rows,
and the sums of the blocks are added in their order, so that no atomics are needed.
Read next: `loss.py`; the formulas stand in `rinzler.ops.normalization`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rinzler_vulkan.call import Call, Number, Operand, Scratch
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.rows import BLOCK, along_rows, down_columns, row_pieces, sums_of_lines


def by_rows(shader: str, log: bool, caps: DeviceCaps, *operands: Memory) -> list[Call]:
    """softmax, log_softmax and their backwards: all operands are (R, C), the output first."""
    calls = []
    for piece in row_pieces(caps, operands[0]):
        grid, spec = along_rows(caps, piece.rows, piece.cols, LOG=log)
        push = {"rows": piece.rows, "cols": piece.cols}
        calls.append(Call(shader, [piece.of(x) for x in operands], grid, push=push, spec=spec))
    return calls


def layer_norm(
    caps: DeviceCaps,
    y: Memory,
    mean: Memory,
    rstd: Memory,
    x: Memory,
    w: Memory,
    b: Memory | None,
    *,
    eps: float,
) -> list[Call]:
    calls = []
    for piece in row_pieces(caps, x):
        grid, spec = along_rows(caps, piece.rows, piece.cols)
        push: dict[str, Number] = {"rows": piece.rows, "cols": piece.cols, "first": piece.first}
        push |= {"has_b": int(b is not None), "eps": eps}
        operands = (piece.of(y), mean, rstd, piece.of(x), w, b)
        calls.append(Call("layer_norm", operands, grid, push=push, spec=spec))
    return calls


def layer_norm_bwd(
    caps: DeviceCaps,
    dx: Memory,
    dw: Memory | None,
    db: Memory | None,
    x: Memory,
    w: Memory,
    mean: Memory,
    rstd: Memory,
    g: Memory,
) -> list[Call]:
    calls = []
    for piece in row_pieces(caps, x):
        grid, spec = along_rows(caps, piece.rows, piece.cols)
        push = {"rows": piece.rows, "cols": piece.cols, "first": piece.first}
        operands = (piece.of(dx), piece.of(x), w, mean, rstd, piece.of(g))
        calls.append(Call("layer_norm_bwd", operands, grid, push=push, spec=spec))
    if dw is None and db is None:
        return calls
    return [*calls, *layer_norm_columns(caps, (dw, db), x, mean, rstd, g)]


def layer_norm_columns(
    caps: DeviceCaps,
    outs: tuple[Memory | None, Memory | None],
    x: Memory,
    mean: Memory,
    rstd: Memory,
    g: Memory,
) -> list[Call]:
    """dw and db: straight into them where there is one block of rows, else over lines of blocks."""
    rows, cols = x.shape
    blocks = -(-rows // BLOCK)
    targets: Sequence[Operand | None] = outs
    if blocks > 1:
        targets = [None if out is None else Scratch((blocks, cols)) for out in outs]
    calls = []
    for piece in row_pieces(caps, x, BLOCK):
        grid, spec = down_columns(caps, piece.rows, cols)
        push = {"rows": piece.rows, "cols": cols, "block": BLOCK, "first": piece.first}
        push |= {"line": piece.first // BLOCK, "accumulate": int(blocks == 1)}
        push |= {"has_dw": int(outs[0] is not None), "has_db": int(outs[1] is not None)}
        operands = (*targets, piece.of(x), mean, rstd, piece.of(g))
        calls.append(Call("layer_norm_columns", operands, grid, push=push, spec=spec))
    if blocks > 1:
        for out, lines in zip(outs, targets, strict=True):
            if out is not None and lines is not None:
                calls += sums_of_lines(caps, out, lines, blocks, accumulate=True)
    return calls


KERNELS = {
    "softmax": partial(by_rows, "softmax", False),
    "softmax_bwd": partial(by_rows, "softmax_bwd", False),
    "log_softmax": partial(by_rows, "softmax", True),
    "log_softmax_bwd": partial(by_rows, "softmax_bwd", True),
    "layer_norm": layer_norm,
    "layer_norm_bwd": layer_norm_bwd,
}
