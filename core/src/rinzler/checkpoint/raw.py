"""A checkpoint for programs in other languages: raw little-endian arrays, and JSON beside them.

    model.bin        the arrays, one after the other, and nothing else
    model.bin.json   what they are: name, dtype, shape, offset and SHA-256 of each, and `meta`

A C program needs `fread` and the offsets; docs/checkpoints.md has one. Two files cannot be replaced
in one go, so a crash may leave the new arrays with the old description. The digests tell: that is
why a run never depends on this form.
Leaves out: how the files are written (`store.py`). Read next: `text.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rinzler.checkpoint.content import (
    Checkpoint,
    bytes_of,
    check_digests,
    check_entries,
    check_room,
    digest_of,
    parse_object,
    plain_json,
    plain_tensors,
)
from rinzler.checkpoint.format import check_format, refusing
from rinzler.checkpoint.spans import Span, check_cover, lay_out, span, views

FORMAT = "rinzler-checkpoint-raw-1"
SIDECAR = {"format", "digest", "bytes", "meta", "tensors"}
ENTRIES = {"name", "dtype", "shape", "offset", "bytes", "sha256"}


def seal(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record without its digest, as JSON with sorted keys and no spaces.

    It proves what the JSON says and not how it is laid out, so another tool may indent it.
    """
    plain = {key: value for key, value in record.items() if key != "digest"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def encode(checkpoint: Checkpoint) -> tuple[bytes, list[bytes | memoryview]]:
    """The sidecar, and the arrays in pieces. Raises ValueError as `format.encode` does."""
    tensors = plain_tensors(checkpoint.tensors)
    spans = lay_out(tensors)
    places = [
        {
            "name": each.name,
            "dtype": each.dtype,
            "shape": list(each.shape),
            "offset": each.begin,
            "bytes": each.end - each.begin,
            "sha256": digest_of(tensors[each.name]),
        }
        for each in spans
    ]
    record = {"format": FORMAT, "bytes": spans[-1].end, "meta": plain_json(checkpoint.meta)}
    record["tensors"] = places
    record = {"format": FORMAT, "digest": seal(record), **record}
    head = {key: value for key, value in record.items() if key != "tensors"}
    # One tensor a line: a person who looks for a name finds it.
    lines = ",\n".join(json.dumps(place) for place in places)
    text = f'{json.dumps(head)[:-1]}, "tensors": [\n{lines}\n]}}\n'.encode()
    check_room(text)
    return text, [bytes_of(tensors[each.name]) for each in spans]


def decode(sidecar: bytes, data: bytes, name: str) -> Checkpoint:
    """The checkpoint in two files, once every digest is right; `name` is for messages.

    Its arrays are read-only views of `data`. Raises CheckpointError for whatever else it may be.
    """
    with refusing(name):
        record, spans = parse(sidecar, len(data), name)
        if seal(record) != record["digest"]:
            raise ValueError("its description does not match its digest")
        tensors = views(memoryview(data).toreadonly(), spans)
        check_digests(tensors, {each["name"]: each["sha256"] for each in record["tensors"]})
    return Checkpoint(tensors, record["meta"])


def parse(sidecar: bytes, nbytes: int, name: str) -> tuple[dict[str, Any], list[Span]]:
    """The structure of the two files, without a look at the digests. Raises ValueError."""
    record = parse_object(sidecar)
    check_format(record, FORMAT, f"{name}.json")
    check_entries(record, SIDECAR, "its description")
    if not isinstance(record["meta"], dict) or not isinstance(record["tensors"], list):
        raise ValueError("meta in its description must be an object, and tensors a list")
    spans = [_span(place) for place in record["tensors"]]
    if len({each.name for each in spans}) != len(spans):
        raise ValueError("a tensor stands twice in its description")
    if record["bytes"] != nbytes:
        raise ValueError(f"it is incomplete or too long, {nbytes:,} bytes, not {record['bytes']}")
    check_cover(spans, nbytes)
    return record, spans


def _span(place: Any) -> Span:
    entries = check_entries(place, ENTRIES, "a tensor in its description")
    name, offset, size = entries["name"], entries["offset"], entries["bytes"]
    if not isinstance(name, str) or type(offset) is not int or type(size) is not int:
        raise ValueError("a tensor in its description has no name, or no place")
    return span(name, entries["dtype"], entries["shape"], offset, offset + size)
