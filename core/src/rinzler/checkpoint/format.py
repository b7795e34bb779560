"""The bytes of a checkpoint: a safetensors file that can prove that it is whole.

safetensors is 8 bytes of length, a JSON header, then the arrays; every other tool opens it. But it
has no checksum, and almost half of all single-bit flips load without a word. So the metadata entry
"rinzler" holds a JSON record: `format`, `meta` (all that a run needs besides arrays), `sha256` of
every tensor, and `digest`, the SHA-256 of everything before the payload (length and header as they
stand in the file, with 64 zeros where the digest itself goes). To check it needs no JSON library,
and no parser can read the header in a way that the digest did not see.
Leaves out: signatures. A digest finds damage; it does not say who wrote the file.
Read next: `rinzler/files.py`, how the bytes get onto a disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinzler.errors import CheckpointError

FORMAT = "rinzler-checkpoint-1"
DTYPES = ("float16", "float32", "float64", "int32", "int64", "uint8")
MAX_HEADER = 16 << 20  # bytes; a file that announces more is not one of ours
ENTRY = "rinzler"  # the only entry: safetensors writes several of them in random order
UNSEALED = "0" * 64  # stands in the digest's place while the digest is taken


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run on the host."""

    tensors: Mapping[str, np.ndarray]  # name -> array of one of DTYPES, any shape, any bits
    meta: Mapping[str, Any]  # dicts with string keys, lists, strings, finite numbers, bools, None


