"""Files that are damaged a little, or not at all; and, as a script, one part of many such tries.

    python damage.py flips 0 2          every bit of the first half of a file
    python damage.py splices 1 2        two files in one, cut anywhere in the second half
    python damage.py states 0 2 1000    1,000 states of any content, written and read

Prints {"tried": how many, "missed": those that went wrong}.
Read next: `../test_checkpoint_bytes.py`.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rinzler.checkpoint import Checkpoint, format, raw, text
from rinzler.errors import CheckpointError

SIZE = 32 << 10  # bytes of the file
Decode = Callable[[bytes, str], Checkpoint]


def whole(seed: int = 0, size: int = SIZE) -> bytes:
    """A file of exactly so many bytes, with every kind of tensor in it."""
    rng = np.random.default_rng(seed)
    tensors = {
        "wte.weight": rng.standard_normal((25, 16)).astype(np.float32),
        "optimizer.m": rng.standard_normal(200),
        "größe\x1f": np.arange(33, dtype=np.int32),
        "scale": np.array(0.5, np.float32),
        "none": np.zeros((0, 4), np.float32),
        "fill": np.zeros(0, np.uint8),
    }
    meta = {"step": 500, "note": "naïve \x1f \ud800 …", "config": {"lr": 1e-3, "tied": True}}
    while True:
        data = b"".join(format.encode(Checkpoint(tensors, meta)))
        if len(data) == size:
            return data
        fill = len(tensors["fill"]) + size - len(data)
        tensors["fill"] = rng.integers(0, 256, fill, dtype=np.uint8)


def accepted(data: bytes, decode: Decode = format.decode) -> bool:
    try:
        decode(data, "x")
    except CheckpointError:
        return False
    return True


def flips_missed(
    data: bytearray, decode: Decode, count: Callable[[], object], places: Iterable[int] = ()
) -> list[tuple[int, int]]:
    """(byte, bit) of each flip, of all or at some places, that leaves it a checkpoint."""
    missed = []
    for position in places or range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            if accepted(bytes(data), decode):
                missed.append((position, bit))
            data[position] ^= 1 << bit
            count()
    return missed


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    if one.meta != other.meta or set(one.tensors) != set(other.tensors):
        return False
    pairs = [(one.tensors[name], other.tensors[name]) for name in other.tensors]
    return all(
        (mine.dtype, mine.shape, mine.tobytes()) == (array.dtype, array.shape, array.tobytes())
        for mine, array in pairs
    )


SPECIAL = np.array(
    [0x7FC00001, 0xFFC12345, 0x7F800001, 1, 0x80000000, 0xFF800000, 0x7F7FFFFF, 0], np.uint32
)
LETTERS = 'abc.0_ \x1f\x7f"\\/ßé重\U0001f600\u2028'
SHAPES = [(), (0,), (1,), (3,), (2, 3), (3, 0, 2), (1, 1, 1, 1), (7,), (2, 1, 4)]


def state(rng: random.Random, generator: np.random.Generator) -> Checkpoint:
    """Any content: shapes, dtypes, bits and names of every kind."""
    tensors = {}
    for _ in range(rng.randint(1, 4)):
        name = "".join(rng.choices(LETTERS, k=rng.randint(0, 6)))
        dtype = np.dtype(rng.choice(("f2", "f4", "f8", "i4", "i8", "u1")))
        shape = rng.choice(SHAPES)
        count = int(np.prod(shape))
        if rng.random() < 0.5:
            bits = generator.bytes(count * dtype.itemsize)
        else:
            bits = SPECIAL[generator.integers(0, 8, 2 * count)].tobytes()[: count * dtype.itemsize]
        tensors[name] = np.frombuffer(bits, dtype).reshape(shape)
    value = rng.choice((None, True, 0, -(2**70), 1e-300, -0.0, "ß\ud800", [1, [2.5]], {"": {}}))
    return Checkpoint(tensors, {"step": rng.getrandbits(40), rng.choice(LETTERS): value})


def comes_back(given: Checkpoint, in_every_form: bool) -> bool:
    """Whether what is saved, loaded and saved again is the same."""
    data = b"".join(format.encode(given))
    back = format.decode(data, "x")
    same = equal(back, given) and b"".join(format.encode(back)) == data
    if in_every_form:
        written = b"".join(text.encode(back))
        again = text.decode(written, "x")
        same = same and equal(again, given) and b"".join(text.encode(again)) == written
        sidecar, chunks = raw.encode(back)
        same = same and equal(raw.decode(sidecar, b"".join(chunks), "x"), given)
    return same


# --- as a script ----------------------------------------------------------------------------------


def flips(places: range) -> dict[str, Any]:
    data, tried = bytearray(whole()), []
    assert accepted(bytes(data))
    missed = flips_missed(data, format.decode, lambda: tried.append(0), places)
    return {"tried": len(tried), "missed": missed}


def splices(places: range) -> dict[str, Any]:
    one, other = whole(1), whole(2)
    tried, missed = 0, []
    for at in places:
        for data in (one[:at] + other[at:], other[:at] + one[at:]):
            if data not in (one, other):
                tried += 1
                if accepted(data):
                    missed.append(at)
    return {"tried": tried, "missed": missed}


def states(seed: int, cases: int) -> dict[str, Any]:
    rng, generator = random.Random(seed), np.random.default_rng(seed)
    good = [comes_back(state(rng, generator), case % 10 == 0) for case in range(cases)]
    return {"tried": cases, "missed": [case for case, same in enumerate(good) if not same]}


def main(what: str, part: str, parts: str, cases: str = "0") -> dict[str, Any]:
    places = range(SIZE * int(part) // int(parts), SIZE * (int(part) + 1) // int(parts))
    if what == "flips":
        return flips(places)
    if what == "splices":
        return splices(range(max(places.start, 1), places.stop))
    return states(8 + int(part), int(cases))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
