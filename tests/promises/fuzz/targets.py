"""What is fuzzed: each loader, with files to start from, and what counts as an answer.

A loader may refuse, with its own error and with no other. Or it may accept; then somebody else has
to read the same out of the same bytes: the safetensors library, or a few lines of `json` and
`struct`-like slicing here that share nothing with the loader. Anything else is a `Violation`.
The `-structure` targets leave the digests out, so that what stands behind them is reached too; the
others put digests right again after most changes, as somebody who means harm would.
Read next: `worker.py`.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mutate
import numpy as np

from rinzler.checkpoint import format, raw, text
from rinzler.checkpoint.content import Checkpoint, digest_of
from rinzler.checkpoint.spans import views
from rinzler.config import GPTConfig
from rinzler.errors import CheckpointError, DataError
from rinzler.restore import described
from rinzler.tokenizer import BPETokenizer, cache, tokenizer_from_json

MOST = 8192  # bytes of an input
UNSEALED = b"0" * 64
STRUCTURAL = (CheckpointError, ValueError, RecursionError)  # `refusing` makes one of all of them
NUMPY = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "|u1"}
Tensors = dict[str, np.ndarray]


class Violation(Exception):
    """A loader did what it must not do."""


@dataclass(frozen=True)
class Target:
    seeds: list[bytes]
    mutate: Callable[[bytes, random.Random], bytes]
    accepts: Callable[[bytes], bool]  # False: refused, as it should be. Raises anything else


def _checkpoints() -> list[Checkpoint]:
    rng = np.random.default_rng(5)
    odd = np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32).view(np.float32)
    tokenizer = {"kind": "bpe", "merges": [[116, 104], [257, 101]]}
    meta = {
        "step": 5,
        "tokenizer": tokenizer,
        "dtype": "float32",
        "note": "naïve \ud800",
        "a": 1e-3,
    }
    every: Tensors = {name: np.ones((2, 1), name) for name in NUMPY_NAMES}
    return [
        Checkpoint({"x": np.array([1.5, 2.0], np.float32)}, {}),
        Checkpoint({"wte.weight": rng.standard_normal((3, 2)), "odd": odd}, meta),
        Checkpoint(
            every | {"größe\x1f": np.array(2.5), "none": np.zeros((0, 4), "f4")}, {"step": 1}
        ),
    ]


NUMPY_NAMES = ("float16", "float32", "float64", "int32", "int64", "uint8")


def same(got: Tensors, expected: Tensors, where: str) -> None:
    """Raises Violation unless both have the same names, dtypes, shapes and bits."""
    if set(got) != set(expected):
        raise Violation(f"{where}: {sorted(got)} instead of {sorted(expected)}")
    for name, array in expected.items():
        mine = got[name]
        if (mine.dtype, mine.shape, mine.tobytes()) != (array.dtype, array.shape, array.tobytes()):
            raise Violation(f"{where}: tensor {name!r} differs")


def proved(stated: Any, found: Any, where: str) -> None:
    """Raises Violation unless the digests of an accepted file are right."""
    if stated != found:
        raise Violation(f"{where}: a digest is wrong, and the file was accepted")


# --- safetensors ----------------------------------------------------------------------------------


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]


def _joined(header: str, payload: bytes, seal: bool) -> bytes:
    encoded = header.encode("utf-8", "surrogatepass")
    encoded += b" " * (-len(encoded) % 8)
    encoded = len(encoded).to_bytes(8, "little") + encoded
    if seal:
        digest = hashlib.sha256(encoded).hexdigest().encode()
        encoded = encoded.replace(UNSEALED, digest, 1)
    return encoded + payload


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    header, payload = _split(data)
    kind = rng.random()
    if kind < 0.2:
        return mutate.bytes_of(data, SEEDS["safetensors"], rng)
    try:
        parsed = json.loads(header)
        record = json.loads(parsed["__metadata__"]["rinzler"])
        record["digest"] = format.UNSEALED
        if kind < 0.6:
            parsed = mutate.tree(parsed, rng)
        if kind > 0.5:
            record = mutate.tree(record, rng)
        if kind < 0.55 and isinstance(record, dict):
            record["sha256"] = _digests(parsed, payload)
        inner = json.dumps(record, separators=(",", ":"))
        if kind > 0.9:
            inner = (mutate.text_of if kind > 0.97 else mutate.member_of)(inner, rng)
        parsed["__metadata__"]["rinzler"] = inner
        outer = json.dumps(parsed, ensure_ascii=rng.random() < 0.5)
    except mutate.BEYOND:
        outer = header.decode("utf-8", "replace")
    if 0.75 < kind < 0.9:
        outer = (mutate.text_of if kind > 0.85 else mutate.member_of)(outer, rng)
    if rng.random() < 0.1:
        payload = mutate.bytes_of(payload, SEEDS["safetensors"], rng)
    return _joined(outer, payload, seal=rng.random() < 0.95)


def _digests(header: dict[str, Any], payload: bytes) -> dict[str, str]:
    """What the digests of the tensors would have to be."""
    made = {}
    for name, place in header.items():
        if name != "__metadata__":
            begin, end = place["data_offsets"]
            kind = np.dtype(NUMPY[place["dtype"]]).name
            text = f"{kind} {place['shape']}\n".encode()
            made[name] = hashlib.sha256(text + payload[begin:end]).hexdigest()
    return made


def accepts_safetensors(data: bytes) -> bool:
    try:
        found = format.decode(data, "x")
    except CheckpointError:
        return False
    same(dict(found.tensors), _by_library(data), "safetensors")
    header, payload = _split(data)
    parsed = json.loads(header)
    record = json.loads(parsed["__metadata__"]["rinzler"])
    proved(record["sha256"], _digests(parsed, payload), "safetensors")
    unsealed = data[: len(data) - len(payload)].replace(record["digest"].encode(), UNSEALED, 1)
    proved(record["digest"], hashlib.sha256(unsealed).hexdigest(), "safetensors header")
    again = format.decode(b"".join(format.encode(found)), "x")
    same(dict(again.tensors), dict(found.tensors), "safetensors, written again")
    if again.meta != found.meta:
        raise Violation(f"meta changes: {found.meta!r}")
    return True


def accepts_safetensors_structure(data: bytes) -> bool:
    try:
        parsed = format.parse(data, "x")
    except STRUCTURAL:
        return False
    same(views(memoryview(data)[parsed.end :], parsed.spans), _by_library(data), "structure")
    return True


def _by_library(data: bytes) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise Violation(f"the safetensors library refuses this: {error}") from error


# --- raw: four bytes of length, the sidecar, the arrays -------------------------------------------


def _pair(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(data[:4], "little")
    return data[4:end], data[end:]


def _paired(sidecar: bytes, payload: bytes) -> bytes:
    return len(sidecar).to_bytes(4, "little") + sidecar + payload


def mutate_raw(data: bytes, rng: random.Random) -> bytes:
    sidecar, payload = _pair(data)
    kind = rng.random()
    if kind < 0.15:
        return _paired(mutate.bytes_of(sidecar, SEEDS["json"], rng), payload)
    if kind < 0.3:
        return _paired(sidecar, mutate.bytes_of(payload, SEEDS["raw"], rng))
    changed = mutate.json_text(sidecar.decode("utf-8", "replace"), rng)
    if kind < 0.9:
        changed = _resealed(changed, lambda record: _raw_digests(record, payload))
    return _paired(changed.encode("utf-8", "surrogatepass"), payload)


def _resealed(changed: str, mend: Callable[[dict[str, Any]], None]) -> str:
    try:
        record = json.loads(changed)
        mend(record)
        record["digest"] = _seal(_without_values(record))
        return json.dumps(record)
    except mutate.BEYOND:
        return changed


def _seal(record: dict[str, Any]) -> str:
    plain = {key: value for key, value in record.items() if key != "digest"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _without_values(record: dict[str, Any]) -> dict[str, Any]:
    """The record of the JSON form as it is sealed; that of the raw form has no values anyway."""
    if not isinstance(record["tensors"], dict):
        return record
    plain = {
        name: {key: value for key, value in place.items() if key != "values"}
        for name, place in record["tensors"].items()
    }
    return record | {"tensors": plain}


def _raw_digests(record: dict[str, Any], payload: bytes) -> None:
    for place in record["tensors"]:
        piece = payload[place["offset"] : place["offset"] + place["bytes"]]
        head = f"{place['dtype']} {place['shape']}\n".encode()
        place["sha256"] = hashlib.sha256(head + piece).hexdigest()


def accepts_raw(data: bytes) -> bool:
    sidecar, payload = _pair(data)
    try:
        found = raw.decode(sidecar, payload, "x")
    except CheckpointError:
        return False
    same(dict(found.tensors), _by_slices(sidecar, payload), "raw")
    record = json.loads(sidecar)
    given = json.loads(sidecar)
    _raw_digests(given, payload)
    proved(record["tensors"], given["tensors"], "raw")
    proved(record["digest"], _seal(record), "the description")
    return True


def accepts_raw_structure(data: bytes) -> bool:
    sidecar, payload = _pair(data)
    try:
        _, spans = raw.parse(sidecar, len(payload), "x")
    except STRUCTURAL:
        return False
    same(views(memoryview(payload), spans), _by_slices(sidecar, payload), "raw structure")
    return True


def _by_slices(sidecar: bytes, payload: bytes) -> Tensors:
    """What a program in another language would do, and whether the spans cover the payload."""
    made: Tensors = {}
    covered = 0
    for place in json.loads(sidecar)["tensors"]:
        piece = payload[place["offset"] : place["offset"] + place["bytes"]]
        made[place["name"]] = np.frombuffer(piece, place["dtype"]).reshape(place["shape"])
        covered += len(piece)
    if covered != len(payload):
        raise Violation(f"{covered} of {len(payload)} bytes are covered")
    return made


# --- JSON -----------------------------------------------------------------------------------------


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.15:
        return mutate.bytes_of(data, SEEDS["json"], rng)
    changed = mutate.json_text(data.decode("utf-8", "replace"), rng)
    if kind < 0.9:
        changed = _resealed(changed, _json_digests)
    return changed.encode("utf-8", "surrogatepass")


def _json_digests(record: dict[str, Any]) -> None:
    for place in record["tensors"].values():
        place["sha256"] = digest_of(_array(place))


def _array(place: dict[str, Any]) -> np.ndarray:
    """The values of a tensor, one by one."""
    dtype = np.dtype(place["dtype"])
    made = np.empty(len(place["values"]), dtype)
    for index, value in enumerate(place["values"]):
        if isinstance(value, str) and value.startswith("nan:"):
            made.view(f"u{dtype.itemsize}")[index] = int(value[4:], 16)
        else:
            with np.errstate(over="ignore"):
                made[index] = float(value) if dtype.kind == "f" else value
    return made.reshape(place["shape"])


def accepts_json(data: bytes) -> bool:
    try:
        found = text.decode(data, "x")
    except CheckpointError:
        return False
    _same_json(data, dict(found.tensors))
    record = json.loads(data)
    for name, place in record["tensors"].items():
        proved(place["sha256"], digest_of(found.tensors[name]), "JSON")
    proved(record["digest"], _seal(_without_values(record)), "the JSON's description")
    again = text.decode(b"".join(text.encode(found)), "x")
    same(dict(again.tensors), dict(found.tensors), "JSON, written again")
    return True


def accepts_json_structure(data: bytes) -> bool:
    try:
        _, tensors = text.parse(data, "x")
    except STRUCTURAL:
        return False
    _same_json(data, tensors)
    return True


def _same_json(data: bytes, tensors: Tensors) -> None:
    record = json.loads(data)
    expected = {name: _array(place) for name, place in record["tensors"].items()}
    same(tensors, expected, "JSON")
    for place in record["tensors"].values():
        for value in place["values"]:
            if isinstance(value, bool | list | dict) or value is None:
                raise Violation(f"a value is {value!r}")


# --- tokenizers -----------------------------------------------------------------------------------


def mutate_plain_json(data: bytes, rng: random.Random) -> bytes:
    changed = mutate.json_text(data.decode("utf-8", "replace"), rng)
    return changed.encode("utf-8", "surrogatepass")


def accepts_tokenizer(data: bytes) -> bool:
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return _tokenizer(record) is not None


def _tokenizer(record: Any) -> Any:
    try:
        found = tokenizer_from_json(record)
    except DataError:
        return None
    if found.to_json() != record:
        raise Violation(f"{record!r} became {found.to_json()!r}")
    if isinstance(found, BPETokenizer) and len(found.merges) < 16:
        _check_merges(found)
    return found


def _check_merges(tokenizer: BPETokenizer) -> None:
    """Each token is what its two parts are, down to single bytes."""
    made = [bytes((byte,)) for byte in range(256)] + [b""]
    for left, right in tokenizer.merges:
        made.append(made[left] + made[right])
    if [tokenizer.token_bytes(number) for number in range(tokenizer.vocab_size)] != made:
        raise Violation(f"{tokenizer.merges} makes other tokens")


class InMemory:
    """As much of a Path as the cache reads."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_bytes(self) -> bytes:
        return self.data


