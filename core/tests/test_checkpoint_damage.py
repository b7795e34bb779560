"""No damaged, cut, spliced or hostile file is ever taken for a checkpoint."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import numpy as np
import pytest

from rinzler.checkpoint.format import MAX_HEADER, UNSEALED, Checkpoint, decode, encode
from rinzler.errors import CheckpointError


def whole(seed: int = 0) -> bytes:
    """A checkpoint of about 4 kB, with every kind of thing in it that a bit can hit."""
    rng = np.random.default_rng(seed)
    tensors = {
        "wte.weight": rng.standard_normal((25, 16)).astype(np.float32),
        "optimizer.m": rng.standard_normal(200),
        "größe\x1f": np.arange(33, dtype=np.int32),
        "scale": np.float32(0.5),
        "none": np.zeros((0, 4), np.float32),
    }
    meta = {"step": 500, "note": "naïve \x1f \ud800 …", "config": {"lr": 1e-3, "tied": True}}
    return b"".join(encode(Checkpoint(tensors, meta)))


def refuse(data: bytes) -> str:
    """The message with which the bytes are refused; any other outcome fails the test."""
    with pytest.raises(CheckpointError) as caught:
        decode(data, "run/step-000500.safetensors")
    text = str(caught.value)
    assert text.startswith("run/step-000500.safetensors ")
    return text


def accepted(data: bytes) -> bool:
    """Like `refuse`, without the cost of pytest.raises: for tens of thousands of inputs."""
    try:
        decode(data, "x")
    except CheckpointError:
        return False
    return True


def test_every_single_bit_flip_is_refused() -> None:
    data = bytearray(whole())
    assert 4000 < len(data) < 8000
    assert accepted(bytes(data))
    missed = []
    for position in range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            if accepted(bytes(data)):
                missed.append((position, bit))
            data[position] ^= 1 << bit
    assert missed == []


def test_a_cut_at_every_byte_is_refused() -> None:
    data = whole()
    assert [size for size in range(len(data)) if accepted(data[:size])] == []
    assert "it ends after 7 bytes" in refuse(data[:7])
    assert f"it is incomplete, {len(data) - 1:,} of {len(data):,} bytes" in refuse(data[:-1])
    end = 8 + int.from_bytes(data[:8], "little")
    assert f"the header alone has {end:,}" in refuse(data[:100])


def test_added_bytes_are_refused() -> None:
    data = whole()
    assert "it is incomplete or too long" in refuse(data + b"\0")
    assert "it is incomplete or too long" in refuse(data + data)


def test_two_files_cannot_be_spliced() -> None:
    one, other = whole(1), whole(2)
    end = 8 + int.from_bytes(one[:8], "little")
    assert len(one) == len(other)
    assert 'tensor "' in refuse(one[:end] + other[end:])
    spliced = [one[:at] + other[at:] for at in range(1, len(one))]
    assert [data for data in spliced if data not in (one, other) and accepted(data)] == []


def test_the_message_says_what_to_do() -> None:
    data = bytearray(whole())
    data[-1] ^= 1
    assert refuse(bytes(data)) == (
        "run/step-000500.safetensors is damaged or not a checkpoint: "
        'tensor "größe\x1f" does not match its digest. '
        "Use an older checkpoint of the run, or copy this one again from where it came from"
    )


# --- hostile files: every digest is right, and the content is not ----------------------------


def entry(shape: object, begin: object, end: object, dtype: object = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def sealed(header: str | dict[str, Any], payload: bytes = b"") -> bytes:
    """A file with the header's digest put right."""
    text = header if isinstance(header, str) else json.dumps(header)
    raw = text.encode()
    raw += b" " * (-len(raw) % 8)
    raw = len(raw).to_bytes(8, "little") + raw
    digest = hashlib.sha256(raw).hexdigest().encode()
    return raw.replace(UNSEALED.encode(), digest, 1) + payload


