"""Random numbers without a state: Philox4x32-10, a function from a counter to four random words.

A generator with a state must replay its history to resume. Here the numbers of an array depend on
its address alone, `Key(seed, stream, step, micro, site)`: step 1000 draws the same batch and
dropout whether or not steps 0 to 999 ran in this process, and a GPU computes element i by itself.
Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

The packing, the streams and every formula below are part of the file format: golden tests hold
them. Leaves out: secrets (Philox is no cipher) and any distribution that Rinzler does not draw
from. Read next: `ops/`, where the op `random_uniform` asks a backend for the same words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from rinzler.errors import ConfigError, DtypeError, NumericsError

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)  # the paper's choice, for how fast they mix
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # 1 / golden ratio and √3 - 1, as fractions of 2³²
LOW = 0xFFFFFFFF  # the low 32 bits of a 64-bit word
CHUNK = 2**13  # blocks at a time: ten rounds over what fits the cache, not over all there is
FEW = 8  # blocks that plain Python is done with sooner than numpy
FIELDS = {"seed": 64, "stream": 16, "step": 32, "micro": 16, "site": 32}  # bits of a Key's parts


def philox4x32_block(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    """One block, to be read: counter (4 words) and key (2 words) -> 4 random words of 32 bits.

    Each round multiplies two words into 64 bits, xors the high halves into the other two words
    and swaps places. A round can be undone, so distinct counters give distinct blocks.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0 = MULTIPLIERS[0] * c0
        p1 = MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & LOW, (p0 >> 32) ^ c3 ^ k1, p0 & LOW
        k0 = (k0 + KEY_STEPS[0]) & LOW
        k1 = (k1 + KEY_STEPS[1]) & LOW
    return c0, c1, c2, c3


