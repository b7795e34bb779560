"""A stranger's tokenizer of whole words, the most frequent ones first; all others are word 0.

After it comes what can be wrong with one: each name is used by a case of `test_tokenizers.py`.
"""

from collections import Counter

import numpy as np

from rinzler.errors import DataError


class Words:
    kind = "words"

    def __init__(self, words):
        self.words = ["?", *words]
        self.vocab_size = len(self.words)

    def encode(self, text):
        known = {word: number for number, word in enumerate(self.words)}
        return np.array([known.get(word, 0) for word in text.split()], dtype=np.int32)

    def encode_documents(self, texts):
        return self.encode(" ".join(texts))

    def decode_stream(self, ids):
        for number in ids:
            yield self.words[number] + " "

    def decode(self, ids):
        return "".join(self.decode_stream(ids))

    def to_json(self):
        return {"kind": self.kind, "words": self.words[1:]}


def train(documents, vocab_size):
    counts = Counter(word for text in documents for word in text.split())
    if not counts:
        raise DataError("there is no word in these texts")
    return Words([word for word, _ in counts.most_common(vocab_size - 1)])


def load(record):
    return Words(record["words"])


def raises(*args):
    raise OSError("no disk")


def exits(*args):
    raise SystemExit


def half(*args):
    return object()


def number(*args):
    return 3


def forgets(record):
    return Words(record["words"][::-1])


def prints(documents, vocab_size):
    print("training")  # noqa: T201 - strangers do
    return train(documents, vocab_size)


class NoSize(Words):
    def __init__(self, words):
        super().__init__(words)
        self.vocab_size = 0


class OtherKind(Words):
    kind = "other"


class NoJson(Words):
    def to_json(self):
        return {"kind": "words", "words": {1, 2}}


class NotANumber(Words):
    def to_json(self):
        return {"kind": "words", "words": [float("nan")]}


class NoRecord(Words):
    def to_json(self):
        return None


def no_size(documents, vocab_size):
    return NoSize(["a"])


def other_kind(documents, vocab_size):
    return OtherKind(["a"])


def no_json(documents, vocab_size):
    return NoJson(["a"])


def not_a_number(documents, vocab_size):
    return NotANumber(["a"])


def no_record(documents, vocab_size):
    return NoRecord(["a"])
