"""`--init`: a new run with old weights, and `rinzler eval`, which measures them."""

from __future__ import annotations

import json
import shutil
from math import log
from pathlib import Path

import pytest

from rinzler import checkpoint
from rinzler.data import gzip_bits_per_byte
from rinzler.restore import split_tensors

RUN = Path("runs", "fox-001")
LAST = RUN / "step-000006.safetensors"
OTHER = "Another text about the lazy dog and the räin. " * 40


@pytest.fixture
def trained(shell) -> Path:
    """A run on fox.txt, and other.txt beside it."""
    Path("other.txt").write_text(OTHER, encoding="utf-8")
    shell.train("fox.txt", vocab_size=20, layers=2)
    return RUN


def test_a_new_run_begins_with_weights_and_tokenizer(trained: Path, shell) -> None:
    words = ("other.txt", "--backend", "numpy", "--steps", "1", "--lr", "1e-12")
    for number, start in enumerate((str(trained), str(LAST)), 1):
        code, _, err = shell("rinzler-train", *words, "--init", start, "--dropout", "0.1")
        assert code == 0
        assert "model      2 layers x 16 · 1 head · context 16 · " in err
        assert "\ntokenizer  bpe, 20 merges · 1." in err
        assert f" bytes per token · of {LAST}\n" in err
        newest, _ = checkpoint.newest(Path("runs", f"other-{number:03d}"))
        old, new = checkpoint.load(LAST), checkpoint.load(newest)
        assert new.meta["step"] == 1
        assert new.meta["tokenizer"] == old.meta["tokenizer"]
        assert new.meta["model"] == {**old.meta["model"], "dropout": 0.1}
        weights, taken = split_tensors(old)[0], split_tensors(new)[0]
        for name, array in weights.items():
            assert abs(array - taken[name]).max() < 1e-6
    config = json.loads(Path("runs/other-001/config.json").read_text(encoding="utf-8"))
    assert config["init"] == str(trained)


def test_flags_of_the_model_must_agree(trained: Path, shell) -> None:
    words = ("rinzler-train", "other.txt", "--init", str(trained), "--backend", "numpy")
    agreeing = ("--d-model", "16", "--layers", "2", "--heads", "1", "--vocab-size", "20")
    assert shell(*words, *agreeing, "--steps", "1")[0] == 0
    code, message = shell.refused(*words, "--layers", "3", "--no-bias", "--vocab-size", "9")
    assert code == 2
    assert message == (
        f"{LAST} is of another model: --vocab-size is 9, the weights have 20; --layers is 3, the "
        "weights have 2; --bias is False, the weights have True. Leave that out: with --init the "
        "weights decide"
    )
    assert [path.name for path in sorted(Path("runs").iterdir())] == ["fox-001", "other-001"]


def test_nothing_to_begin_with(trained: Path, shell) -> None:
    code, message = shell.refused("rinzler-train", "other.txt", "--init", "runs/gone-001")
    assert code == 3
    assert message == f"there is no run or checkpoint runs/gone-001. The newest here: {RUN}"
    shutil.copy("other.txt", "no.safetensors")
    code, message = shell.refused("rinzler-train", "other.txt", "--init", "no.safetensors")
    assert code == 3
    assert message.startswith("no.safetensors is damaged or not a checkpoint: ")
    assert not Path("runs", "other-001").exists()


# --- rinzler eval -----------------------------------------------------------------------------


def test_eval_says_what_the_run_said(trained: Path, shell) -> None:
    """On the text that was held back, the run's last validation and eval are the same."""
    lines = (trained / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    final = [each for each in map(json.loads, lines) if each["event"] == "validation"][-1]
    text = shell.text.encode("utf-8")
    middle = int(len(text) * 0.9)
    Path("held.txt").write_bytes(text[middle:])
    code, out, err = shell("rinzler", "eval", str(trained), "held.txt", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["loss"] == pytest.approx(final["val_loss"], rel=1e-6)
    assert facts["bpb"] == pytest.approx(final["val_bpb"], rel=1e-6)
    assert facts["tokens"] == final["tokens"]
    assert facts["bytes"] == len(text) - middle
    assert (facts["checkpoint"], facts["step"], facts["documents"]) == (str(LAST), 6, 1)
    assert facts["gzip_bpb"] == gzip_bits_per_byte(text[middle:].decode("utf-8"))


def test_eval_in_a_line(trained: Path, shell) -> None:
    code, out, err = shell("rinzler", "eval", str(LAST), "other.txt", "--backend", "numpy")
    assert (code, err) == (0, f"{LAST} · step 6 · numpy\n")
    loss, bits = (float(part.split()[0 if "bits" in part else 1]) for part in out.split(" · ")[:2])
    gzip = gzip_bits_per_byte(OTHER)
    assert f" bits per byte (gzip {gzip:.4f}) · " in out
    assert out.endswith(f" tokens, {len(OTHER.encode()) / 1000:.3g} kB\n")
    assert 0 < bits < loss / log(2)  # a token is more than a byte


def test_eval_of_what_cannot_be(trained: Path, shell) -> None:
    hint = f"name a run and a text: rinzler eval {RUN} unseen.txt"
    assert shell.refused("rinzler", "eval") == (2, hint)
    assert shell.refused("rinzler", "eval", str(RUN)) == (2, hint)
    code, message = shell.refused("rinzler", "eval", str(RUN), "gone.txt")
    assert (code, message[:30]) == (2, "no file, folder or pattern mat")
    Path("x.txt").write_text("x", encoding="utf-8")
    message = "x has 1 token, expected at least 2. Add text"
    assert shell.refused("rinzler", "eval", str(RUN), "x.txt") == (2, message)
    page = shell("rinzler", "eval", "--help")[1]
    assert page.startswith("usage: rinzler eval [RUN] [FILES...] [options]\n")
