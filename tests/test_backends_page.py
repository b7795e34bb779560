"""docs/backends.md has the op table as it is; RINZLER_WRITE_DOCS=1 puts it there."""

from __future__ import annotations

import os
from pathlib import Path

from rinzler.conformance.handbook import reference
from rinzler.ops import OPS

PAGE = Path(__file__).parents[1] / "docs" / "backends.md"
BEGIN, END = "<!-- reference: begin -->\n", "<!-- reference: end -->"


def test_the_reference_is_that_of_the_op_table():
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert (begin, end) == (BEGIN, END)
    wanted = f"{head}{BEGIN}\n{reference()}\n{END}{tail}"
    if os.environ.get("RINZLER_WRITE_DOCS"):
        PAGE.write_text(wanted, encoding="utf-8")
    mend = "run: RINZLER_WRITE_DOCS=1 pytest tests/test_backends_page.py"
    assert PAGE.read_text(encoding="utf-8") == wanted, mend


def test_every_op_is_in_the_reference():
    text = reference()
    assert [name for name in OPS if f"#### {name}\n" not in text] == []
