"""What happens in a run, in lines of text: the same words for a log file and for a terminal.

`event_lines` is all that anyone has to call; each of the others knows one kind of event. What a
step says of itself moves too fast for a line each, so that is left to whoever shows it.
Leaves out: samples, which are text of their own (`sample_text`). Read next: `report.py`.
"""

from __future__ import annotations

from rinzler.cli.lines import Line
from rinzler.cli.plan import Plan
from rinzler.cli.words import plural, size
from rinzler.events import (
    RISING,
    STUCK,
    CapturedStep,
    Diverging,
    Evaluated,
    Event,
    NotSaved,
    Saved,
    Stepped,
)


def event_lines(event: Event, plan: Plan) -> list[Line]:
    """What is worth keeping of an event, as (label, text); nothing of a step that is as usual."""
    lines: list[Line] = []
    if isinstance(event, Stepped):
        lines = spike_lines(event, plan.training.clip_grad)
    elif isinstance(event, Evaluated):
        lines = [validation_line(event, plan)]
    elif isinstance(event, Saved):
        lines = [saved_line(event), *(("note", note) for note in event.notes)]
    elif isinstance(event, NotSaved):
        lines = [not_saved_line(event)]
    elif isinstance(event, CapturedStep):
        lines = [captured_line(event)]
    elif isinstance(event, Diverging):
        lines = [divergence_line(event)]
    return lines


def validation_line(event: Evaluated, plan: Plan) -> Line:
    gzip = plan.corpus.gzip_bits_per_byte
    bits = plan.bits_per_byte(event.loss)
    beside = f"from {plan.start_bits_per_byte:.2f}" + (f", gzip {gzip:.2f}" if gzip else "")
    where = f"step {event.step:,} · loss {event.loss:.3f}"
    return "validation", f"{where} · {bits:.2f} bits per byte ({beside})"


def divergence_line(event: Diverging) -> Line:
    where, loss = f"step {event.step:,}", f"{event.val_loss:.3f}"
    if event.kind == RISING:
        text = f"validation is at {loss}, and was at {event.beside:.3f}: the loss rises again"
        return "diverging", f"{where} · {text}; a lower --lr, or --cosine, would keep it down"
    if event.kind == STUCK:
        text = f"training loss {event.train_loss:.3f}, and guessing costs {event.beside:.3f}"
        return "diverging", f"{where} · {text}: it does not learn; try --lr 0.001, or other text"
    advice = "it learns the text by heart: add text, or --dropout 0.1"
    where = f"{where} · validation lies {event.gap:.0f} % above training"
    return "diverging", f"{where} ({loss} and {event.train_loss:.3f}): {advice}"


def spike_lines(event: Stepped, limit: float | None) -> list[Line]:
    """A line for a step with an unusual gradient, none for any other."""
    found = event.spike
    if found is None:
        return []
    clipped = f"; clipped to {limit:g}" if limit is not None else "; --clip-grad 1 would shorten it"
    text = f"the gradient's norm is {found.grad_norm:.3g}, and {found.usual:.3g} is usual"
    return [("spike", f"step {event.step:,} · {text}{clipped}")]


def saved_line(event: Saved) -> Line:
    return "saved", f"{event.path} ({size(event.nbytes)})"


def not_saved_line(event: NotSaved) -> Line:
    return "not saved", f"{event.reason}. The run goes on, and its next save tries again"


def captured_line(event: CapturedStep) -> Line:
    arena, unplanned = size(event.arena), size(event.unplanned)
    calls = plural(event.calls, "call")
    return "captured", f"{calls} a step, arena {arena} ({unplanned} without reuse)"


def sample_text(step: int, text: str) -> str:
    return f"── sample after step {step:,} ──\n{text.strip(chr(10))}\n\n"
