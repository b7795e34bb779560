"""A checkpoint that can be read: everything in one JSON file, every number in decimal.

    {"format": …, "digest": …, "meta": {…}, "tensors": {"wte.weight": {"dtype": "float32",
     "shape": [757, 64], "sha256": …, "values": [0.1, -0.02, …]}, …}}

The values of a tensor stand in one flat list in C order, a line for each row; `numerals.py` says
how they come back bit for bit. Another tool may lay the file out anew: digests prove what it says.
The form takes three times the room of the others, so it is for small models.
Leaves out: a run never depends on it. Read next: `store.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from rinzler.checkpoint.content import (
    Checkpoint,
    check_digests,
    check_entries,
    check_name,
    digest_of,
    name_of,
    plain_json,
    plain_tensors,
)
from rinzler.checkpoint.format import check_format, refusing
from rinzler.checkpoint.numerals import words
from rinzler.checkpoint.raw import seal
from rinzler.checkpoint.scanner import Scanner
from rinzler.checkpoint.spans import MOST_TENSORS, SIZES, check_shape

FORMAT = "rinzler-checkpoint-json-1"
MOST_CONTENT = 64 << 20  # bytes of all tensors: two characters can take eight bytes of memory
MAX_META = 2 << 20  # characters
SMALL = 4096  # characters of a shape, with room for any
ROW = 4096  # values that are written at a time


# --- writing ------------------------------------------------------------------------------------


def encode(checkpoint: Checkpoint) -> list[bytes]:
    """The file in pieces. Raises ValueError as `format.encode` does, and for a large model."""
    tensors = plain_tensors(checkpoint.tensors)
    size = sum(array.nbytes for array in tensors.values())
    if size > MOST_CONTENT:
        raise ValueError(
            f"its tensors have {size:,} bytes, and {MOST_CONTENT:,} is the limit of the JSON form. "
            "Name a file that ends in .bin or .safetensors"
        )
    meta = plain_json(checkpoint.meta)
    places = {name: _place(tensors[name]) for name in sorted(tensors)}
    record = {"format": FORMAT, "meta": meta, "tensors": places}
    lines = ",\n".join(
        f"  {json.dumps(key)}: {json.dumps(meta[key], sort_keys=True)}" for key in sorted(meta)
    )
    if len(lines) > MAX_META - SMALL:
        raise ValueError(
            f"its meta needs {len(lines):,} bytes, and {MAX_META - SMALL:,} is the limit"
        )
    pieces = [f'{{\n"format": "{FORMAT}",\n"digest": "{seal(record)}",\n"meta": {{\n{lines}\n}},\n']
    before = '"tensors": {\n'
    for name, place in places.items():
        pieces.append(f"{before}{json.dumps(name)}: {json.dumps(place)[:-1]}, ")
        pieces.append('"values": [')
        pieces.extend(_rows(tensors[name]))
        pieces.append("]}")
        before = ",\n"
    return [piece.encode("ascii") for piece in [*pieces, "\n}}\n"]]


def _place(array: np.ndarray) -> dict[str, Any]:
    return {"dtype": name_of(array.dtype), "shape": list(array.shape), "sha256": digest_of(array)}


def _rows(array: np.ndarray) -> Iterator[str]:
    """The values, with a line end before each row of the last axis."""
    width = array.shape[-1] if array.ndim else 1
    flat = array.reshape(-1)
    before = "\n"
    for row in range(0, flat.size, width or 1):
        for at in range(row, row + width, ROW):
            yield before + ", ".join(words(flat[at : min(at + ROW, row + width)]))
            before = ", "
        before = ",\n"


# --- reading: every helper raises ValueError with a reason --------------------------------------


def decode(data: bytes, name: str) -> Checkpoint:
    """The checkpoint in the bytes of a file, once every digest is right; `name` is for messages.

    Raises CheckpointError for whatever else it may be.
    """
    with refusing(name):
        record, tensors = parse(data, name)
        if seal(record) != record["digest"]:
            raise ValueError("its description does not match its digest")
        digests = {name: place["sha256"] for name, place in record["tensors"].items()}
        check_digests(tensors, digests)
    return Checkpoint(tensors, record["meta"])


def parse(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record without values, and the tensors, without a look at the digests."""
    reader = Scanner(data)
    record: dict[str, Any] = {}
    tensors: dict[str, np.ndarray] = {}
    for key in reader.entries():
        if key in record:
            raise ValueError(f"{key} stands twice in it")
        if key == "tensors":
            record[key] = {}
            _read_tensors(reader, record[key], tensors)
        elif key == "meta":
            record[key] = reader.value(MAX_META)
        else:
            record[key] = reader.string()
            if key == "format":
                check_format(record, FORMAT, name)
    reader.end()
    check_entries(record, {"format", "digest", "meta", "tensors"}, "it")
    if not isinstance(record["meta"], dict):
        raise ValueError("its meta is not a JSON object")
    if not tensors:
        raise ValueError("it holds no tensors")
    return record, tensors


def _read_tensors(
    reader: Scanner, places: dict[str, dict[str, Any]], tensors: dict[str, np.ndarray]
) -> None:
    """Everything but the values goes into `places`, the values into `tensors`."""
    room = MOST_CONTENT
    for name in reader.entries():
        check_name(name)
        if name in places or len(places) >= MOST_TENSORS:
            raise ValueError(f'tensor "{name}" stands twice in it, or is one too many')
        place = places[name] = {}
        for key in reader.entries():
            if key in place or name in tensors:
                raise ValueError(f'tensor "{name}" has its {key} twice, or after its values')
            if key == "shape":
                place[key] = reader.value(SMALL)
            elif key == "values":
                check_entries(place, {"dtype", "shape", "sha256"}, f'tensor "{name}"')
                check_shape(name, place["dtype"], place["shape"])
                room -= prod(place["shape"]) * SIZES[place["dtype"]]
                if room < 0:
                    raise ValueError(f"its tensors have more than {MOST_CONTENT:,} bytes")
                values = reader.numbers(place["dtype"], prod(place["shape"]))
                tensors[name] = values.reshape(place["shape"])
            else:
                place[key] = reader.string()
        if name not in tensors:
            raise ValueError(f'tensor "{name}" has no values')
