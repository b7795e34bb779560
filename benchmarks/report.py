"""One result of `step.py` as text for a reader, or as a table for a README.

The machine first, then a row for each side, the speed-ups in words, and what each side ran with.
Nothing to install: the columns are as wide as their widest cell. Programs read `--json` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def report(result: dict[str, Any]) -> str:
    """The result for a reader at a terminal."""
    rows = [["side", "ms min", "ms median", "tokens/s", "steps", "loss"]]
    for name, side in result["sides"].items():
        rows.append(
            [
                name,
                f"{side['ms_min']:.2f}",
                f"{side['ms_median']:.2f}",
                f"{side['tokens_per_second']:,}",
                f"{len(result['runs'])} × {side['steps']}",
                f"{side['loss_first']:.4f} > {side['loss_last']:.4f}",
            ]
        )
    about = [f"{name}: {about_text(about)}" for name, about in result["about"].items()]
    lines = [*heading(result), "", render(rows, right=(1, 2, 3, 4)), ""]
    return "\n".join([*lines, *speed_lines(result), "", *about])


def markdown(result: dict[str, Any]) -> str:
    """The same numbers as a table of Markdown."""
    rows = [["side", "ms a step, min", "median", "tokens/s"]]
    for name, side in result["sides"].items():
        times = f"{side['ms_min']:.1f}", f"{side['ms_median']:.1f}"
        rows.append([name, *times, f"{side['tokens_per_second']:,}"])
    table = [f"| {' | '.join(row)} |" for row in rows]
    table.insert(1, "| --- | ---: | ---: | ---: |")
    about = [f"- {name}: {about_text(about)}" for name, about in result["about"].items()]
    speeds = [f"- {line}" for line in speed_lines(result)]
    return "\n".join([*heading(result), "", *table, "", *speeds, *about])


def heading(result: dict[str, Any]) -> list[str]:
    """What was measured, on which machine, under which circumstances."""
    config, load, host = result["config"], result["load"], result["machine"]
    env = result["environment"]
    lines = [
        f"{config['name']}: width {config['d_model']}, {config['layers']} layers, "
        f"{config['heads']} heads, context {config['context']}, batch {config['batch']}, "
        f"vocabulary {config['vocab_size']}",
        f"{host['cpu']}, {host['cores']} cores, {host['system']}; "
        f"load {load['before']} before, {load['after']} after",
    ]
    if env["removed"]:
        lines.append("removed from the environment: " + settings(env["removed"]))
    if env["set"]:
        lines.append("environment: " + settings(env["set"]))
    return lines


def settings(values: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def speed_lines(result: dict[str, Any]) -> Iterator[str]:
    """ "numba is 2.51 times as fast as torch at its best by min, 2.62 by median" """
    for each in result["speedups"]:
        runs = each["runs"]["min"]
        spread = f" (median of {len(runs)} runs, {min(runs):.2f} to {max(runs):.2f} by min)"
        yield (
            f"{each['of']} is {each['min']:.2f} times as fast as {each['over']} by min, "
            f"{each['median']:.2f} by median{spread if len(runs) > 1 else ''}"
        )


def about_text(about: dict[str, Any]) -> str:
    """Versions, what the backend says of itself, the capture, the BLAS copies in the process."""
    apart = ("blas", "backend", "facts", "capture")
    words = [", ".join(f"{name} {value}" for name, value in about.items() if name not in apart)]
    if "backend" in about:
        words.append(about["backend"])
    facts = about.get("facts", {})
    words += [f"{name}: {facts[name]}" for name in ("products", "threads") if name in facts]
    if "capture" in about:
        words.append(capture_text(about["capture"]))
    if about.get("blas"):
        words.append("loaded: " + ", ".join(map(blas_text, about["blas"])))
    return "; ".join(words)


def capture_text(capture: dict[str, int]) -> str:
    """ "captured 187 calls, arena 11.9 MB, 1.002 times what is alive at once" """
    return (
        f"captured {capture['calls']} calls, arena {capture['arena'] / 1e6:.1f} MB, "
        f"{capture['arena'] / capture['peak']:.3f} times what is alive at once"
    )


def blas_text(blas: dict[str, Any]) -> str:
    """ "mkl 2024.2 AVX512 2 threads" """
    if "version" not in blas:
        return str(blas["name"])
    threads = "1 thread" if blas["threads"] == 1 else f"{blas['threads']} threads"
    return f"{blas['name']} {blas['version']} {blas['kernel']} {threads}"


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
