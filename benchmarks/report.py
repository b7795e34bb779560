"""One result of `step.py` as text for a reader.

The machine first, then a table with a row for each side, then the ratios in words. Nothing to
install: the columns are as wide as their widest cell. Programs read `step.py --json` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def report(result: dict[str, Any]) -> str:
    """The same result for a reader."""
    config, load, host = result["config"], result["load"], result["machine"]
    lines = [
        f"{config['name']}: width {config['d_model']}, {config['layers']} layers, "
        f"{config['heads']} heads, context {config['context']}, batch {config['batch']}, "
        f"vocabulary {config['vocab_size']}",
        f"{host['cpu']}, {host['cores']} cores, {host['system']}; "
        f"load {load['before']} before, {load['after']} after",
        "",
    ]
    rows = [["side", "ms min", "ms median", "tokens/s", "steps", "loss", "BLAS", "versions"]]
    for side in result["sides"]:
        about = side["about"]
        rows.append(
            [
                side["name"],
                f"{side['ms_min']:.2f}",
                f"{side['ms_median']:.2f}",
                f"{side['tokens_per_second']:,}",
                str(side["steps"]),
                f"{side['loss_first']:.4f} > {side['loss_last']:.4f}",
                " + ".join(blas_text(blas) for blas in about["blas"]) or "none",
                ", ".join(f"{key} {about[key]}" for key in about if key != "blas"),
            ]
        )
    lines += [render(rows, right=(1, 2, 3, 4)), ""]
    lines += [
        f"{ratio['of']} takes {ratio['min']:.2f}x the time of {ratio['to']} by min, "
        f"{ratio['median']:.2f}x by median"
        for ratio in result["ratios"]
    ]
    return "\n".join(lines).rstrip()


def blas_text(blas: dict[str, Any]) -> str:
    """ "openblas 0.3.31 SkylakeX, 2 threads" """
    if "version" not in blas:
        return str(blas["name"])
    return f"{blas['name']} {blas['version']} {blas['kernel']}, {blas['threads']} threads"


def render(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells as lines, the first row underlined; columns in `right` align right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(rows[0]), rule, *(line(row) for row in rows[1:])])
