"""Every way to damage a file a little, tried one by one; and what is not damaged comes back.

A bit that flips, a file that ends early, two files in one: each is tried at every place of a file
of 32 kB and must be refused. What is saved, loaded and saved again must be the same bytes.
Leaves out: files made to do harm (`test_fuzz.py`). Read next: `crash/damage.py`.
"""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from damage import SIZE, Decode, accepted, equal, flips_missed, whole
from scripts import result

from rinzler.checkpoint import Checkpoint, format, raw, text
from rinzler.config import TrainConfig
from rinzler.data import ByteTokenizer, split
from rinzler.errors import CheckpointError, RinzlerError
from rinzler.gpt import GPT, GPTConfig
from rinzler.tokenizer import tokenizer_from_json
from rinzler.trainer import Trainer

PARTS = 2
ROOM = 64 << 20  # bytes that a loader may need besides twice the file
Count = Callable[..., None]


def in_parts(count: Count, what: str, *words: int) -> None:
    """What `damage.py` tries, in processes side by side; it has to miss nothing."""

    def one(part: int) -> dict[str, Any]:
        found: dict[str, Any] = result("damage", what, part, PARTS, *words)
        return found

    with ThreadPoolExecutor(PARTS) as pool:
        for found in pool.map(one, range(PARTS)):
            assert found["missed"] == []
            count(found["tried"])


@pytest.mark.promise("a single bit that flips in a checkpoint is noticed", at_least=8 * SIZE)
def test_every_bit_of_a_file(count: Count) -> None:
    in_parts(count, "flips")


def without_digests(data: bytes, name: str) -> Checkpoint:
    """A loader with a bug: it believes what it reads, as most do."""
    with format.refusing(name):
        return Checkpoint({}, format.parse(data, name).record)


def test_a_loader_without_digests_would_be_caught() -> None:
    data = bytearray(whole(size=8192))
    missed = flips_missed(data, without_digests, lambda: None)
    assert len(missed) > 4_000  # of 65,536: the payload, and letters in the header


@pytest.mark.promise("a checkpoint cut short at any byte is refused", at_least=SIZE)
def test_every_length_of_a_file(count: Count) -> None:
    data = whole()
    for size in range(len(data)):
        assert not accepted(data[:size]), size
        count()


@pytest.mark.promise("two checkpoints spliced into one file are refused", at_least=60_000)
def test_every_splice_of_two_files(count: Count) -> None:
    in_parts(count, "splices")


@pytest.mark.promise("the JSON and raw forms notice damage, or it changed nothing", at_least=11_000)
def test_every_bit_and_every_length_of_the_other_forms(count: Count) -> None:
    rng = np.random.default_rng(3)
    tensors = {"x": rng.standard_normal((3, 4)).astype("f4"), "größe": np.arange(3)}
    given = Checkpoint(tensors, {"step": 3, "note": "naïve", "lr": 1e-3})
    sidecar, chunks = raw.encode(given)
    payload = b"".join(chunks)
    forms: list[tuple[bytes, Decode]] = [
        (b"".join(text.encode(given)), text.decode),
        (sidecar, lambda data, name: raw.decode(data, payload, name)),
        (payload, partial(raw.decode, sidecar)),
    ]
    for data, decode in forms:
        assert accepted(data, decode)
        shorter = [data[:size] for size in range(len(data.rstrip()))]
        assert not any(accepted(each, decode) for each in shorter)
        count(len(shorter))
        changed = bytearray(data)
        for position, bit in flips_missed(changed, decode, count):
            changed[position] ^= 1 << bit  # 1e-05 and 1E-05 are one number, say
            assert equal(decode(bytes(changed), "x"), given), (position, bit)
            changed[position] ^= 1 << bit


# --- what is not damaged comes back ---------------------------------------------------------------


