"""A run in lines of text: the same words for a log file and for a terminal.

Pure functions of facts; each returns (label, text) pairs that stand under each other. Losses are
in nats per token and in bits per byte, next to what guessing evenly and what gzip would cost on the
same text: only so does a number say whether it is good.
Leaves out: what happens between its plan and its end (`eventlines.py`), and where the lines go.
Read next: `eventlines.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rinzler.cli.invocation import Invocation
from rinzler.cli.needs import Needs, Pace
from rinzler.cli.plan import Plan
from rinzler.cli.words import duration, plural, size, tokens
from rinzler.events import Evaluated

Line = tuple[str, str]
LABEL = 11  # columns that a label takes
WORDS = {"SIGINT": "Ctrl-C"}
VERBATIM = (
    "run",
    "saved",
    "try it",
    "go further",
    "go on",
)  # to be copied: no terminal may break them


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    steps: int
    seconds: float
    tokens_per_second: float
    train_loss: float | None  # mean of the last steps; None if there was none
    evaluated: Evaluated | None  # the last validation
    checkpoint: Path | None  # the last one
    stopped_by: str  # "SIGINT"; empty if the run reached its last step
    invocation: Invocation


def aligned(line: Line) -> str:
    label, text = line
    return f"{label:<{LABEL}}{text}"


def plan_lines(plan: Plan) -> list[Line]:
    corpus, model, training = plan.corpus, plan.model, plan.training
    gzip = corpus.gzip_bits_per_byte
    lines = [("skipped", note) for note in plan.backend.notes]
    preset = [("preset", plan.preset)] if plan.preset else []
    device = " · ".join(filter(None, (plan.backend.name, plan.device_text)))
    where = f"from {plan.resumed.name}" if plan.resumed else ""
    resumed = [("resume", f"{where} · {plan.done:,} steps are done")] if where else []
    return [
        *preset,
        (
            "corpus",
            f"{plan.corpus_name} · {plural(corpus.documents, 'document')} · {size(corpus.bytes)}, "
            f"{size(corpus.val_bytes)} of it for validation",
        ),
        (
            "model",
            f"{plural(model.layers, 'layer')} x {model.d_model} · {plural(model.heads, 'head')} · "
            f"context {model.context} · {model.parameters:,} parameters",
        ),
        ("tokenizer", plan.vocabulary.describe(plan.bytes_per_token)),
        *lines,
        ("backend", f"{device} ({plan.backend.reason})"),
        (
            "plan",
            f"{plural(training.steps, 'step')} x {plan.tokens_per_step:,} tokens = "
            f"{tokens(plan.tokens)} · {passes(plan.passes)} over the text" + _taking(plan.needs),
        ),
        *_short_of_disk(plan),
        ("run", str(plan.folder)),
        *resumed,
        (
            "yardstick",
            f"guessing costs ln {model.vocab_size} = {model.initial_loss:.3f} nats, "
            f"{plan.start_bits_per_byte:.2f} bits per byte"
            + (f"; gzip {gzip:.2f} bits per byte" if gzip else ""),
        ),
    ]


def _taking(needs: Needs | None) -> str:
    if needs is None:
        return ""
    return f" · {size(needs.memory.peak)} of memory · {size(needs.disk)} of disk"


def _short_of_disk(plan: Plan) -> list[Line]:
    """A full disk is said before a night's training, and not in the middle of it."""
    needs = plan.needs
    if needs is None or not needs.missing:
        return []
    text = (
        f"{size(needs.free or 0)} are free at {plan.folder}, and the checkpoints will take "
        f"{size(needs.disk - needs.held)} more: free some space"
    )
    return [("disk", f"{text}, or --keep-last 1" if plan.training.keep_last != 1 else text)]


def needs_lines(plan: Plan, pace: Pace) -> list[Line]:
    """What a run will take, part by part."""
    assert plan.needs is not None  # who asks for a plan has prepared a run
    needs, memory = plan.needs, plan.needs.memory
    free = f"; {size(needs.free)} are free" if needs.free is not None else ""
    count = plural(needs.checkpoints, "checkpoint")
    return [
        (
            "memory",
            f"{size(memory.peak)} at most on the device: weights {size(memory.weights)}, gradients "
            f"{size(memory.gradients)}, moments {size(memory.moments)}, a step {size(memory.step)}",
        ),
        ("disk", f"{size(needs.disk)} for {count} of {size(needs.checkpoint)} at one time{free}"),
        (
            "time",
            f"about {duration(pace.total)}: {pace.step * 1000:.3g} ms a step, measured here just "
            f"now, and validation",
        ),
    ]


def passes(number: float) -> str:
    if number < 1.95:
        return f"{number:.2g} passes"
    return f"{number:,.0f} passes"


def outcome_lines(outcome: Outcome, plan: Plan) -> list[Line]:
    total = plan.training.steps
    done = plural(outcome.steps, "step")
    if outcome.stopped_by:
        cause = WORDS.get(outcome.stopped_by, outcome.stopped_by)
        done = f"after {outcome.steps:,} of {total:,} steps ({cause})"
    pace = f"{duration(outcome.seconds)} · {outcome.tokens_per_second:,.0f} tok/s"
    lines = [("stopped" if outcome.stopped_by else "done", f"{done} · {pace}")]
    if outcome.evaluated and not outcome.stopped_by:
        lines += _judgement(outcome.evaluated, outcome.train_loss, plan)
    if outcome.checkpoint:
        lines += next_lines(outcome, plan)
    return lines


def _judgement(evaluated: Evaluated, train_loss: float | None, plan: Plan) -> list[Line]:
    """Is that number normal? In words, where there is something to compare with."""
    lines = []
    gzip = plan.corpus.gzip_bits_per_byte
    bits = plan.bits_per_byte(evaluated.loss)
    if gzip:
        beside = ", less than gzip" if bits < gzip else "; gzip still does better"
        lines.append(("result", f"{bits:.2f} bits per byte on unseen text{beside} ({gzip:.2f})"))
    if train_loss is not None and plan.passes > 2 and train_loss < 0.9 * evaluated.loss:
        gap = 100 * (1 - train_loss / evaluated.loss)
        lines.append(
            (
                "overfits",
                f"the loss on the training text is {gap:.0f} % lower: it learns the text by heart. "
                "Add text, or --dropout 0.2",
            )
        )
    return lines


def next_lines(outcome: Outcome, plan: Plan) -> list[Line]:
    """The next two commands, ready to paste."""
    write = [str(plan.folder), "--prompt", plan.opening]
    finished = outcome.steps >= plan.training.steps
    more = ["--steps", str(4 * plan.training.steps)] if finished else []
    return [
        ("try it", outcome.invocation.other("generate", write)),
        ("go further" if finished else "go on", outcome.invocation.resume(plan.folder, *more)),
    ]
