"""The protocol reference, from the op table: `python -m rinzler.conformance.handbook`.

Names of outputs, inputs and attributes, what a kernel may overwrite, what it must accumulate into,
and the docstring of the row. `docs/backends.md` holds this text, and a test holds it to that.
Attributes are read off the case table, which calls every op with all of them.
Read next: `cases.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from rinzler.conformance.cases import cases_of
from rinzler.ops import OPS, OpSpec


def reference() -> str:
    """Every op, the required kernels first, as Markdown that ends with a newline."""
    required = [row for row in OPS.values() if row.required]
    optional = [row for row in OPS.values() if not row.required]
    parts = [
        f"### Kernels that a backend must have: {len(required)}\n",
        *map(entry, required),
        f"### Ops with a default, of which it may have any: {len(optional)}\n",
        *map(entry, optional),
    ]
    return "\n".join(parts)


def entry(row: OpSpec) -> str:
    """One op: its signature, what is special about its operands, its docstring."""
    notes = "".join(f"- {note}\n" for note in _notes(row))
    text = inspect.cleandoc(row.doc).replace("\n", "\n    ")
    return f"#### {row.name}\n\n    {signature(row)}\n\n    {text}\n" + (notes and f"\n{notes}")


def signature(row: OpSpec) -> str:
    """linear(y, x, w, b)"""
    names = [*row.outputs, *row.inputs]
    attributes = list(dict.fromkeys(name for case in cases_of(row.name) for name in case.attrs))
    keywords = ["*", *attributes] if attributes else []
    return f"{row.name}({', '.join([*names, *keywords])})"


def _notes(row: OpSpec) -> Iterator[str]:
    if row.updates:
        names = ", ".join(f"`{row.outputs[index]}`" for index in row.updates)
        yield f"{names}: read as well as written"
    if row.inplace:
        names = ", ".join(f"`{row.inputs[index]}`" for index in row.inplace)
        yield f"`{row.outputs[0]}` may be the same memory as {names}"
    absent = [
        name
        for index, name in enumerate(row.inputs)
        if any(len(case.ins) > index and case.ins[index] is None for case in cases_of(row.name))
    ]
    unwanted = [
        name
        for index, name in enumerate(row.outputs)
        if any(case.reads.get(index, 0) is None for case in cases_of(row.name))
    ]
    for name in absent + unwanted:
        yield f"`{name}` may be None"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
