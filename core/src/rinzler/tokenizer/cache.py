"""Trained once for each text: the tokenizer of a corpus is looked up by the corpus' own digest.

A second run on the same text has the same merges, so it may as well read them. The file lies in
the folder for caches of this system, and its name is the SHA-256 of the documents and of what else
the merges depend on: another text, another number, another file, and nothing ever to invalidate.
A cache must not break a run: a damaged file is trained again, and where nothing can be written
nothing is said.
Leaves out: removing old files; each is a few kB, and the folder is a cache.
Read next: `data/__init__.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rinzler.errors import DataError
from rinzler.files import FILES, ReplaceError, replace_file
from rinzler.tokenizer.bpe import BPETokenizer, train_bpe
from rinzler.tokenizer.utf8 import to_bytes

ALGORITHM = "bpe-1"  # count up when the same documents would give other merges


def trained(
    documents: Sequence[str],
    merges: int,
    progress: Callable[[int, int], None] | None = None,
) -> BPETokenizer:
    """What `train_bpe` makes of the same arguments, from the cache where it is there.

    `progress` is not called then. Raises what `train_bpe` raises, and nothing of its own.
    """
    path = path_for(documents, merges)
    found = read(path)
    if found is None:
        found = train_bpe(documents, merges, progress)
        write(path, found)
    return found


def path_for(documents: Sequence[str], merges: int) -> Path:
    """Where the tokenizer of these documents lies."""
    from platformdirs import user_cache_path

    digest = hashlib.sha256(f"{ALGORITHM} {merges}".encode())
    for text in documents:
        data = to_bytes(text)
        # With its length before it: "ab", "c" is another corpus than "a", "bc".
        digest.update(f" {len(data)} ".encode())
        digest.update(data)
    return user_cache_path("rinzler") / "tokenizers" / f"{digest.hexdigest()}.json"


def read(path: Path) -> BPETokenizer | None:
    """The tokenizer in the file; None where it is missing, unreadable or damaged."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != _sha256(body):
        return None
    # Whoever can write here can write any digest too, so the merges are checked as always.
    with suppress(ValueError, RecursionError, DataError):
        return BPETokenizer.from_json(json.loads(body))
    return None


def write(path: Path, tokenizer: BPETokenizer) -> None:
    """Store the tokenizer whole, or leave things as they were."""
    body = json.dumps(tokenizer.to_json(), separators=(",", ":")).encode()
    with suppress(OSError, ReplaceError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [_sha256(body) + b"\n" + body], FILES)


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
