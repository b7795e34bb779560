"""What a checkpoint holds, and the rules that every form of it keeps.

Tensors of six dtypes and a JSON object, `meta`. Whatever is written comes back as it was, or is
refused before anything is written; whatever is read is checked value by value, with limits that no
honest file comes near and that keep a hostile one from filling the memory.
`digest_of` is the proof that a tensor is whole: safetensors has no checksum, and almost half of all
single-bit flips in such a file load without a word.
Leaves out: signatures. A digest finds damage; it does not say who wrote the file.
Read next: `spans.py`, where each tensor lies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

DTYPES = ("float16", "float32", "float64", "int32", "int64", "uint8")
MAX_HEADER = 4 << 20  # bytes of names, shapes and meta together
MOST_VALUES = 400_000  # in one piece of JSON: Python needs up to 80 bytes for three of text
MOST_TENSORS = 20_000
MOST_NAME = 1000  # characters
MOST_AXES = 32  # what every numpy can hold


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run on the host."""

    tensors: Mapping[str, np.ndarray]  # name -> array of one of DTYPES, any shape, any bits
    meta: Mapping[str, Any]  # dicts with string keys, lists, strings, finite numbers, bools, None


def plain_tensors(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays dense, in C order, little-endian. Raises ValueError for what cannot be stored."""
    if not tensors:
        raise ValueError("it holds no tensors")
    if len(tensors) > MOST_TENSORS:
        raise ValueError(f"it holds {len(tensors):,} tensors, and {MOST_TENSORS:,} is the limit")
    return {name: _plain_array(name, array) for name, array in tensors.items()}


def _plain_array(name: str, array: np.ndarray) -> np.ndarray:
    check_name(name)
    array = np.asarray(array)
    if name_of(array.dtype) not in DTYPES:
        known = ", ".join(DTYPES)
        raise ValueError(f'tensor "{name}" is {array.dtype}, and a checkpoint holds {known}')
    if array.ndim > MOST_AXES:
        raise ValueError(f'tensor "{name}" has {array.ndim} axes, and {MOST_AXES} is the limit')
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def check_name(name: str) -> None:
    """Raises ValueError for a name that another tool, or a terminal, could not take."""
    name.encode("utf-8")  # half a surrogate pair is no text
    if name == "__metadata__":
        raise ValueError('a tensor is named "__metadata__", a name that safetensors needs itself')
    if len(name) > MOST_NAME:
        raise ValueError(
            f"a tensor's name has {len(name):,} characters, {MOST_NAME:,} is the limit"
        )


def plain_json(meta: Mapping[str, Any]) -> dict[str, Any]:
    """`meta`, if JSON gives it back as it is: no tuples, no NaN, no keys other than strings."""
    try:
        back = json.loads(json.dumps(dict(meta), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as cause:
        raise ValueError(f"its meta cannot be written as JSON ({cause})") from cause
    for key, value in meta.items():
        if key not in back or back[key] != value:
            raise ValueError(f"JSON would change meta[{key!r}]: no tuples, and strings as keys")
    return back


@lru_cache(maxsize=64)
def name_of(dtype: np.dtype) -> str:
    """As in float32. numpy puts it together anew each time, which takes as long as a digest."""
    return str(dtype.name)


def bytes_of(array: np.ndarray) -> memoryview:
    """The payload of a dense array, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def digest_of(array: np.ndarray) -> str:
    """SHA-256 over dtype, shape and bytes: 'float32 [2, 3]', a newline, the payload."""
    digest = hashlib.sha256(f"{name_of(array.dtype)} {list(array.shape)}\n".encode())
    digest.update(bytes_of(array))
    return digest.hexdigest()


def check_digests(tensors: Mapping[str, np.ndarray], digests: Mapping[str, Any]) -> None:
    """Raises ValueError for the first tensor that is not the one it was."""
    for name in sorted(set(tensors) | set(digests)):
        if name not in tensors or digest_of(tensors[name]) != digests.get(name):
            raise ValueError(f'tensor "{name}" does not match its digest')


def check_room(text: bytes) -> None:
    """Raises ValueError for JSON that is too long, or of too many parts, to be one of ours."""
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"names and meta need {len(text):,} bytes, and {MAX_HEADER:,} is the limit"
        )
    parts = sum(text.count(sign) for sign in (b",", b":", b"[", b"{"))
    if parts > MOST_VALUES:
        raise ValueError(f"names and meta have {parts:,} values, and {MOST_VALUES:,} is the limit")


# --- JSON without the loopholes of Python's parser ----------------------------------------------


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `object_pairs_hook`: no key comes twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in its JSON")
    return made


def no_constant(name: str) -> None:
    """For `parse_constant`: NaN and Infinity are not JSON."""
    raise ValueError(f"it holds {name}, which is not JSON")


def finite(text: str) -> float:
    """For `parse_float`: 1e999 is JSON, and no number that can be written back."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"it holds {text[:20]}, which is beyond every float")
    return number


def whole(text: str) -> int:
    """For `parse_int`: -0 is 0 to Python, and to other readers a float, which no size can be."""
    if text == "-0":
        raise ValueError("it holds -0, which is not a whole number to every reader")
    return int(text)


STRICT = json.JSONDecoder(
    object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite, parse_int=whole
)


def parse_object(text: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8. Raises ValueError or RecursionError for anything else."""
    check_room(text)
    parsed = STRICT.decode(text.decode("utf-8"))
    if not isinstance(parsed, dict):
        raise ValueError("its header is not a JSON object")
    return parsed


def check_entries(record: Any, expected: set[str], what: str) -> dict[str, Any]:
    """`record`, if it is an object with exactly these entries. Raises ValueError."""
    if not isinstance(record, dict):
        raise ValueError(f"{what} is not a JSON object")
    if set(record) != expected:
        raise ValueError(f"{what} has the entries {', '.join(sorted(record))[:200] or 'of none'}")
    return record
