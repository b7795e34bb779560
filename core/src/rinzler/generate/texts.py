"""From ids to text as it becomes readable, for one prompt or for many.

A piece of text is what one more id adds to it. It may be empty: the bytes of a character come out
whole or not at all, and what could be the beginning of a stop text is held back until it is one or
is not. Joined, the pieces of a text are the text.
Leaves out: where it is printed (`rinzler.cli.generate`). Read next: `rinzler.checkpoint`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from rinzler.config import Sampling
from rinzler.data import Tokenizer
from rinzler.generate.decoders import Decoders
from rinzler.generate.sequences import grow
from rinzler.gpt import GPT

AT_ONCE = 32  # texts that share a step; more would each wait longer and not be done sooner


@dataclass(frozen=True)
class Piece:
    """Some more of one text."""

    number: int  # of the text: those of the first prompt first
    text: str
    tokens: int  # of this text so far
    ended: str = ""  # "tokens" or "stop" with the last piece of a text: why there is no more


def generate(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str = "\n",
    sampling: Sampling | None = None,
    decoders: Decoders | None = None,
) -> Iterator[str]:
    """Text that goes on with a prompt, piece by piece; `num_samples` does not count here.

    With `decoders` a text need not record a step that another has.
    Raises OutOfMemoryError, NumericsError.
    """
    alone = replace(sampling or Sampling(), num_samples=1)
    for piece in generate_many(model, tokenizer, [prompt], alone, decoders):
        yield piece.text


def generate_many(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    sampling: Sampling | None = None,
    decoders: Decoders | None = None,
    at_once: int = AT_ONCE,
) -> Iterator[Piece]:
    """Pieces of all texts as they come, `num_samples` for each prompt, `at_once` side by side.

    Text n continues prompt n // num_samples. It is the text that the prompt has alone: neither what
    stands beside it nor `num_samples` changes a draw.
    """
    sampling = sampling or Sampling()
    decoders = decoders or Decoders(model)
    each = sampling.num_samples
    ids = [tokenizer.encode(prompt).tolist() for prompt in prompts]
    jobs = [(prompt, sample) for prompt in ids for sample in range(each)]
    for start in range(0, len(jobs), at_once):
        group = jobs[start : start + at_once]
        texts = [Text(start + k, tokenizer, sampling) for k in range(len(group))]
        begun, samples = [ids for ids, _ in group], [k for _, k in group]
        with closing(grow(model, begun, sampling, samples, decoders)) as columns:
            while not all(text.ended for text in texts):
                for text, number in zip(texts, next(columns), strict=True):
                    if not text.ended:
                        yield text.push(number)


class Text:
    """One text under way."""

    def __init__(self, number: int, tokenizer: Tokenizer, sampling: Sampling) -> None:
        self.number = number
        self.tokens = 0
        self.most = sampling.tokens
        self.ended = ""
        self._ids: deque[int] = deque()
        # Both generators promise a piece for each id, and at the end what is left.
        self._pieces = until(tokenizer.decode_stream(emptied(self._ids)), sampling.stop)

    def push(self, number: int) -> Piece:
        """One id more."""
        self.tokens += 1
        self._ids.append(number)
        text, stopped = next(self._pieces)
        if stopped:
            self.ended = "stop"
        elif self.tokens == self.most:
            rest = list(self._pieces)
            self.ended = "stop" if any(stopped for _, stopped in rest) else "tokens"
            text += "".join([piece for piece, _ in rest])
        return Piece(self.number, text, self.tokens, self.ended)


def emptied(ids: deque[int]) -> Iterator[int]:
    """Ids as they are put there; it ends when it is asked and there is none."""
    while ids:
        yield ids.popleft()


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(text, whether it stops here) for each piece, and a last one for what was held back.

    The text ends before the stop that is complete first, whichever way the pieces are cut.
    """
    held = ""
    for piece in pieces:
        held += piece
        found = [(at + len(stop), at) for stop in stops if (at := held.find(stop)) >= 0]
        if found:
            yield held[: min(found)[1]], True
            return
        free = len(held) - held_back(held, stops)
        yield held[:free], False
        held = held[free:]
    yield held, False


def held_back(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of a text may be the beginning of a stop."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for count in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-count:]) for stop in stops):
            return count
    return 0
