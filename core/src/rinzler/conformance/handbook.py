"""The protocol reference, from the op table: `python -m rinzler.conformance.handbook`.

Names of outputs, inputs and attributes, what a kernel may overwrite, what it must accumulate into,
and the docstring of the row. `docs/backends.md` holds this text, and a test holds it to that.
Attributes are read off the case table, which calls every op with all of them.
Read next: `cases.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rinzler.conformance.cases import cases_of
from rinzler.ops import OPS, OpSpec, Spec

ODD = 33  # no axis of an example is longer, if that can be


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
    shapes = "".join(f"    {line}\n" for line in examples(row))
    return f"#### {row.name}\n\n    {signature(row)}\n\n    {text}\n\n{shapes}" + (
        notes and f"\n{notes}"
    )


def examples(row: OpSpec) -> list[str]:
    """Shapes of a call for each combination of ranks that the case table has, two at the most."""
    found: dict[tuple[int, ...], tuple[int, str]] = {}
    for case in cases_of(row.name):
        ins, reads = case.data("float32")
        updated = [_spec(reads[index]) for index in row.updates]
        attrs = case.attrs_for("float32")
        outs = row.infer((*updated, *(_spec(x) for x in ins)), attrs)
        operands = [*zip(row.outputs, outs, strict=True), *zip(_inputs(row, ins), ins, strict=True)]
        shown = [f"{name} {_shape(x)}" for name, x in operands if x is not None]
        ranks = tuple([len(x.shape) for _, x in operands if x is not None])
        sizes = [size for _, x in operands if x is not None for size in x.shape]
        # Sizes that differ tell axes apart; none should be longer than it has to be.
        merit = len(set(sizes)) if max(sizes, default=0) <= ODD else 0
        if merit >= found.get(ranks, (0, ""))[0]:
            found[ranks] = merit, "; ".join([", ".join(shown), *_values(attrs)])
    return [f"for example {text}" for _, text in list(found.values())[-2:]]


def _spec(x: np.ndarray | None) -> Ids | Spec | None:
    if x is None or x.dtype != np.int32:
        return None if x is None else Spec(x.shape, x.dtype.name)
    return Ids(x.shape, "int32")


class Ids(Spec):
    """Ids that are in range, whatever they are looked up in."""

    def ids_within(self, count: int) -> None:
        """None: there is no id outside."""


def _inputs(row: OpSpec, ins: Sequence[object]) -> list[str]:
    """The names of the inputs; the last one stands for all that follow it."""
    if len(ins) <= len(row.inputs):
        return list(row.inputs[: len(ins)])
    return [f"{row.inputs[-1]}[{index}]" for index in range(len(ins))]


def _shape(x: np.ndarray | Spec) -> str:
    kind = " int32" if str(x.dtype) == "int32" else ""
    return f"{tuple(x.shape)}{kind}"


def _values(attrs: Mapping[str, object]) -> list[str]:
    named = [f"{name}={value}" for name, value in attrs.items() if name != "dtype"]
    return [", ".join(named)] if named else []


def signature(row: OpSpec) -> str:
    """linear(y, x, w, b)"""
    many = any(len(case.ins) > len(row.inputs) for case in cases_of(row.name))
    inputs = [*row.inputs[:-1], f"*{row.inputs[-1]}"] if many else row.inputs
    names = [*row.outputs, *inputs]
    attributes = list(dict.fromkeys(name for case in cases_of(row.name) for name in case.attrs))
    keywords = [*([] if many else ["*"]), *attributes] if attributes else []
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
