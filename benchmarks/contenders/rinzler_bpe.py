"""Rinzler's byte-pair encoding under the clock: learn from a text, then encode it.

Writes the tokenizer's record beside the text, for the peer to encode with. The best of some
repeats counts, by wall clock and by processor time apart: on a machine that others use, the second
says more. Read next: `huggingface_bpe.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rinzler.tokenizer import train_bpe

RECORD = "tokenizer.json"  # beside the text


def main() -> None:
    """Print one JSON object: the times, and what there was to do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=Path)
    parser.add_argument("--merges", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    arguments = parser.parse_args()
    text = arguments.text.read_bytes().decode("utf-8")
    tokenizer, train = timed(lambda: train_bpe([text], arguments.merges), arguments.repeats)
    ids, encode = timed(lambda: tokenizer.encode(text), arguments.repeats)
    assert tokenizer.decode(ids) == text
    record = json.dumps(tokenizer.to_json())
    arguments.text.with_name(RECORD).write_text(record, encoding="utf-8")
    answer = {
        "train": train,
        "encode": encode,
        "bytes": len(text.encode()),
        "merges": len(tokenizer.merges),
        "ids": len(ids),
        "digest": hashlib.sha256(ids.astype("<i4").tobytes()).hexdigest(),
        "about": f"numpy {np.__version__}, Python {platform.python_version()}",
    }
    print(json.dumps(answer))


def timed(task: Callable[[], Any], repeats: int = 1) -> tuple[Any, tuple[float, float]]:
    """What the task returns, and the least seconds by the wall and of the processor."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return result, (min(walls), min(cpus))


if __name__ == "__main__":
    main()