def philox4x32(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """N blocks at once: counter (N, 4) uint32, key (2,) uint32 -> (N, 4) uint32.

    Word for word `philox4x32_block`; each word rides in 64 bits, for its products need them.
    """
    c0, c1, c2, c3 = counter.T.astype(np.uint64)  # 4 x (N,)
    k0, k1 = (np.uint64(word) for word in key)
    m0, m1 = (np.uint64(word) for word in MULTIPLIERS)
    low, half = np.uint64(LOW), np.uint64(32)
    for _ in range(ROUNDS):
        p0 = m0 * c0
        p1 = m1 * c2
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0 = (k0 + np.uint64(KEY_STEPS[0])) & low
        k1 = (k1 + np.uint64(KEY_STEPS[1])) & low
    return np.stack((c0, c1, c2, c3), axis=-1).astype(np.uint32)  # (N, 4)


class Stream(IntEnum):
    """What the numbers are for. Never renumber: a resumed run would draw others."""

    INIT = 1  # initial weights; site: the parameter's place in the model
    BATCH = 2  # which windows of the text a step trains on
    DROPOUT = 3  # which activations a step drops; site: the dropout layer
    SAMPLE = 4  # the next token of a generated text; step: its position, site: its row
    EVAL = 5  # windows of an evaluation that does not read the whole text


@dataclass(frozen=True)
class Key:
    """The address of one array of random numbers. Words go low word first, everywhere.

    Philox key      (seed low 32 bits, seed high 32 bits)
    Philox counter  (block i // 4, site, step, stream << 16 | micro)   for element i

    Raises ConfigError when a field lies out of its range.
    """

    seed: int  # of the run; 64 bits
    stream: int  # a Stream; 16 bits
    step: int = 0  # optimizer step or token position; 32 bits
    micro: int = 0  # micro-batch inside the step; 16 bits
    site: int = 0  # which array of this stream and step; 32 bits

    def __post_init__(self) -> None:
        for name, bits in FIELDS.items():
            got = getattr(self, name)
            if not isinstance(got, (int, np.integer)) or not 0 <= got < 1 << bits:
                most = 2**bits - 1
                raise ConfigError(f"Key.{name}: got {got!r}, need an int from 0 to {most}")

    def words(self) -> np.ndarray:
        """The key as the kernel of `random_uniform` takes it: int32 (4,).

        (seed low, seed high, step, stream << 16 | micro): what changes from step to step, hence a
        buffer. `site` is fixed where the call stands in the program, hence an attribute. A kernel
        reads the bits as uint32: words 0 and 1 are the Philox key, 2 and 3 the end of the counter.
        """
        seed, step = int(self.seed), int(self.step)
        last = int(self.stream) << 16 | int(self.micro)
        return np.array([seed & LOW, seed >> 32, step, last], dtype=np.uint32).view(np.int32)

    @staticmethod
    def from_words(words: np.ndarray, site: int = 0) -> Key:
        """The key that `words()` and `site` came from: for a kernel that runs on the host."""
        low, high, step, last = np.ascontiguousarray(words, dtype=np.int32).view(np.uint32).tolist()
        return Key(high << 32 | low, last >> 16, step, last & 0xFFFF, site)


def _words(key: Key, n: int) -> np.ndarray:
    """The first n random words of a key: (n,) uint32. Element i depends on (key, i) alone."""
    blocks = -(-n // 4)
    if blocks > 2**32:
        raise ConfigError(f"{n} random words of one Key: it has {2**34}; draw with another site")
    if blocks <= FEW:
        seed, last = int(key.seed), int(key.stream) << 16 | int(key.micro)
        few: list[int] = []
        for block in range(blocks):
            place = (block, int(key.site), int(key.step), last)
            few += philox4x32_block(place, (seed & LOW, seed >> 32))
        return np.array(few[:n], np.uint32)
    seed_low, seed_high, step, last = key.words().view(np.uint32)
    philox_key = np.array([seed_low, seed_high])
    words = np.empty((blocks, 4), dtype=np.uint32)
    for start in range(0, blocks, CHUNK):
        end = min(start + CHUNK, blocks)
        counter = np.empty((end - start, 4), dtype=np.uint32)
        counter[:, 0] = np.arange(start, end, dtype=np.uint32)
        counter[:, 1:] = (key.site, step, last)
        words[start:end] = philox4x32(counter, philox_key)
    return words.reshape(-1)[:n]


def _long_words(key: Key, n: int) -> np.ndarray:
    """n words of 64 bits, each from two of 32: (n,) uint64."""
    pairs = _words(key, 2 * n).reshape(n, 2).astype(np.uint64)
    return pairs[:, 1] << np.uint64(32) | pairs[:, 0]


def _float_dtype(dtype: str) -> np.dtype:
    if dtype not in ("float32", "float64"):
        raise DtypeError(f"random numbers of dtype {dtype!r}: need 'float32' or 'float64'")
    return np.dtype(dtype)


def uniform(key: Key, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Numbers of [0, 1): word >> 8, times 2⁻²⁴. One word per element.

    24 bits are what a float32 can hold, and a float64 gets the very same numbers: a float64 oracle
    drops the same activations as the float32 run it judges.
    """
    out = _float_dtype(dtype)
    words = _words(key, math.prod(shape)) >> np.uint32(8)
    return (words.astype(out) * out.type(2.0**-24)).reshape(shape)


def normal(key: Key, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Standard normal numbers, in float64 and then rounded to `dtype` (Box and Muller 1958).

    Two normal numbers are a point of the plane: its angle is uniform, and its squared length is
    -2 log u for a uniform u. So each pair of words (v, w) gives two:
    r = √(-2 log((v + 1) 2⁻³²)), which never takes the log of 0 and stays below 6.67,
    and (r cos(2π w 2⁻³²), r sin(2π w 2⁻³²)). log, cos and sin are the machine's own: between
    machines the last bit of a float64 may differ.
    """
    out = _float_dtype(dtype)
    n = math.prod(shape)
    words = _words(key, n + n % 2).astype(np.float64).reshape(-1, 2)
    length = np.sqrt(-2.0 * np.log((words[:, 0] + 1.0) * 2.0**-32))
    angle = words[:, 1] * (2.0 * math.pi * 2.0**-32)
    pairs = np.stack((length * np.cos(angle), length * np.sin(angle)), axis=-1)  # (n / 2, 2)
    return pairs.reshape(-1)[:n].astype(out).reshape(shape)


def integers(key: Key, high: int, n: int) -> np.ndarray:
    """n integers of [0, high) as int64 (n,): the high half of a 64-bit word times `high`.

    No division and no rejection, so element i stays where it is. Each value has a probability
    within 2⁻⁶⁴ of 1 / high, that is, a relative bias of at most high / 2⁶⁴ (Lemire 2019).
    Raises ConfigError unless 1 <= high <= 2⁶³.
    """
    if not isinstance(high, (int, np.integer)) or not 1 <= high <= 2**63:
        raise ConfigError(f"integers: got high={high!r}, need an int from 1 to 2**63")
    if n <= 2 * FEW:
        halves = _words(key, 2 * n).tolist()
        pairs = zip(halves[1::2], halves[::2], strict=True)
        return np.array([(w1 << 32 | w0) * int(high) >> 64 for w1, w0 in pairs], np.int64)
    low, half = np.uint64(LOW), np.uint64(32)
    words = _long_words(key, n)
    w0, w1 = words & low, words >> half
    h0, h1 = np.uint64(int(high) & LOW), np.uint64(int(high) >> 32)
    # A product of 64 by 64 bits from four of 32 by 32, as on paper; no partial sum overflows.
    middle = w1 * h0 + (w0 * h0 >> half)
    carry = w0 * h1 + (middle & low)
    return (w1 * h1 + (middle >> half) + (carry >> half)).astype(np.int64)


def choice(key: Key, probabilities: np.ndarray) -> np.ndarray:
    """Draw an index from each row of weights: (V,) -> (), (B, V) -> (B,), as int64.

    Row b takes one uniform number of 53 bits, u, and the first index whose cumulative weight, in
    float64, exceeds u times the total; so a weight of 0 is never drawn. Weights need not sum to 1.
    Raises NumericsError for a row that is no distribution: a NaN, a negative weight, a total of 0.
    """
    weights = np.asarray(probabilities, dtype=np.float64)
    rows = weights.reshape(-1, weights.shape[-1])  # (B, V)
    with np.errstate(over="ignore", invalid="ignore"):  # told below, with the row
        cumulative = np.cumsum(rows, axis=-1)  # (B, V)
    total = cumulative[:, -1]  # (B,)
    sound = (rows >= 0).all(axis=-1) & (total > 1e-300) & np.isfinite(total)  # (B,)
    if not sound.all():
        b = int(np.argmin(sound))
        raise NumericsError(
            f"choice: row {b} of the probabilities is no distribution: smallest weight "
            f"{rows[b].min()}, total {total[b]}; look for NaN or infinity in the logits"
        )
    u = (_long_words(key, len(rows)) >> np.uint64(11)).astype(np.float64) * 2.0**-53  # (B,)
    indices = (cumulative <= (u * total)[:, None]).sum(axis=-1)  # (B,)
    return indices.astype(np.int64).reshape(weights.shape[:-1])
