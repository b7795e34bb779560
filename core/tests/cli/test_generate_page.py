"""docs/generate.md is kept true: its flags are the real ones, its commands and its example run."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields

from rinzler import checkpoint
from rinzler.config import Sampling
from rinzler.generate import Decoders, drawing, generate, generate_many, texts
from rinzler.generate import Sampling as Offered
from rinzler.restore import load_model


def test_every_setting_is_explained_with_the_value_that_switches_it_off(page: str) -> None:
    rows = re.findall(r"^\| `--([a-z-]+) \w` \|.*?\| ([\d.]+) \| ", page, re.MULTILINE)
    flags = {field.name.replace("_", "-") for field in fields(Sampling)}
    for flag in flags - {"tokens"}:
        assert f"--{flag}" in page
    neutral = {flag.replace("-", "_"): float(value) for flag, value in rows}
    assert list(neutral) == ["repetition_penalty", "temperature", "top_k", "top_p", "min_p"]
    for name, value in neutral.items():
        if name != "temperature":
            assert getattr(Sampling(), name) == value
    order = [drawing.__doc__.index(f"    {name} ") for name in ("penalised", "tempered", "top_k")]
    assert order == sorted(order)
    assert f"{texts.AT_ONCE} at a\n  time" in page
    assert Offered is Sampling


def test_its_commands_run(blocks, shell) -> None:
    shell.train("fox.txt", "--quiet", "--run-dir", "runs/notes-001")
    lines = blocks()[0].splitlines()
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line.partition(" # ")[0])
        piped = b""
        if words[0] == "echo":
            piped, words = words[1].encode(), words[3:]
        code, out, _ = shell(*words, "--tokens", "4", piped=piped)
        assert code == 0
        assert out


def test_its_examples_run(blocks, shell) -> None:
    """Line by line what stands there, with a backend that is here."""
    examples = "".join(blocks("python"))
    for line in (
        'path, saved, skipped = checkpoint.load_newest("runs/notes-001")',
        'model, tokenizer = load_model(saved, "numba")',
        'for piece in generate(model, tokenizer, "Once", Sampling(tokens=100, top_p=0.9)):',
        "    print(piece.number, repr(piece.text), piece.ended)",
    ):
        assert line in examples
    shell.train("fox.txt", "--quiet", "--run-dir", "runs/notes-001")
    _, saved, _ = checkpoint.load_newest("runs/notes-001")
    model, tokenizer = load_model(saved, "numpy")
    assert len(list(generate(model, tokenizer, "Once", Sampling(tokens=100, top_p=0.9)))) == 100
    pieces = list(generate_many(model, tokenizer, ["Once", "Twice"], Sampling(num_samples=2)))
    assert {piece.number for piece in pieces} == {0, 1, 2, 3}
    assert {piece.ended for piece in pieces} == {"", "tokens"}
    for line in (
        "decoders = Decoders(model)",
        'texts = ["".join(generate(model, tokenizer, prompt, decoders=decoders)) for prompt',
    ):
        assert line in examples
    decoders = Decoders(model)
    one, same = ["".join(generate(model, tokenizer, "a", decoders=decoders)) for _ in "12"]
    assert one == same == "".join(generate(model, tokenizer, "a"))