def record(**changes: object) -> str:
    base = {
        "digest": UNSEALED,
        "format": "rinzler-checkpoint-1",
        "meta": {},
        "sha256": {"x": hashlib.sha256(b"float32 [2]\n12345678").hexdigest()},
    }
    kept = {key: value for key, value in (base | changes).items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def file_with(record_text: object = None, **tensors: object) -> bytes:
    text = record() if record_text is None else record_text
    content = tensors or {"x": entry([2], 0, 8)}
    return sealed({"__metadata__": {"rinzler": text}, **content}, b"12345678")


def test_the_hostile_files_start_from_a_good_one() -> None:
    assert decode(file_with(), "x").tensors["x"].tobytes() == b"12345678"


DIGEST = f'{{"digest":"{UNSEALED}","format":"rinzler-checkpoint-1","sha256":{{}},"meta":'
HOSTILE = {
    "overlap": (
        file_with(x=entry([2], 0, 8), y=entry([1], 4, 8)),
        "overlaps another, or bytes before it are lost",
    ),
    "hole": (file_with(x=entry([1], 4, 8)), "overlaps another, or bytes before it are lost"),
    "not covered": (
        file_with(x=entry([1], 0, 4)),
        "incomplete or too long, 8 bytes of tensors, not 4",
    ),
    "past the end": (file_with(x=entry([4], 0, 16)), "is incomplete"),
    "far past the end": (file_with(x=entry([2**61], 0, 2**63)), "is larger than any memory"),
    "huge product": (file_with(x=entry([2**32, 2**32, 2], 0, 8)), "is larger than any memory"),
    "huge and empty": (
        file_with(x=entry([2], 0, 8), y=entry([0, 2**60, 8], 8, 8)),
        "is larger than any memory",
    ),
    "negative size": (file_with(x=entry([-2], 0, 8)), "has a size that is none"),
    "fractional size": (file_with(x=entry([2.0], 0, 8)), "has a size that is none"),
    "backwards": (file_with(x=entry([2], 8, 0)), "has a place of another size"),
    "too many axes": (file_with(x=entry([1] * 70 + [2], 0, 8)), "has no shape of at most 32 axes"),
    "unknown dtype": (file_with(x=entry([2], 0, 8, "F33")), "has no dtype of F16, F32"),
    "dtype without numpy": (file_with(x=entry([4], 0, 8, "BF16")), "has no dtype of F16, F32"),
    "dtype a list": (file_with(x=entry([2], 0, 8, ["F32"])), "has no dtype of F16, F32"),
    "other dtype": (file_with(x=entry([2], 0, 8, "I32")), 'tensor "x" does not match'),
    "other shape": (file_with(x=entry([1, 2], 0, 8)), 'tensor "x" does not match'),
    "other name": (file_with(y=entry([2], 0, 8)), 'tensor "x" does not match'),
    "extra tensor": (file_with(x=entry([2], 0, 8), y=entry([0], 8, 8)), 'tensor "y" does not'),
    "size true": (file_with(x=entry([True, 2], 0, 8)), "has a size that is none"),
    "offset true": (file_with(x=entry([2], False, 8)), "has no place that could be one"),
    "before the start": (file_with(x=entry([2], -8, 0)), "has no place that could be one"),
    "unaligned": (
        file_with(a=entry([1], 0, 1, "U8"), x=entry([1], 1, 5)),
        "begins where no float32",
    ),
    "one more entry": (file_with(x=entry([2], 0, 8) | {"more": 1}), "is not described by dtype"),
    "half a pair as a name": (file_with(**{"\ud800": entry([2], 0, 8)}), "surrogates not allowed"),
    "long name": (file_with(**{"x" * 1001: entry([2], 0, 8)}), "name has 1,001 characters"),
    "minus nothing": (file_with(DIGEST + '{"step":-0}}'), "holds -0, which is not a whole number"),
    "size of minus nothing": (
        sealed('{"x": {"dtype": "F32", "shape": [-0], "data_offsets": [0, 0]}}'),
        "holds -0, which is not a whole number",
    ),
    "beyond every float": (file_with(DIGEST + "1e999}"), "beyond every float"),
    "many values": (file_with(DIGEST + "[0" + ",0" * 400_000 + "]}"), "400,000 is the limit"),
    "not padded": ((3).to_bytes(8, "little") + b"{}\n", "does not begin as a checkpoint"),
    "no offsets": (
        file_with(x={"dtype": "F32", "shape": [2]}),
        "is not described by dtype, shape and data_offsets",
    ),
    "offsets a text": (file_with(x=entry([2], "0", "8")), "has no place that could be one"),
    "entry a number": (file_with(x=5), "is not described by dtype, shape"),
    "no tensors": (sealed({"__metadata__": {"rinzler": record()}}), "it holds no tensors"),
    "record a list": (file_with([1]), 'no entry "rinzler"'),
    "record of a list": (file_with("[1]"), "is not a JSON object"),
    "record cut": (file_with(record()[:-1]), "delimiter"),
    "record empty": (file_with(""), "Expecting value"),
    "metadata a list": (sealed({"__metadata__": [1]}), 'no entry "rinzler"'),
    "header a list": (sealed("[1]"), "does not begin as a checkpoint"),
    "header empty": ((0).to_bytes(8, "little"), "Expecting value"),
    "format a number": (file_with(record(format=1)), "has the format 1"),
    "format missing": (file_with(record(format=None)), "has the format None"),
    "meta missing": (file_with(record(meta=None)), "has the entries digest, format, sha256"),
    "meta a list": (file_with(record(meta=[])), "must be JSON objects"),
    "sha256 a text": (file_with(record(sha256="")), "must be JSON objects"),
    "sha256 of numbers": (file_with(record(sha256={"x": 1})), 'tensor "x" does not match'),
    "sha256 unknown": (file_with(record(sha256={})), 'tensor "x" does not match'),
    "digest missing": (file_with(record(digest=None)), "has the entries format, meta, sha256"),
    "digest a number": (file_with(record(digest=7)), "does not match its digest"),
    "digest half a pair": (file_with(record(digest="\ud800")), "surrogates not allowed"),
    "more entries": (file_with(record(more=1)), "has the entries digest, format, meta, more"),
    "NaN": (file_with(DIGEST + "NaN}"), "holds NaN"),
    "Infinity": (file_with(DIGEST + "-Infinity}"), "holds -Infinity"),
    "key twice": (file_with(DIGEST + '{"a":1,"a":2}}'), "a key stands twice"),
    "deep": (file_with(DIGEST + "[" * 200_000), "recursion"),
    "long number": (file_with(DIGEST + "1" * 5000 + "}"), "integer string conversion"),
    "tensor twice": (
        sealed('{"x":%s,"x":%s}' % ((json.dumps(entry([2], 0, 8)),) * 2), b"12345678"),
        "a key stands twice",
    ),
    "huge header": (
        (MAX_HEADER + 8).to_bytes(8, "little") + b"{}",
        "does not begin as a checkpoint",
    ),
    "endless header": (b"\xff" * 8 + b"{}", "does not begin as a checkpoint"),
    "not UTF-8": ((8).to_bytes(8, "little") + b"{" + b"\xff" * 7, "utf-8"),
    "a pickle": (b"\x80\x04\x95" + b"\x00" * 60 + b"R.", "does not begin as a checkpoint"),
    "empty": (b"", "it ends after 0 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str) -> None:
    data, words = HOSTILE[name]
    assert words in refuse(data)


def test_random_mutants_are_refused_or_harmless() -> None:
    """Mutations behind a valid digest: CheckpointError, or exactly what the bytes say."""
    rng = random.Random(11)
    base = file_with(x=entry([2], 0, 8))
    end = 8 + int.from_bytes(base[:8], "little")
    text = json.dumps({"__metadata__": {"rinzler": record()}, "x": entry([2], 0, 8)})
    pieces = ['"', "{", "}", "[", "]", ",", ":", "0", "9", "-", "e", "\\", " ", "null", '"x"']
    survivors = 0
    for _ in range(4000):
        mutant = text
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(mutant))
            mutant = mutant[:at] + rng.choice(pieces) + mutant[at + rng.randint(0, 3) :]
        try:
            survivor = decode(sealed(mutant, base[end:]), "x")
        except CheckpointError:
            continue
        survivors += 1
        assert survivor.tensors["x"].tobytes() == b"12345678"
        assert list(survivor.tensors) == ["x"]
    assert survivors < 400  # white space and unused entries, not more
