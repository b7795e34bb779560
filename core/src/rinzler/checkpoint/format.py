"""The bytes of a checkpoint: a safetensors file that can prove that it is whole.

safetensors is 8 bytes of length, a JSON header, then the arrays; every other tool opens it. The
metadata entry "rinzler" holds a JSON record: `format`, `meta` (all that a run needs besides
arrays), `sha256` of every tensor, and `digest`, the SHA-256 of everything before the payload
(length and header as they stand in the file, with 64 zeros where the digest itself goes). To check
it needs no JSON library, and no parser can read the header in a way that the digest did not see.
The header is written and read here and not by the library of that name: a save then streams the
arrays from where they are, a load looks at them where they were read, and what is refused is known.
Leaves out: the two forms for other uses, `text.py` and `raw.py`.
Read next: `rinzler/files.py`, how the bytes get onto a disk.
"""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rinzler.checkpoint.content import (
    DTYPES,
    MAX_HEADER,
    Checkpoint,
    bytes_of,
    check_digests,
    check_room,
    digest_of,
    parse_object,
    plain_json,
    plain_tensors,
)
from rinzler.checkpoint.spans import Span, check_cover, lay_out, span, views
from rinzler.errors import CheckpointError

__all__ = ["DTYPES", "FORMAT", "MAX_HEADER", "UNSEALED", "Checkpoint", "decode", "encode"]

FORMAT = "rinzler-checkpoint-1"
ENTRY = "rinzler"  # the only entry: other writers put several of them in random order
UNSEALED = "0" * 64  # stands in the digest's place while the digest is taken
NAMES = dict(zip(DTYPES, ("F16", "F32", "F64", "I32", "I64", "U8"), strict=True))
KNOWN = {short: name for name, short in NAMES.items()}


def encode(checkpoint: Checkpoint) -> list[bytes | memoryview]:
    """The file in pieces, the header first. The same content always gives the same bytes.

    Raises ValueError if something in the checkpoint would not come back as it was.
    """
    tensors = plain_tensors(checkpoint.tensors)
    record = {
        "digest": UNSEALED,
        "format": FORMAT,
        "meta": plain_json(checkpoint.meta),
        "sha256": {name: digest_of(array) for name, array in tensors.items()},
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    check_room(text.encode())
    spans = lay_out(tensors)
    header: dict[str, Any] = {"__metadata__": {ENTRY: text}}
    for each in spans:
        offsets = [each.begin, each.end]
        place = {"dtype": NAMES[each.dtype], "shape": list(each.shape), "data_offsets": offsets}
        header[each.name] = place
    raw = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    check_room(raw)
    raw += b" " * (-len(raw) % 8)  # so that the arrays begin where any of them may
    raw = len(raw).to_bytes(8, "little") + raw
    sealed = _exchange_digest(raw, UNSEALED, hashlib.sha256(raw).hexdigest())
    return [sealed, *(bytes_of(tensors[each.name]) for each in spans)]


def decode(data: bytes, name: str) -> Checkpoint:
    """The checkpoint in the bytes of a file, once every digest is right; `name` is for messages.

    Its arrays are read-only views of `data`. Raises CheckpointError for whatever else it may be.
    """
    with refusing(name):
        parsed = parse(data, name)
        header = data[: parsed.end]
        unsealed = _exchange_digest(header, str(parsed.record["digest"]), UNSEALED)
        if hashlib.sha256(unsealed).hexdigest() != parsed.record["digest"]:
            raise ValueError("its header does not match its digest")
        tensors = views(memoryview(data).toreadonly()[parsed.end :], parsed.spans)
        check_digests(tensors, parsed.record["sha256"])
    return Checkpoint(tensors, parsed.record["meta"])


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """What the helpers of a loader raise, as the one error that a loader raises."""
    try:
        yield
    except (ValueError, RecursionError) as cause:
        raise CheckpointError(
            f"{name} is damaged or not a checkpoint: {cause}. "
            "Use an older checkpoint of the run, or copy this one again from where it came from"
        ) from cause


def check_format(record: dict[str, Any], known: str, name: str) -> None:
    """Raises CheckpointError for the format of another version."""
    if record.get("format") != known:
        found = reprlib.repr(record.get("format"))
        raise CheckpointError(
            f"{name} has the format {found}, and this Rinzler reads {known!r}. "
            "If it comes from a newer Rinzler: pip install --upgrade rinzler"
        )


def _exchange_digest(header: bytes, old: str, new: str) -> bytes:
    """The header with its own digest exchanged: the record's first entry, keys being sorted."""
    mark = b'\\"digest\\":\\"%s\\"'
    return header.replace(mark % old.encode(), mark % new.encode(), 1)


# --- reading: every helper raises ValueError with a reason -----------------------------------


@dataclass(frozen=True)
class Parsed:
    """A file whose structure is right; nothing has been said about its content yet."""

    record: dict[str, Any]
    spans: list[Span]
    end: int  # of the header: where the payload begins


def parse(data: bytes, name: str) -> Parsed:
    """The structure of a file, without a look at the digests."""
    header, end = _parse_header(data)
    record = _find_record(header, name)
    spans = [_span(each, place) for each, place in header.items()]
    size = end + max((each.end for each in spans), default=0)
    if size > len(data):  # a file cut short deserves a message that says so
        raise ValueError(f"it is incomplete, {len(data):,} of {size:,} bytes")
    check_cover(spans, len(data) - end)
    return Parsed(record, spans, end)


def _parse_header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header as JSON and the offset at which the payload begins."""
    if len(data) < 8:
        raise ValueError(f"it ends after {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER or length % 8 or data[8:9] not in (b"{", b""):
        raise ValueError("it does not begin as a checkpoint does")
    end = 8 + length
    if end > len(data):
        raise ValueError(
            f"it is incomplete, {len(data):,} bytes where the header alone has {end:,}"
        )
    return parse_object(data[8:end]), end


def _find_record(header: dict[str, Any], name: str) -> dict[str, Any]:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get(ENTRY), str):
        raise CheckpointError(
            f'{name} is a safetensors file, but its metadata has no entry "{ENTRY}": Rinzler did '
            "not write it. For its tensors alone call safetensors.numpy.load_file"
        )
    record = parse_object(metadata[ENTRY].encode("utf-8"))
    check_format(record, FORMAT, name)
    if set(record) != {"digest", "format", "meta", "sha256"} or len(metadata) != 1:
        raise ValueError(f"its record has the entries {', '.join(sorted(record))[:200]}")
    if not all(isinstance(record[key], dict) for key in ("meta", "sha256")):
        raise ValueError("meta and sha256 in its record must be JSON objects")
    return record


def _span(name: str, place: Any) -> Span:
    if not isinstance(place, dict) or set(place) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f'tensor "{name}" is not described by dtype, shape and data_offsets')
    dtype, offsets = place["dtype"], place["data_offsets"]
    if not isinstance(dtype, str) or dtype not in KNOWN:
        raise ValueError(f'tensor "{name}" has no dtype of {", ".join(KNOWN)}')
    if not isinstance(offsets, list) or len(offsets) != 2:
        raise ValueError(f'tensor "{name}" has no place that could be one')
    return span(name, KNOWN[dtype], place["shape"], *offsets)
