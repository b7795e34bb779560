"""The tier `bringup`: ten facts, in the order in which an author meets them.

They look at the raw backend, before core agrees to make a device of it, and at three numbers at a
time: what fails here is small enough to be looked at in a debugger. Each says what to write next.
A backend that passes has storage and its first kernels; `kernels` says whether they are right.
Read next: `kernels.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.subject import Subject
from rinzler.ops import OPS, Backend

HOST = np.array([1.5, -2.0, 3.25], np.float32)
OTHER = np.array([0.25, 4.0, -1.25], np.float32)
# Sums and products of these are exact in float32, so that equality is the test.
LEFT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
RIGHT = np.array([[1.0, 0.0], [0.5, 2.0], [-1.0, 4.0]], np.float32)

Fact = Callable[[Backend], str]


def placed(backend: Backend, host: np.ndarray) -> Any:
    """A handle of a buffer of its own, with these contents."""
    handle = backend.view(backend.alloc(host.nbytes), 0, host.shape, host.dtype.name)
    backend.upload(handle, host)
    return handle


def read(backend: Backend, handle: Any, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    host = np.zeros(shape, dtype)
    backend.download(handle, host)
    return host


def ran(backend: Backend, op: str, want: np.ndarray, *hosts: np.ndarray, **attrs: Any) -> str:
    """A kernel on operands of its own: "" where it gives `want`, else what it gave."""
    if op not in backend.kernels:
        return f"there is no kernel {op!r} yet. It computes:\n{OPS[op].doc.strip()}"
    out = placed(backend, np.full(want.shape, np.nan, np.float32))
    ins = [placed(backend, host) for host in hosts]
    backend.kernels[op](out, *ins, **attrs)
    got = read(backend, out, want.shape)
    if np.array_equal(got, want):
        return ""
    shown = ", ".join(str(host.tolist()) for host in hosts)
    return f"{op} of {shown} gave {got.tolist()}, expected {want.tolist()}: write its kernel next"


def bytes_go_and_come(backend: Backend) -> str:
    got = read(backend, placed(backend, HOST), HOST.shape)
    if np.array_equal(got, HOST):
        return ""
    return (
        f"{HOST.tolist()} came back as {got.tolist()}: write alloc, view, upload and download next"
    )


def whole_numbers_too(backend: Backend) -> str:
    host = np.array([0, -1, 2**31 - 1, -(2**31)], np.int32)
    got = read(backend, placed(backend, host), host.shape, "int32")
    if np.array_equal(got, host):
        return ""
    return f"int32 {host.tolist()} came back as {got.tolist()}: upload must copy bits, not values"


def buffers_are_apart(backend: Backend) -> str:
    first, second = placed(backend, HOST), placed(backend, OTHER)
    got = [read(backend, handle, HOST.shape) for handle in (first, second)]
    if np.array_equal(got[0], HOST) and np.array_equal(got[1], OTHER):
        return ""
    return "two buffers share memory: alloc must return a new one each time"


def views_share_a_buffer(backend: Backend) -> str:
    step = backend.caps.alignment
    buffer = backend.alloc(3 * step + 16)
    backend.upload(backend.view(buffer, step, (3,), "float32"), HOST)
    backend.upload(backend.view(buffer, 2 * step, (3,), "float32"), OTHER)
    again = read(backend, backend.view(buffer, step, (1, 3), "float32"), (1, 3))
    beside = read(backend, backend.view(buffer, 2 * step, (3,), "float32"), (3,))
    if np.array_equal(again[0], HOST) and np.array_equal(beside, OTHER):
        return ""
    return (
        "a second view at the same offset does not see what the first one wrote: view must lay "
        "a shape over the buffer from that byte on, and copy nothing"
    )


def fill_fills(backend: Backend) -> str:
    if "fill" not in backend.kernels:
        return f"there is no kernel 'fill' yet. It computes:\n{OPS['fill'].doc.strip()}"
    out = placed(backend, HOST)
    backend.kernels["fill"](out, value=2.5)
    got = read(backend, out, (3,))
    return "" if (got == 2.5).all() else f"fill with 2.5 gave {got.tolist()}: write fill next"


def add_adds(backend: Backend) -> str:
    return ran(backend, "add", HOST + OTHER, HOST, OTHER)


def one_element_is_for_all(backend: Backend) -> str:
    return ran(backend, "mul", HOST * np.float32(4), HOST, np.array([4.0], np.float32))


def rows_sum(backend: Backend) -> str:
    return ran(backend, "sum_rows", LEFT.sum(axis=1), LEFT)


def matrices_multiply(backend: Backend) -> str:
    flags = {"ta": False, "tb": False, "accumulate": False}
    return ran(backend, "matmul", LEFT @ RIGHT, LEFT, RIGHT, **flags)


def all_required_are_there(backend: Backend) -> str:
    missing = [row for row in OPS.values() if row.required and row.name not in backend.kernels]
    unknown = [name for name in backend.kernels if name not in OPS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], OPS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"kernel {unknown[0]!r} is none of the op table, and nobody will call it.{hint}"
    if not missing:
        return ""
    first = missing[0]
    rest = f" After it: {', '.join(row.name for row in missing[1:])}." if missing[1:] else ""
    call = f"{first.name}({', '.join([*first.outputs, *first.inputs])})"
    return (
        f"{len(missing)} required kernels are missing. Write {call} next.{rest} "
        f"{first.name} computes:\n{first.doc.strip()}"
    )


FACTS: tuple[Fact, ...] = (
    bytes_go_and_come,
    whole_numbers_too,
    buffers_are_apart,
    views_share_a_buffer,
    fill_fills,
    add_adds,
    one_element_is_for_all,
    rows_sum,
    matrices_multiply,
    all_required_are_there,
)


def checks() -> Iterator[Check]:
    for fact in FACTS:
        yield Check(f"bringup/{fact.__name__}", told(fact))


def told(fact: Fact) -> Callable[[Subject], Outcome]:
    def run(subject: Subject) -> Outcome:
        wrong = fact(subject.backend)
        return Outcome((wrong,) if wrong else ())

    return run