def encode(checkpoint: Checkpoint) -> tuple[bytes, memoryview]:
    """The header and the payload of the file. The same content always gives the same bytes.

    Raises ValueError if something in the checkpoint would not come back as it was.
    """
    from safetensors.numpy import save as serialize

    tensors = {name: _plain_array(name, array) for name, array in checkpoint.tensors.items()}
    if not tensors:
        raise ValueError("it holds no tensors")
    if "__metadata__" in tensors:
        raise ValueError('a tensor is named "__metadata__", a name that the format needs itself')
    record = {
        "digest": UNSEALED,
        "format": FORMAT,
        "meta": _plain_json(checkpoint.meta),
        "sha256": {name: _tensor_digest(array) for name, array in tensors.items()},
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    data = serialize(tensors, metadata={ENTRY: text})
    end = 8 + int.from_bytes(data[:8], "little")
    if end > MAX_HEADER:
        raise ValueError(f"names and meta need {end:,} bytes, and {MAX_HEADER:,} is the limit")
    header = data[:end]
    sealed = _exchange_digest(header, UNSEALED, hashlib.sha256(header).hexdigest())
    return sealed, memoryview(data)[end:]


def decode(data: bytes, name: str) -> Checkpoint:
    """The checkpoint in the bytes of a file, once every digest is right; `name` is for messages.

    Raises CheckpointError for whatever else the bytes may be.
    """
    try:
        header, end = _parse_header(data)
        record = _find_record(header, name)
        _check_header(data[:end], record)
        tensors = _read_tensors(data, header, end)
        _check_tensors(tensors, record["sha256"])
    except (ValueError, RecursionError) as cause:
        raise CheckpointError(
            f"{name} is damaged or not a checkpoint: {cause}. "
            "Use an older checkpoint of the run, or copy this one again from where it came from"
        ) from cause
    return Checkpoint(tensors, record["meta"])


# --- writing ---------------------------------------------------------------------------------


def _plain_array(name: str, array: np.ndarray) -> np.ndarray:
    """The array dense, in C order and in this machine's byte order, as safetensors takes it."""
    array = np.asarray(array)
    if array.dtype.name not in DTYPES:
        known = ", ".join(DTYPES)
        raise ValueError(f'tensor "{name}" is {array.dtype}, and a checkpoint holds {known}')
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _plain_json(meta: Mapping[str, Any]) -> dict[str, Any]:
    """`meta`, if JSON gives it back as it is: no tuples, no NaN, no keys other than strings."""
    try:
        back = json.loads(json.dumps(dict(meta), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as cause:
        raise ValueError(f"its meta cannot be written as JSON ({cause})") from cause
    for key, value in meta.items():
        if key not in back or back[key] != value:
            raise ValueError(f"JSON would change meta[{key!r}]: no tuples, and strings as keys")
    return back


def _tensor_digest(array: np.ndarray) -> str:
    """SHA-256 over dtype, shape and bytes: 'float32 [2, 3]', a newline, the payload."""
    digest = hashlib.sha256(f"{array.dtype.name} {list(array.shape)}\n".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _exchange_digest(header: bytes, old: str, new: str) -> bytes:
    """The header with its own digest exchanged: the record's first entry, keys being sorted."""
    mark = b'\\"digest\\":\\"%s\\"'
    return header.replace(mark % old.encode(), mark % new.encode(), 1)


# --- reading: every helper raises ValueError with a reason -----------------------------------


def _strict_json(data: str) -> dict[str, Any]:
    """A JSON object, without the loopholes of Python's parser: repeated keys, NaN, Infinity."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice in its header")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(f"its header holds {constant}, which is not JSON")

    parsed = json.loads(data, object_pairs_hook=unique, parse_constant=refuse)
    if not isinstance(parsed, dict):
        raise ValueError("its header is not a JSON object")
    return parsed


def _parse_header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header as JSON and the offset at which the payload begins."""
    if len(data) < 8:
        raise ValueError(f"it ends after {len(data)} bytes")
    end = 8 + int.from_bytes(data[:8], "little")
    if end > MAX_HEADER or data[8:9] not in (b"{", b""):
        raise ValueError("it does not begin as a safetensors file does")
    if end > len(data):
        raise ValueError(
            f"it is incomplete, {len(data):,} bytes where the header alone has {end:,}"
        )
    return _strict_json(data[8:end].decode("utf-8")), end


def _find_record(header: dict[str, Any], name: str) -> dict[str, Any]:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get(ENTRY), str):
        raise CheckpointError(
            f'{name} is a safetensors file, but its metadata has no entry "{ENTRY}": Rinzler did '
            "not write it. For its tensors alone call safetensors.numpy.load_file"
        )
    record = _strict_json(metadata[ENTRY])
    if record.get("format") != FORMAT:
        raise CheckpointError(
            f"{name} has the format {record.get('format')!r}, and this Rinzler reads {FORMAT!r}. "
            "If it comes from a newer Rinzler: pip install --upgrade rinzler"
        )
    if set(record) != {"digest", "format", "meta", "sha256"}:
        raise ValueError(f"its record has the entries {', '.join(sorted(record))}")
    if not all(isinstance(record[key], dict) for key in ("meta", "sha256")):
        raise ValueError("meta and sha256 in its record must be JSON objects")
    return record


def _check_header(header: bytes, record: dict[str, Any]) -> None:
    unsealed = _exchange_digest(header, str(record["digest"]), UNSEALED)
    if hashlib.sha256(unsealed).hexdigest() != record["digest"]:
        raise ValueError("its header does not match its digest")


def _read_tensors(data: bytes, header: dict[str, Any], end: int) -> dict[str, np.ndarray]:
    from safetensors.numpy import load as deserialize

    try:
        size = end + max(entry["data_offsets"][1] for entry in header.values())
        # A file cut short deserves a message that says so; the library judges everything else.
        if len(data) >= size:
            return deserialize(data)
    except Exception as cause:  # the bytes may be hostile, and the parser is not ours
        raise ValueError(f"its tensors cannot be read ({cause})") from cause
    raise ValueError(f"it is incomplete, {len(data):,} of {size:,} bytes")


def _check_tensors(tensors: dict[str, np.ndarray], digests: dict[str, Any]) -> None:
    for name in sorted(set(tensors) | set(digests)):
        if name not in tensors or _tensor_digest(tensors[name]) != digests.get(name):
            raise ValueError(f'tensor "{name}" does not match its digest')
