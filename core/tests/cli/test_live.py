"""The moving bar, on a terminal that is only a buffer."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rinzler.cli.invocation import Invocation
from rinzler.cli.lines import Outcome
from rinzler.cli.live import LiveReporter
from rinzler.cli.plan import Plan
from rinzler.cli.report import Meter
from rinzler.cli.streams import Results
from rinzler.cli.vocabulary import Vocabulary
from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import BPETokenizer, CorpusSummary
from rinzler.events import CapturedStep, Evaluated, Event, NotSaved, Sampled, Saved, Stepped
from rinzler.plugins import Choice

SAVED = Path("runs/notes-001/step-000001.safetensors")
PLAN = Plan(
    corpus_name="notes",
    corpus=CorpusSummary(3, 50_000, 5_000, 45_000, 5_000, 2.5),
    documents=[],
    opening="Once upon",
    vocabulary=Vocabulary(BPETokenizer(((104, 101), (116, 257))), "from the cache"),
    model=GPTConfig(256),
    training=TrainConfig(steps=1200),
    backend=Choice("fast", None, "auto: highest priority of fast, numpy", ("passed over slow",)),  # type: ignore[arg-type]
    device_text="8 threads",
    numerics={"backend": "fast"},
    folder=Path("runs/notes-001"),
)
EVENTS: list[Event] = [
    Stepped(1, 5.5, 3e-4, 1.0, 1e4),
    Evaluated(1, 5.5, 4999, final=False),
    Sampled(1, "a [bold]sample[/bold] :smile: \x1b[2J"),
    Saved(1, SAVED, 2_600_000),
    NotSaved(1, SAVED, "it was not saved: ENOSPC. Free some space"),
    CapturedStep(2, 187, 11_900_000, 98_300_000),
    Stepped(1200, 1.25, 3e-4, 1.0, 1e4),
    Evaluated(1200, 1.5, 4999, final=True),
]
OUTCOME = Outcome(
    steps=1200,
    seconds=161.0,
    tokens_per_second=12345.6,
    train_loss=1.4,
    evaluated=Evaluated(1200, 1.5, 4999, final=True),
    checkpoint=Path("runs/notes-001/step-001200.safetensors"),
    stopped_by="",
    invocation=Invocation("rinzler-train", ("notes.md",)),
)


class Captured(Results):
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def run(results: Results | None, *, stop: bool = False, width: int = 100) -> str:
    """A whole run; what the terminal got."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, legacy_windows=False)
    reporter = LiveReporter(results, console)
    try:
        reporter.started(PLAN)
        for event in EVENTS:
            reporter.happened(event)
        reporter.busy("validating")
        reporter.progress.refresh()
        if stop:
            reporter.stopping("SIGINT")
            reporter.progress.refresh()
        outcome = replace(OUTCOME, stopped_by="SIGINT", steps=7) if stop else OUTCOME
        reporter.ended(outcome)
    finally:
        reporter.close()
    return screen.getvalue()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "UV", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_the_lines_of_a_log_with_a_bar_below() -> None:
    screen = plain(run(None))
    for line in (
        "corpus     notes · 3 documents · 50 kB, 5 kB of it for validation",
        "model      4 layers x 64 · 4 heads · context 128 · 224,640 parameters",
        "skipped    passed over slow",
        "tokenizer  bpe, 2 merges · 1.0 bytes per token · from the cache",
        "backend    fast · 8 threads (auto: highest priority of fast, numpy)",
        "plan       1,200 steps x 1,024 tokens = 1.23 M tokens · 27 passes over the text",
        "yardstick  guessing costs ln 256 = 5.545 nats, 8.00 bits per byte; gzip 2.50 bits",
        "validation step 1,200 · loss 1.500 · 2.16 bits per byte (from 8.00, gzip 2.50)",
        f"saved      {SAVED} (2.6 MB)",
        "not saved  it was not saved: ENOSPC. Free some space. The run goes on, and its next save",
        "captured   187 calls a step, arena 11.9 MB (98.3 MB without reuse)",
        "── sample after step 1 ──",
        "done       1,200 steps · 2 min 41 s · 12,346 tok/s",
        "result     2.16 bits per byte on unseen text, less than gzip (2.50)",
        f"go further rinzler-train --resume {PLAN.folder} --steps 4800",
    ):
        assert line in screen
    assert "step 1,200/1,200, validating" in screen


def test_samples_are_text_and_not_markup_or_orders() -> None:
    screen = run(None)
    assert "a [bold]sample[/bold] :smile: ␛[2J" in plain(screen)
    assert "\x1b[2J" not in screen


def test_samples_go_to_stdout_where_that_is_not_the_terminal() -> None:
    results = Captured()
    screen = plain(run(results))
    assert results.text == "\n── sample after step 1 ──\na [bold]sample[/bold] :smile: ␛[2J\n\n"
    assert "sample" not in screen


def test_a_request_to_stop_is_answered_in_the_bar_and_then_gone() -> None:
    screen = plain(run(None, stop=True))
    assert "Ctrl-C: finishing this step, then saving; once more to leave at once" in screen
    assert screen.count("Ctrl-C: finishing") == 1
    assert "stopped    after 7 of 1,200 steps (Ctrl-C) · 2 min 41 s" in screen
    assert "\nresume " not in screen
    assert f"go on      rinzler-train --resume {PLAN.folder}\n" in screen


def test_a_run_that_goes_on_counts_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    done = replace(PLAN, resumed=SAVED, done=1100, device_text="")
    monkeypatch.setattr(f"{__name__}.PLAN", done)
    screen = plain(run(None))
    assert "resume     from step-000001.safetensors · 1,100 steps are done" in screen
    assert "backend    fast (auto: highest priority of fast, numpy)" in screen
    meter = Meter(done)
    meter.begun -= 10.0
    assert meter.left(1150) == pytest.approx(10.0, rel=0.01)  # 50 steps took 10 s, 50 are left


def test_colour_unless_somebody_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9;]*m")  # any foreground
    assert colour.search(run(None))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(run(None))


def test_a_narrow_terminal_gets_whole_words_and_unbroken_commands() -> None:
    screen = plain(run(None, width=40))
    assert "\nbackend    fast · 8 threads (auto:\n           highest priority of fast," in screen
    command = f"try it     rinzler-generate {PLAN.folder} --prompt "
    assert command in screen


def test_the_bar_never_takes_two_lines() -> None:
    for width in (60, 80, 100):
        bars = [line for line in plain(run(Captured(), width=width)).split("\r") if "tok/s" in line]
        assert bars
        assert all(len(line.splitlines()[0]) <= width for line in bars)


def test_the_first_steps_do_not_count_for_the_time_that_is_left(monkeypatch) -> None:
    """They compile and are recorded: 20 s, of which a thousand steps would be hours."""
    now = [100.0]
    monkeypatch.setattr("rinzler.cli.report.perf_counter", lambda: now[0])
    plan = replace(PLAN, training=TrainConfig(steps=1000))
    meter = Meter(plan)
    left = []
    for step, seconds in enumerate([20.0, 4.0, 0.5, 0.5], 1):
        now[0] += seconds
        meter.add(Stepped(step, 3.0, 1e-3, 1.0, plan.tokens_per_step / seconds))
        left.append(meter.left(step))
    assert left == [pytest.approx(each) for each in (20 * 999, 4 * 998, 0.5 * 997, 0.5 * 996)]
