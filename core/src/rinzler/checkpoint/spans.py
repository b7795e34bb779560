"""Where each tensor lies in the payload of a file: one after the other, nothing between or over.

The larger the elements the earlier they come, so that each tensor begins where its dtype may begin;
among equals the name decides. safetensors itself writes them in this order.
A table of spans from a file is believed only if it covers the payload from its first byte to its
last exactly once and each span has the size that dtype and shape say. Everything is checked with
Python's integers, which do not wrap, before a single array is made; arrays are views of the file's
bytes, so that no number in a header can ask for memory.
Read next: `format.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from rinzler.checkpoint.content import DTYPES, MOST_AXES, MOST_TENSORS, check_name, name_of

ORDER = ("int64", "float64", "float32", "int32", "float16", "uint8")
SIZES = {name: np.dtype(name).itemsize for name in DTYPES}
STORED = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}
MOST = 1 << 62  # bytes that an index can still count, with a bit to spare


@dataclass(frozen=True)
class Span:
    """A tensor in the payload."""

    name: str
    dtype: str  # one of DTYPES
    shape: tuple[int, ...]
    begin: int  # bytes from the start of the payload
    end: int


def lay_out(tensors: Mapping[str, np.ndarray]) -> list[Span]:
    """A place for each tensor, in the order in which they are written."""
    names = sorted(tensors, key=lambda name: (ORDER.index(name_of(tensors[name].dtype)), name))
    spans = []
    begin = 0
    for name in names:
        array = tensors[name]
        end = begin + array.nbytes
        spans.append(Span(name, name_of(array.dtype), array.shape, begin, end))
        begin = end
    return spans


def span(name: str, dtype: Any, shape: Any, begin: Any, end: Any) -> Span:
    """A span from what a file says. Raises ValueError unless all of it fits together."""
    check_name(name)
    check_shape(name, dtype, shape)
    if type(begin) is not int or type(end) is not int or begin < 0:
        raise ValueError(f'tensor "{name}" has no place that could be one')
    if end - begin != prod(shape) * SIZES[dtype]:
        raise ValueError(f'tensor "{name}" has a place of another size than its shape says')
    if begin % SIZES[dtype]:
        raise ValueError(f'tensor "{name}" begins where no {dtype} may begin')
    return Span(name, dtype, tuple(shape), begin, end)


def check_shape(name: str, dtype: Any, shape: Any) -> None:
    """Raises ValueError unless an array of this dtype and shape can be."""
    if not isinstance(dtype, str) or dtype not in SIZES:
        raise ValueError(f'tensor "{name}" has no dtype of {", ".join(DTYPES)}')
    if not isinstance(shape, list) or len(shape) > MOST_AXES:
        raise ValueError(f'tensor "{name}" has no shape of at most {MOST_AXES} axes')
    if not all(type(size) is int and 0 <= size < MOST for size in shape):
        raise ValueError(f'tensor "{name}" has a size that is none')
    if prod(size or 1 for size in shape) * SIZES[dtype] >= MOST:
        raise ValueError(f'tensor "{name}" is larger than any memory')


def check_cover(spans: list[Span], nbytes: int) -> None:
    """Raises ValueError unless the spans cover a payload of so many bytes exactly once."""
    if not spans:
        raise ValueError("it holds no tensors")
    if len(spans) > MOST_TENSORS:
        raise ValueError(f"it holds {len(spans):,} tensors, and {MOST_TENSORS:,} is the limit")
    at = 0
    for each in sorted(spans, key=lambda each: (each.begin, each.end)):
        if each.begin != at:
            raise ValueError(f'tensor "{each.name}" overlaps another, or bytes before it are lost')
        at = each.end
    if at != nbytes:
        raise ValueError(f"it is incomplete or too long, {nbytes:,} bytes of tensors, not {at:,}")


def views(payload: memoryview, spans: list[Span]) -> dict[str, np.ndarray]:
    """The tensors of checked spans: read-only views of the payload, nothing is copied."""
    return {
        each.name: np.frombuffer(payload[each.begin : each.end], STORED[each.dtype]).reshape(
            each.shape
        )
        for each in spans
    }
