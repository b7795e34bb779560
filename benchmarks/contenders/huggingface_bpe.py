"""Hugging Face `tokenizers` at the same task: byte-level BPE over the whole text as one word.

To learn, it counts its own pairs (ties may fall otherwise, so its merges may differ a little). To
encode, it gets Rinzler's merges over GPT-2's alphabet of 256 printable characters for the bytes,
and its ids must come out as Rinzler's. Needs `tokenizers`, and nothing of Rinzler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import struct
import time
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

END = "<|endoftext|>"


def main() -> None:
    """Print one JSON object: the times of the task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=Path)
    parser.add_argument("--merges", type=int, required=True)
    parser.add_argument("--task", choices=["train", "encode"], required=True)
    arguments = parser.parse_args()
    text = arguments.text.read_bytes().decode("utf-8")
    about = f"tokenizers {tokenizers.__version__}, Python {platform.python_version()}"
    if arguments.task == "train":
        answer = train(text, arguments.merges)
    else:
        record = arguments.text.with_name("tokenizer.json").read_text(encoding="utf-8")
        answer = encode(text, json.loads(record)["merges"])
    print(json.dumps({**answer, "about": about}))


def unsplit() -> pre_tokenizers.PreTokenizer:
    """Bytes as characters, and no splitting into words."""
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def train(text: str, merges: int) -> dict[str, Any]:
    """Learn as many merges as Rinzler found."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, unsplit()])
    trainer = trainers.BpeTrainer(
        vocab_size=257 + merges,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    tokenizer.train_from_iterator([text], trainer)
    times = (time.perf_counter() - wall, time.process_time() - cpu)
    return {"train": times, "vocabulary": tokenizer.get_vocab_size()}


def encode(text: str, merges: list[list[int]]) -> dict[str, Any]:
    """Encode with merges that are given as pairs of ids."""
    names = [*byte_names(), END]
    for left, right in merges:
        names.append(names[left] + names[right])
    tokenizer = Tokenizer(
        models.BPE(
            vocab={name: number for number, name in enumerate(names)},
            merges=[(names[left], names[right]) for left, right in merges],
        )
    )
    tokenizer.pre_tokenizer = unsplit()
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    wall, cpu = time.perf_counter(), time.process_time()
    ids = tokenizer.encode(text).ids
    times = (time.perf_counter() - wall, time.process_time() - cpu)
    digest = hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()
    return {"encode": times, "digest": digest}


def byte_names() -> list[str]:
    """GPT-2's character for each byte: itself where it can be seen, else one from U+0100 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in seen]
    return [chr(byte if byte in seen else 256 + hidden.index(byte)) for byte in range(256)]


if __name__ == "__main__":
    main()
