"""What `rinzler-autotune` shows: the table of candidates, moving on a terminal, plain elsewhere.

    BACKEND    DEVICE                  THREADS  BATCH  PASSES  TOK/S   ±%  PEAK MB  ONCE S
    numba *    x86_64, 2 threads …           2      8       1  78,175   2      176     1.4

Pure functions of rows but for `live_table`. Leaves out: where the rows come from (`autotune.py`).
Read next: `preferring.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rinzler.autotune import Row, Tuner, Workload
from rinzler.cli.table import GAP, columns
from rinzler.cli.words import duration, plural

COLUMNS = (
    *("BACKEND", "DEVICE", "THREADS", "BATCH", "PASSES", "TOK/S", "±%", "PEAK MB", "ONCE S"),
    "STATE",
)
NUMBERS = frozenset({2, 3, 4, 5, 6, 7, 8})  # columns that stand to the right
DEVICE_WIDTH = 28
ENOUGH = 4  # steps that have a spread
NOISY = 0.2  # a spread beyond which a pace says little


def heading(workload: Workload, rigor: str, seconds: float) -> str:
    model, training = workload.model, workload.training
    layers, heads = plural(model.layers, "layer"), plural(model.heads, "head")
    return (
        f"model      {layers} x {model.d_model} · {heads} · context {model.context} · "
        f"{workload.dtype}\n"
        f"batch      {workload.sequences} sequences an update · {training.optimizer}\n"
        f"search     {rigor}, at most about {duration(max(seconds, 1.0))}"
    )


def cells(row: Row, best: Row | None = None) -> tuple[str, ...]:
    """One line of the table."""
    cell = row.cell
    measured = bool(row.windows)
    device = row.device
    if len(device) > DEVICE_WIDTH:
        device = device[: DEVICE_WIDTH - 1] + "…"
    peak = row.peak or row.device_peak
    return (
        f"{cell.place.name} *" if row is best else cell.place.name,
        device,
        "" if cell.threads is None else str(cell.threads),
        str(cell.batch_size) if measured else "",
        str(cell.accumulate) if measured else "",
        f"{row.pace:,.0f}" if measured else "",
        f"{100 * row.spread:.0f}" if len(row.times) >= ENOUGH else "",
        f"{peak / 1e6:,.0f}" if peak else "",
        f"{row.opening + row.compiling:.1f}" if measured else "",
        state(row),
    )


def state(row: Row) -> str:
    """What came of it, in words."""
    if row.state in ("failed", "skipped"):
        return f"{row.state}: {row.reason}"
    own = "".join(f" {name}={value}" for name, value in row.cell.tunables)
    parity = "no reference" if row.parity is None else f"parity {row.parity:.0e}"
    ended = f", {row.state}: {row.reason}" if row.state in ("dropped", "stopped") else ""
    waiting = ", …" if row.state == "waiting" else ""
    return f"{parity}{own}{ended}{waiting}"


def line(row: Row) -> str:
    """A candidate that is settled, on a line of its own."""
    return " · ".join(cell for cell in cells(row) if cell)


def table(rows: Sequence[Row], best: Row | None, width: int | None = None) -> str:
    """All of them in columns, as text that ends with a newline.

    With a `width` of a terminal what was not measured stands below, each with its whole reason.
    """
    if width is None:
        return columns(COLUMNS, [cells(row, best) for row in rows], NUMBERS)
    tried, others = parted(rows)
    text = columns(*fitting(tried, best, width)) if tried else ""
    return text + "".join(f"{line(row)}\n" for row in others)


def parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Those that have numbers, and those that have nothing but a reason, or nothing yet."""
    return [row for row in rows if row.windows], [row for row in rows if not row.windows]


def fitting(
    rows: Sequence[Row], best: Row | None, width: int
) -> tuple[Sequence[str], list[tuple[str, ...]], frozenset[int]]:
    """Titles, lines and which columns are numbers; where it is narrow, without the device."""
    lines = [cells(row, best) for row in rows]
    widest = [max(map(len, column)) for column in zip(COLUMNS, *lines, strict=True)]
    if sum(widest) + len(GAP) * (len(widest) - 1) <= width:
        return COLUMNS, lines, NUMBERS
    kept = (COLUMNS[0], *COLUMNS[2:])
    short = [(each[0], *each[2:-1], word(row)) for each, row in zip(lines, rows, strict=True)]
    return kept, short, frozenset(index - 1 for index in NUMBERS)


def word(row: Row) -> str:
    """What came of it, in a word or two."""
    if row.state in ("measured", "waiting"):
        return state(row)
    return row.state


def stored_lines(records: Sequence[dict[str, Any]], stale: Sequence[tuple[str, ...]]) -> str:
    """Rows that were measured before, the fastest first."""
    titles = ("BACKEND", "THREADS", "BATCH", "PASSES", "TOK/S", "±%", "WHEN", "STATE")
    pairs = sorted(
        zip(records, stale, strict=True), key=lambda pair: -pair[0].get("tokens_per_second", 0.0)
    )
    rows = [_stored(record, reasons) for record, reasons in pairs]
    return columns(titles, rows, frozenset({1, 2, 3, 4, 5}))


def _stored(record: dict[str, Any], stale: tuple[str, ...]) -> tuple[str, ...]:
    pace = record["tokens_per_second"]
    reason = f": {record['reason']}" if record["reason"] else ""
    old = f" · stale: {'; '.join(stale)}" if stale else ""
    return (
        record["backend"],
        str(record["threads"] or ""),
        str(record["batch_size"]),
        str(record["accumulate"]),
        f"{pace:,.0f}" if pace else "",
        f"{100 * record['spread']:.0f}" if pace else "",
        record["when"][:10],
        f"{record['state']}{reason}{old}",
    )


@contextmanager
def live_table(tuner: Tuner) -> Iterator[None]:
    """The table on stderr, redrawn whenever a row changes, and gone at the end."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    def drawn() -> Group:
        tried, others = parted(sorted(tuner.rows, key=lambda row: -row.pace))
        titles, lines, numbers = fitting(tried, None, console.width)
        made = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
        for index, title in enumerate(titles):
            made.add_column(title, justify="right" if index in numbers else "left", no_wrap=True)
        for row, words in zip(tried, lines, strict=True):
            style = "dim" if row.state in ("dropped", "failed") else ""
            made.add_row(*[Text(each) for each in words], style=style)
        below = [Text(line(row), "dim", no_wrap=True, overflow="ellipsis") for row in others]
        return Group(*([made] if tried else []), *below)

    console = Console(stderr=True)
    with Live(drawn(), console=console, transient=True) as live:
        tuner.changed = lambda row: live.update(drawn())
        yield
