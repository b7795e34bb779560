"""Rows under titles: columns where a program or a file reads, a table where a person does.

Leaves out: what stands in the rows. Read next: `backends.py`, `history.py`, which fill them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

NONE: frozenset[int] = frozenset()
GAP = "  "  # between two columns


def columns(
    titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[int] = NONE
) -> str:
    """One line per row, however long: `grep` and `awk` see whole lines.

    `numbers` are the columns that are set to the right.
    """
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for row in (titles, *rows):
        padded = [
            text.rjust(width) if index in numbers else text.ljust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines) + "\n"


def coloured(
    titles: Sequence[str], rows: Sequence[Sequence[str]], width: int, colours: Mapping[str, str]
) -> str:
    """The same for a terminal: STATE in its colour, red where it has none, the last one folded."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, title in enumerate(titles):
        wraps = index == len(titles) - 1
        table.add_column(title, no_wrap=not wraps, overflow="fold" if wraps else "ellipsis")
    state = titles.index("STATE")
    for row in rows:
        cells = [Text(cell) for cell in row]  # Text: a reason with [brackets] is not markup
        cells[state].stylize(colours.get(row[state], "red"))
        table.add_row(*cells)
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, legacy_windows=False).print(table)
    return out.getvalue()
