"""The lines of what goes wrong slowly: a gap, a loss that rises or stays, a long gradient."""

from __future__ import annotations

import json

import pytest

from rinzler.cli.eventlines import divergence_line, spike_lines
from rinzler.cli.lines import aligned
from rinzler.events import OVERFITTING, RISING, STUCK, Diverging, Spike, Stepped

LINES = {
    OVERFITTING: (
        "diverging  step 400 · validation lies 25 % above training (4.000 and 3.200): it learns "
        "the text by heart: add text, or --dropout 0.1"
    ),
    RISING: (
        "diverging  step 400 · validation is at 4.000, and was at 3.500: the loss rises again; a "
        "lower --lr, or --cosine, would keep it down"
    ),
    STUCK: (
        "diverging  step 400 · training loss 3.200, and guessing costs 3.500: it does not learn; "
        "try --lr 0.001, or other text"
    ),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_divergence_is_said_in_words(kind: str) -> None:
    event = Diverging(400, 25.0, 3.2, 4.0, False, kind, 3.5)
    assert aligned(divergence_line(event)) == LINES[kind]


def test_a_spike_is_a_line() -> None:
    event = Stepped(812, 3.0, 1e-3, 14.2, 1000.0, Spike(14.2, 1.31))
    (line,) = spike_lines(event, 1.0)
    said = "spike      step 812 · the gradient's norm is 14.2, and 1.31 is usual; "
    assert aligned(line) == f"{said}clipped to 1"
    (line,) = spike_lines(event, None)
    assert aligned(line) == f"{said}--clip-grad 1 would shorten it"
    assert spike_lines(Stepped(812, 3.0, 1e-3, 14.2, 1000.0), 1.0) == []


def test_a_spike_in_a_run_is_told_and_recorded(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rinzler.monitor.TIMES", 0.5)
    code, out, err = shell.train("fox.txt", "--json", steps=30)
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    (at,) = [number for number, record in enumerate(records) if record["event"] == "spike"]
    assert records[at]["step"] == records[at - 1]["step"] == 21
    assert records[at]["grad_norm"] == records[at - 1]["grad_norm"]
    assert "spike" not in records[at - 1]
    assert err.count("\nspike      step 21 · ") == 1
