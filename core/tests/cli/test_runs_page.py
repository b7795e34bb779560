"""docs/runs.md says what a run writes, and here that is what it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint


def rows(page: str, heading: str) -> dict[str, str]:
    """The table below a heading: first column to second."""
    section = page.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([\w.-]+)` \| (.*) \|$", section, re.MULTILINE))


def test_every_event_and_every_key(
    page: str, shell, full_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rinzler.monitor.TIMES", 0.5)  # or no gradient would be worth a line
    Path("one.txt").write_text("abcdefghij" * 30 + "zyxwvutsrq" * 4, encoding="utf-8")
    full_until(6)
    _, first, _ = shell.train("one.txt", "--json", steps=60, vocab_size=2)
    _, second, _ = shell("rinzler-train", "--resume", "runs/one-001", "--steps", "61", "--json")
    written = {}
    for line in (first + second).splitlines():
        record = json.loads(line)
        written[record.pop("event")] = record
    table = rows(page, "## metrics.jsonl")
    assert set(written) == set(table)
    for event, text in table.items():
        keys = f"{table['start']}, `step`" if event == "resume" else text
        outer = re.sub(r"\([^()]*\)", "", keys)
        assert set(re.findall(r"`(\w+)`", outer)) == set(written[event]), event
    for name in ("corpus", "tokenizer", "backend"):
        (inner,) = re.findall(rf"`{name}` \(([^()]*)\)", table["start"])
        assert re.findall(r"`(\w+)`", inner) == list(written["start"][name])


def test_every_file(page: str, shell) -> None:
    shell.train("fox.txt")
    shell("rinzler-train", "--resume", "runs/fox-001/step-000003.safetensors")
    found = {re.sub("[0-9]{6}", "NNNNNN", path.name) for path in Path("runs/fox-001").iterdir()}
    assert found == set(rows(page, "# Runs: what lies in the folder, and how to read it"))


def test_the_programs_of_the_page_run(blocks, shell) -> None:
    shell.train("fox.txt", "--run-dir", "runs/notes-001", vocab_size=2, steps=5)
    Path("runs/notes-001/step-000005.safetensors").rename("runs/notes-001/step-000500.safetensors")
    curve, read = blocks("python")
    names: dict[str, Any] = {}
    exec(curve, names)
    assert [step for step, _ in names["train"]] == [1, 2, 3, 4, 5]
    assert [step for step, _ in names["val"]] == [3, 5]
    exec(read, names)
    saved = checkpoint.load(Path("runs/notes-001/step-000500.safetensors"))
    assert names["record"]["meta"] == saved.meta
    assert (names["embedding"] == saved.tensors["wte.weight"]).all()
