"""The tokenizer of a run: learnt from its training text, cached, kept in the checkpoint."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest

from rinzler import checkpoint
from rinzler.cli import vocabulary
from rinzler.data import BPETokenizer, hold_back, read_texts
from rinzler.errors import ConfigError
from rinzler.tokenizer import END, tokenizer_from_json, train_bpe

RUN = Path("runs", "fox-001")


def line(err: str, label: str) -> str:
    (found,) = [line for line in err.splitlines() if line.startswith(label)]
    return found


def test_it_is_trained_once_and_then_known(shell) -> None:
    code, _, err = shell.train("fox.txt", vocab_size=30)
    assert code == 0
    said = line(err, "tokenizer")
    assert said.startswith("tokenizer  bpe, 30 merges · 2.")
    assert " bytes per token · trained in " in said
    assert "guessing costs ln 287 = 5.659 nats" in err
    _, _, err = shell.train("fox.txt", vocab_size=30)
    assert line(err, "tokenizer").endswith(" bytes per token · from the cache")
    _, _, err = shell.train("fox.txt", vocab_size=31)
    assert " · trained in " in line(err, "tokenizer")


def test_it_learns_from_the_training_text_alone_and_lies_in_the_checkpoint(shell) -> None:
    shell.train("fox.txt", vocab_size=30)
    saved = checkpoint.load(RUN / "step-000006.safetensors")
    train, _ = hold_back(read_texts(["fox.txt"]), 0.1)
    assert tokenizer_from_json(saved.meta["tokenizer"]) == train_bpe(train, 30)
    assert saved.meta["model"]["vocab_size"] == 287
    config = json.loads((RUN / "config.json").read_text(encoding="utf-8"))
    assert config["tokenizer"]["kind"] == "bpe"
    assert config["tokenizer"]["merges"] == 30
    code, out, _ = shell("rinzler-generate", str(RUN), "--prompt", "Ünder 🙂", "--tokens", "9")
    assert code == 0
    assert out.startswith("Ünder 🙂")


def test_bits_per_byte_do_not_depend_on_the_length_of_tokens(shell) -> None:
    """Guessing evenly costs ln V a token: so many bits for all bytes of the held-back text."""
    _, out, _ = shell.train("fox.txt", "--json", vocab_size=30, lr=1e-9)
    events = [json.loads(each) for each in out.splitlines()]
    start, final = events[0], [each for each in events if each["event"] == "validation"][-1]
    _, val = hold_back(read_texts(["fox.txt"]), 0.1)
    tokenizer = BPETokenizer.from_json(
        checkpoint.load(RUN / "step-000006.safetensors").meta["tokenizer"]
    )
    ids = tokenizer.encode_documents(val)
    nbytes = len(val[0].encode("utf-8"))
    assert final["tokens"] == len(ids) - 1
    assert start["corpus"]["val_bytes"] == nbytes
    assert final["val_loss"] == pytest.approx(log(287), rel=0.02)
    assert final["val_bpb"] == pytest.approx(final["val_loss"] / log(2) * len(ids) / nbytes)


def test_documents_end_with_a_token_of_their_own(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    learn = vocabulary.trained

    def spied(texts: list[str], merges: int, progress: object) -> BPETokenizer:
        seen.append(texts)
        return learn(texts, merges)

    monkeypatch.setattr(vocabulary, "trained", spied)
    Path("notes").mkdir()
    for name in "ab":
        Path("notes", name + ".md").write_text(name + shell.text, encoding="utf-8")
    shell.train("notes", vocab_size=10)
    (texts,) = seen
    assert [text[0] for text in texts] == ["a", "b"]
    saved = checkpoint.load(Path("runs", "notes-001", "step-000006.safetensors"))
    ids = tokenizer_from_json(saved.meta["tokenizer"]).encode_documents(texts)
    assert (ids == END).sum() == 1
    assert saved.meta["data"]["train_tokens"] == len(ids)


def test_a_text_in_which_less_is_to_be_merged(shell) -> None:
    Path("short.txt").write_text("a quick brown fox jumps over the lazy dog " * 2, encoding="utf-8")
    code, _, err = shell.train("short.txt", vocab_size=500, context=4, val_fraction=0.3)
    assert code == 0
    assert line(err, "tokenizer").endswith(" s, all that occur twice")


def test_tokens_that_are_too_long_for_a_short_text(shell) -> None:
    code, message = shell.refused("rinzler-train", "fox.txt", *shell.flags(vocab_size=500))
    assert code == 2
    assert message == (
        "the training text has 4 tokens with 70 merges, and one example needs 17 (--context 16 + "
        "1). Add text, lower the context to 3 or less, or take shorter tokens: --vocab-size 0"
    )
    assert not Path("runs").exists()


def test_a_number_of_merges_that_cannot_be(shell) -> None:
    message = "--vocab-size is -1, expected a number of merges, or 0 for bytes"
    assert shell.refused("rinzler-train", "fox.txt", "--vocab-size", "-1") == (2, message)
    with pytest.raises(ConfigError, match="vocab_size is -2"):
        vocabulary.learn(["text"], -2)