@pytest.mark.promise(
    "save, load, save gives the same bytes, in every form", at_least=100_000, long=1_000_000
)
def test_states_come_back(count: Count, long: bool) -> None:
    in_parts(count, "states", (1_000_000 if long else 100_000) // PARTS)


# --- what a file may cost -------------------------------------------------------------------------


RECORD = '{"digest":"0","format":"rinzler-checkpoint-1","sha256":{},"meta":META}'


def padded(header: str) -> bytes:
    encoded = header.encode() + b" " * (-len(header.encode()) % 8)
    return len(encoded).to_bytes(8, "little") + encoded


def wrapped(meta: str, **more: Any) -> bytes:
    """A safetensors file whose record has this for meta."""
    record = RECORD.replace("META", meta)
    return padded(json.dumps({"__metadata__": {"rinzler": record}} | more))


def json_form(values: str, dtype: str, size: int) -> bytes:
    head = '{"format": "rinzler-checkpoint-json-1", "digest": "0", "meta": {}, "tensors": {"x": '
    place = f'{{"dtype": "{dtype}", "shape": [{size}], "sha256": "0", "values": [{values}]}}'
    return f"{head}{place}}}}}".encode()


MANY = 130_000
LIST = 1 << 20
NOTHING = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
LARGE = Checkpoint({"x": np.zeros(10 << 18, np.float32)}, {})
SAFETENSORS = {
    "empty lists": wrapped("[" + "[]," * MANY + "0]"),
    "small objects": wrapped("[" + '{"a":0},' * (MANY // 2) + "0]"),
    "short texts": wrapped("[" + '"ab",' * (2 * MANY) + "0]"),
    "wide letters": wrapped('{"a":"' + "\U0001f600" * 300_000 + '"}'),
    "more than may be": wrapped("[" + "[]," * (5 * MANY) + "0]"),
    "a header of nothing": padded("{" + " " * (3 << 20) + "}"),
    "tensors of nothing": wrapped("{}", **{str(n): NOTHING for n in range(30_000)}),
    "a large tensor": b"".join(format.encode(LARGE)),
}
TEXT = {
    "floats": json_form("0.0," * LIST + "0.0", "float64", LIST + 1),
    "whole numbers": json_form("0," * LIST + "0", "int64", LIST + 1),
    "lists": json_form("[]," * LIST + "0", "int64", LIST + 1),
    "nans": json_form('"nan:7fc00000",' * (LIST >> 3) + "0.0", "float32", (LIST >> 3) + 1),
    "a number without end": json_form("0" * LIST, "uint8", LIST),
    "a size that is a lie": json_form("0.0", "float64", 1 << 40),
    "a long name": b'{"tensors": {"' + b"a" * (30 << 20) + b'": {}}}',
    "a large meta": b'{"meta": [' + b"[]," * (8 * LIST) + b"0]}",
}
RAW = b'{"format": "rinzler-checkpoint-raw-1", "tensors": [' + b"{}," * 99_000 + b"0]}"


def cost(call: Callable[[], Any]) -> int:
    """The most bytes that Python and numpy had at a time in a call that may be refused."""
    tracemalloc.start()
    try:
        call()
    except RinzlerError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@pytest.mark.promise(
    "a file needs no more memory than twice its size and 64 MB, whatever it is", at_least=19
)
def test_what_a_file_may_cost(count: Count) -> None:
    dear: list[tuple[str, Decode, bytes]] = [
        *((name, format.decode, data) for name, data in SAFETENSORS.items()),
        *((name, text.decode, data) for name, data in TEXT.items()),
        ("a list of tensors", lambda data, name: raw.decode(data, b"", name), RAW),
    ]
    for name, decode, data in dear:
        peak = cost(partial(decode, data, "x"))
        allowed = len(data) + ROOM  # the file itself was read before, and is the other half
        assert peak <= allowed, (name, peak, len(data))
        count()
    double = {"kind": "bpe", "merges": [[97, 97]] + [[n, n] for n in range(257, 300)]}
    many = {"kind": "bpe", "merges": [[1, n % 256] for n in range(100_000)]}
    for record in (double, many):
        assert cost(partial(tokenizer_from_json, record)) <= ROOM
        count()


def test_a_parser_that_believes_everything_would_be_caught() -> None:
    data = b"[" + b"[]," * LIST + b"0]"
    assert cost(lambda: json.loads(data)) > len(data) + ROOM


# --- nothing is half done -------------------------------------------------------------------------

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=8, layers=1, heads=2)


def trainer(shape: GPTConfig = SHAPE, **settings: Any) -> Trainer:
    data = split(
        [("verse", "the quick brown fox jumps over the lazy dog\n" * 20)], 0.2, ByteTokenizer()
    )
    config = TrainConfig(steps=9, batch_size=2, **settings)
    return Trainer(GPT(shape, seed=1), ByteTokenizer(), data, config)


def spoilt(saved: Checkpoint, rng: random.Random) -> Checkpoint:
    """A checkpoint that is whole, and of another run or of none."""
    tensors, meta = dict(saved.tensors), dict(saved.meta)
    name = rng.choice(sorted(tensors))
    kind = rng.randrange(7)
    if kind == 0:
        del tensors[name]
    elif kind == 1:
        tensors[name] = np.zeros((*tensors[name].shape, 2), np.float32)
    elif kind == 2:
        tensors[name] = tensors[name].astype(np.float64)
    elif kind == 3:
        tensors[f"{name}.more"] = tensors[name]
    elif kind == 4:
        tensors[name[::-1]] = tensors.pop(name)
    elif kind == 5:
        meta["best"] = rng.choice(
            ([1], "ab", 5, [1, "x"], [None, None], {"a": 1}, [1.5, 2.0], [-1, 2.0])
        )
    else:
        meta["step"] = rng.choice((-1, "5", None, 2.5, [3], True, 2**70))
    return Checkpoint(tensors, meta)


@pytest.mark.promise("a checkpoint that does not fit leaves the run as it was", at_least=2_000)
def test_a_refused_checkpoint_changes_nothing(count: Count) -> None:
    rng = random.Random(6)
    run = trainer()
    run.step()
    run.judge(1, 5.0)
    before = b"".join(format.encode(run.snapshot()))
    other = trainer()
    for _ in range(3):
        other.step()
    good = other.snapshot()
    for _ in range(2_000):
        with pytest.raises(CheckpointError):
            run.restore(spoilt(good, rng))
        count()
    assert b"".join(format.encode(run.snapshot())) == before
    run.restore(good)
    assert b"".join(format.encode(run.snapshot())) == b"".join(format.encode(good))
