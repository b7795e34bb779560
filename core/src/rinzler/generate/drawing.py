"""From logits to the next id: five ways to bend the odds, then a draw.

Each is a function of scores, (B, V) float64, in which -inf means "not this one". They are applied
in the order in which they stand here; each sees what the one before has left:

    penalised     by ids that stand in the text already     (Keskar et al. 2019)
    tempered      divided by the temperature
    top_k         the k likeliest                           (Fan et al. 2018)
    top_p         the likeliest that together have p        (Holtzman et al. 2020)
    min_p         what has p times the likeliest's or more  (Nguyen et al. 2024)

A draw depends on (seed, sample, place in the text) alone: the same text comes out whatever else is
generated beside it. At temperature 0 nothing is drawn: the largest score wins, the lower id of two.
Leaves out: the model. Read next: `decoder.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log

import numpy as np

from rinzler.config import Sampling
from rinzler.errors import NumericsError
from rinzler.philox import Key, Stream, choice


def penalised(scores: np.ndarray, seen: np.ndarray, penalty: float) -> np.ndarray:
    """Scores of ids that are `seen`, (B, V) of bool, divided by the penalty.

    CTRL (arXiv:1909.05858, section 4.1) divides them all. A negative score would grow by that, so
    it is multiplied instead, as in the code that CTRL published.
    """
    return np.where(seen, np.where(scores > 0, scores / penalty, scores * penalty), scores)


def tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Differences of scores divided by the temperature; the largest becomes 0.

    So no temperature, however small, loses the likeliest in an infinity.
    """
    with np.errstate(over="ignore"):  # to -inf: as good as never
        return (scores - scores.max(axis=-1, keepdims=True)) / temperature


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """The k largest scores of each row, and those that equal the least of them. 0: all."""
    if not 0 < k < scores.shape[-1]:
        return scores
    least = np.partition(scores, -k, axis=-1)[:, -k, None]  # (B, 1)
    return np.where(scores < least, -inf, scores)


def top_p(scores: np.ndarray, p: float) -> np.ndarray:
    """The smallest number of likeliest ids whose probabilities reach p: the nucleus.

    Holtzman et al. 2020, arXiv:1904.09751. Of two equally likely ids the lower comes first.
    """
    if p >= 1.0:
        return scores
    order = np.argsort(-scores, axis=-1, kind="stable")  # (B, V), the likeliest first
    reached = np.cumsum(np.take_along_axis(odds(scores), order, axis=-1), axis=-1)
    enough = reached >= p * reached[:, -1:]
    # What comes after the one that reaches p is out; that one is in.
    outside = np.zeros(scores.shape, bool)
    np.put_along_axis(outside, order[:, 1:], enough[:, :-1], axis=-1)
    return np.where(outside, -inf, scores)


def min_p(scores: np.ndarray, p: float) -> np.ndarray:
    """Ids whose probability is at least p times that of the likeliest. arXiv:2407.01082."""
    if p <= 0.0:
        return scores
    return np.where(scores < scores.max(axis=-1, keepdims=True) + log(p), -inf, scores)


def odds(scores: np.ndarray) -> np.ndarray:
    """e^score, scaled so that the largest of a row is 1: all that a draw needs. (B, V)."""
    return np.exp(scores - scores.max(axis=-1, keepdims=True))


class Draws:
    """The next ids of B texts, asked for again and again. `samples` (B,) tells equal prompts apart.

    Raises NumericsError where a logit is not finite.
    """

    def __init__(
        self,
        sampling: Sampling,
        vocab_size: int,
        prompts: Sequence[Sequence[int]],
        samples: Sequence[int],
    ) -> None:
        self.sampling = sampling
        self.samples = samples
        self.place = 0  # ids drawn of each text
        self.seen: np.ndarray | None = None  # (B, V): which ids stand in each text
        if sampling.repetition_penalty != 1.0:
            self.seen = np.zeros((len(prompts), vocab_size), bool)
            for row, prompt in zip(self.seen, prompts, strict=True):
                row[list(prompt)] = True

    def next(self, logits: np.ndarray) -> np.ndarray:
        """(B, V) logits -> (B,) ids."""
        if not np.isfinite(logits).all():
            raise NumericsError(
                f"token {self.place + 1} of the text: of {logits.size} logits, "
                f"{np.count_nonzero(~np.isfinite(logits))} are not finite; the weights of this "
                "model have left the range of their dtype. Take an earlier checkpoint of the run"
            )
        drawn = self._drawn(logits)
        self.place += 1
        if self.seen is not None:
            self.seen[np.arange(len(drawn)), drawn] = True
        return drawn

    def _drawn(self, logits: np.ndarray) -> np.ndarray:
        settings = self.sampling
        if self.seen is not None:
            logits = penalised(logits.astype(np.float64), self.seen, settings.repetition_penalty)
        if settings.temperature == 0:
            return logits.argmax(axis=-1)
        scores = tempered(logits.astype(np.float64), settings.temperature)
        scores = top_k(scores, settings.top_k)
        scores = top_p(scores, settings.top_p)
        weights = odds(min_p(scores, settings.min_p))  # (B, V)
        keys = [Key(settings.seed, Stream.SAMPLE, self.place, site=s) for s in self.samples]
        return np.array([choice(key, row) for key, row in zip(keys, weights, strict=True)])
