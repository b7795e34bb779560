"""Numbers in decimal that come back bit for bit.

A finite float is written with the fewest digits that name it alone in its dtype, and is read again
before it is written, to make sure; -0.0 keeps its sign. What JSON has no number for is a string:
"Infinity", "-Infinity", or "nan:7fc00001" with the bits of that NaN.
Leaves out: hexadecimal floats, which are exact by nature and which nobody can read.
Read next: `scanner.py`, which finds the numbers in a file.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from rinzler.checkpoint.spans import STORED

SPECIAL = {"Infinity": float("inf"), "-Infinity": float("-inf")}


def words(values: np.ndarray) -> list[str]:
    """(N,) numbers as they stand in the file."""
    if values.dtype.kind != "f":
        return [str(value) for value in values.tolist()]
    exact = values.tolist()  # Python floats: each holds its value exactly
    texts = values.astype("U").tolist()
    back = np.array([float(text) for text in texts]).astype(values.dtype)
    same = (back.view(f"u{values.itemsize}") == values.view(f"u{values.itemsize}")).tolist()
    texts = [
        text if good else repr(value) for text, good, value in zip(texts, same, exact, strict=True)
    ]
    for index in np.flatnonzero(~np.isfinite(values)).tolist():
        texts[index] = json.dumps(_special(values[index : index + 1]))
    return texts


def _special(value: np.ndarray) -> str:
    """(1,) a number that JSON does not have."""
    if np.isnan(value[0]):
        bits = int(value.view(f"<u{value.itemsize}")[0])
        return f"nan:{bits:0{2 * value.itemsize}x}"
    return "Infinity" if value[0] > 0 else "-Infinity"


def array_of(values: list[Any], dtype: str) -> np.ndarray:
    """(N,) parsed values, which must be of the dtype's kind. Raises ValueError."""
    if not dtype.startswith("float"):
        limits = np.iinfo(dtype)
        if set(map(type, values)) != {int} or min(values) < limits.min or max(values) > limits.max:
            raise ValueError(f"a value is no whole number of {dtype}")
        return np.array(values, STORED[dtype])
    special = [(index, value) for index, value in enumerate(values) if isinstance(value, str)]
    for index, _ in special:
        values[index] = 0.0
    if set(map(type, values)) != {float}:
        raise ValueError(f"a value is no {dtype}, which has a point or an exponent")
    with np.errstate(over="ignore"):
        made = np.array(values, np.float64).astype(STORED[dtype])
    if not np.isfinite(made).all():
        raise ValueError(f"a value is beyond the range of {dtype}")
    bits = made.view(f"<u{made.itemsize}")
    for index, text in special:
        bits[index] = _bits(text, STORED[dtype])
    return made


def _bits(text: str, dtype: np.dtype) -> int:
    """The bits that a special value stands for."""
    size = dtype.itemsize
    if text in SPECIAL:
        return int(np.array([SPECIAL[text]], dtype).view(f"<u{size}")[0])
    digits = re.fullmatch(rf"nan:([0-9a-f]{{{2 * size}}})", text)
    bits = int(digits[1], 16) if digits else 0
    if not np.isnan(np.array([bits], f"<u{size}").view(dtype)[0]):
        raise ValueError(f"a value is {text[:40]!r}, which is no number")
    return bits