def mutate_cache(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return mutate.bytes_of(data, SEEDS["cache"], rng)
    body = mutate_plain_json(data.partition(b"\n")[2], rng)
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def accepts_cache(data: bytes) -> bool:
    found = cache.read(InMemory(data))  # type: ignore[arg-type]
    if found is None:
        return False
    if found.to_json() != json.loads(data.partition(b"\n")[2]):
        raise Violation("the cache gave another tokenizer")
    return True


def accepts_described(data: bytes) -> bool:
    """The meta of a checkpoint, as a model and a tokenizer are made from it."""
    try:
        meta = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(meta, dict):
        return False
    try:
        config, _, _ = described(Checkpoint({"weights": WEIGHTS}, meta))
    except (CheckpointError, DataError):
        return False
    if config.parameters != WEIGHTS.size:
        raise Violation(f"a model of {config.parameters} numbers would be made")
    return True


def _json_seeds(records: Iterable[Any]) -> list[bytes]:
    return [json.dumps(record).encode() for record in records]


def _raw_seed(checkpoint: Checkpoint) -> bytes:
    sidecar, chunks = raw.encode(checkpoint)
    return _paired(sidecar, b"".join(chunks))


TOKENIZERS = [
    {"kind": "bytes"},
    {"kind": "bpe", "merges": []},
    {"kind": "bpe", "merges": [[116, 104], [257, 101], [257, 258], [258, 258]]},
]
MODEL = {"vocab_size": 300, "context": 8, "d_model": 8, "layers": 1, "heads": 2, "dropout": 0.0}
WEIGHTS = np.zeros(GPTConfig(**MODEL).parameters, np.float32)  # as many as MODEL has
METAS = [{"model": MODEL, "tokenizer": each, "dtype": "float32", "step": 3} for each in TOKENIZERS]
FILES = _json_seeds(TOKENIZERS)
SEEDS = {
    "safetensors": [b"".join(format.encode(each)) for each in _checkpoints()],
    "json": [b"".join(text.encode(each)) for each in _checkpoints()],
    "raw": [_raw_seed(each) for each in _checkpoints()],
    "tokenizer": FILES,
    "cache": [hashlib.sha256(body).hexdigest().encode() + b"\n" + body for body in FILES],
    "described": _json_seeds(METAS),
}
TARGETS = {
    "safetensors": Target(SEEDS["safetensors"], mutate_safetensors, accepts_safetensors),
    "safetensors-structure": Target(
        SEEDS["safetensors"], mutate_safetensors, accepts_safetensors_structure
    ),
    "json": Target(SEEDS["json"], mutate_json, accepts_json),
    "json-structure": Target(SEEDS["json"], mutate_json, accepts_json_structure),
    "raw": Target(SEEDS["raw"], mutate_raw, accepts_raw),
    "raw-structure": Target(SEEDS["raw"], mutate_raw, accepts_raw_structure),
    "tokenizer": Target(SEEDS["tokenizer"], mutate_plain_json, accepts_tokenizer),
    "cache": Target(SEEDS["cache"], mutate_cache, accepts_cache),
    "described": Target(SEEDS["described"], mutate_plain_json, accepts_described),
}
