"""How a valid file becomes one that is almost valid.

Random bytes die at the first check and try nothing. So most changes are made to the JSON tree of a
file (a size that is a bool, an offset one too large, a tensor twice), and the file is put together
again around them; some are made to its text, and some to its bytes.
Read next: `targets.py`, which puts digests right where the change should get past them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 3, 7, 8, 32, 33, 64, 255, 256, 257, 65535, 2**31 - 1, 2**31, 2**32, 2**53 + 1),
    *(2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.0, -0.0, 1.0, 0.5),
    *(1e39, 1e308, 5e-324, 1e-45, 1e16, True, False, None),
]
WORDS = [
    *("", "x", "F32", "F64", "I64", "U8", "F16", "BF16", "float32", "float64", "int32", "uint8"),
    *("__metadata__", "rinzler", "digest", "meta", "values", "tensors", "wte.weight", "nan"),
    *("Infinity", "-Infinity", "nan:7fc00000", "nan:7f800001", "nan:3f800000", "\ud800", "é\x1f"),
    *("0" * 64, "x" * 1001, "rinzler-checkpoint-1", "bpe", "bytes", "merges", "kind", "numba"),
]
# What the harness' own code may meet in a file that it has spoilt before.
BEYOND = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
BEYOND += (SyntaxError, MemoryError)
PIECES = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "9",
    "-",
    "e",
    ".",
    "\\",
    " ",
    "null",
    "NaN",
    "1e999",
]
PIECES += [
    "[[",
    "]]",
    "{}",
    "[]",
    '"x":',
    "\\ud800",
    "\\u0000",
    "Infinity",
    "-0",
    "00",
    "\n",
    "\x7f",
]


def bytes_of(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Bits flipped, pieces cut, doubled, moved, or taken from another file."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(made) + 1)
        size = rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del made[at:]
        elif kind == 2:
            del made[at : at + size]
        elif kind == 3:
            made[at:at] = made[at : at + size]
        elif kind == 4:
            other = rng.choice(others)
            made[at:] = other[rng.randrange(len(other) + 1) :]
        else:
            made[at : at + size] = rng.randbytes(size)
    return bytes(made)


def text_of(text: str, rng: random.Random) -> str:
    """Signs of JSON where they do not belong."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(PIECES) + text[at + rng.randrange(4) :]
    return text


def member_of(text: str, rng: random.Random) -> str:
    """One more member in an object, of a kind that no tree has: a key twice, a number too large."""
    colons = [match.end() for match in re.finditer('":', text)]
    keys = re.findall(r'"(\w+)":', text)
    if not colons or not keys:
        return text
    at = rng.choice(colons)
    key = rng.choice(keys) if rng.random() < 0.7 else rng.choice(("q", "\\ud800", ""))
    depth = rng.choice((2, 100, 980, 1500))
    values = ["null", "0", "1e999", "-1e999", "NaN", "Infinity", "[]", "{}", '""', "1" * 5000]
    values += ["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]
    return f'{text[:at]}{rng.choice(values)},"{key}":{text[at:]}'


def tree(value: Any, rng: random.Random) -> Any:
    """A JSON value with one change somewhere in it; the value itself is left alone."""
    inner = isinstance(value, dict | list) and value and rng.random() < 0.85
    if inner and isinstance(value, dict):
        return _object(value, rng)
    if inner:
        made = list(value)
        at = rng.randrange(len(made))
        made[at : at + 1] = rng.choice(([tree(made[at], rng)],) * 6 + ([], [made[at]] * 2))
        if rng.random() < 0.1:
            rng.shuffle(made)
        return made
    return _leaf(value, rng)


def _object(value: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    made = dict(value)
    key = rng.choice(list(made))
    kind = rng.randrange(12)
    if kind == 0:
        del made[key]
    elif kind == 1:
        made[rng.choice(WORDS)] = made[key]
    elif kind == 2:
        made[rng.choice(WORDS)] = made.pop(key)
    elif kind == 3:
        made[key] = made[rng.choice(list(made))]
    else:
        made[key] = tree(made[key], rng)
    return made


def _leaf(value: Any, rng: random.Random) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(WORDS),
        lambda: rng.choice(([], {}, [0], [1] * 40, {"x": 0}, [[0, 0]], [97, 98])),
        lambda: [value],
    ]
    if type(value) is int:
        choices += [lambda: value + rng.choice((-8, -4, -1, 1, 4, 8)), lambda: value * 2]
        choices += [lambda: -value, lambda: value // 2, lambda: float(value)]
    if isinstance(value, str) and value:
        choices.append(lambda: value[:-1])
        choices.append(lambda: value[:-1] + chr(ord(value[-1]) ^ 1))
    return rng.choice(choices)()


def json_text(text: str, rng: random.Random) -> str:
    """JSON text with a change in its tree, or in its signs where it has none."""
    kind = rng.random()
    if kind < 0.2:
        return text_of(text, rng)
    if kind < 0.35:
        return member_of(text, rng)
    try:
        made = tree(json.loads(text), rng)
        while rng.random() < 0.3:
            made = tree(made, rng)
        return json.dumps(made)
    except BEYOND:
        return text_of(text, rng)
