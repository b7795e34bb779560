"""`rinzler-generate`: a checkpoint goes on with prompts, on stdout, as the text comes.

Prompts are those of the command line, or what is piped in, or, at a terminal, what is typed: a loop
that Ctrl-D ends. A prompt is written first, so that stdout holds the whole text; several texts grow
at once and are written one after the other. On a terminal, control characters become visible; into
a file or a pipe the text goes as it is.
Leaves out: how text is drawn (`rinzler.generate`). Read next: `listing.py`.
"""

from __future__ import annotations

import contextlib
import json as json_module
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from rinzler.cli import rundir
from rinzler.cli.device import chosen_for, name_of
from rinzler.cli.found import find_checkpoint
from rinzler.cli.invocation import quoted
from rinzler.cli.signals import StopRequest
from rinzler.cli.streams import hear_utf8, say
from rinzler.cli.words import tokens, visible
from rinzler.config import Sampling
from rinzler.data import Tokenizer
from rinzler.errors import EXIT_OK, ConfigError, DataError
from rinzler.generate import Decoders, Piece, generate_many
from rinzler.gpt import GPT
from rinzler.restore import load_model

START = "\n"  # what goes before the first word, where no prompt is given
LOOP = "type a prompt; Ctrl-D ends, Ctrl-C stops a text"


@dataclass(frozen=True)
class GenerateRequest:
    """All that was asked of `rinzler-generate`."""

    run: str | None
    prompts: tuple[str, ...]
    sampling: Sampling
    backend: str = "auto"
    device: int | None = None
    threads: int | None = None
    json: bool = False
    verbose: bool = False


def write(request: GenerateRequest) -> int:
    """Write text from a run's newest checkpoint. Raises RinzlerError."""
    if request.run is None:
        newest = rundir.newest_run()
        hint = quoted("rinzler-generate", newest) if newest else "rinzler-train makes one"
        raise ConfigError(f"name a run's folder or a checkpoint: {hint}")
    found = find_checkpoint(request.run)
    choice = chosen_for(
        found.saved, request.backend, request.device, request.threads, request.verbose
    )
    writer = Writer(*load_model(found.saved, choice.device), request)
    say(f"{found.path} · step {found.step:,} · {name_of(choice)}")
    if not request.prompts and sys.stdin is not None and sys.stdin.isatty():
        return prompt_loop(writer)
    stop = writer.write(request.prompts or [piped()])
    if stop.name:
        say("stopped")
    return stop.exit_code


def piped() -> str:
    """What was piped in, without its last line end, which is that of `echo`.

    Raises DataError for what is not UTF-8.
    """
    if sys.stdin is None:  # a process without one
        return ""
    hear_utf8("strict")
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as cause:
        raise DataError(
            f"the prompt from stdin is not UTF-8: byte {cause.start} is "
            f"0x{cause.object[cause.start]:02x}. Convert it: iconv -f LATIN1 -t UTF-8"
        ) from cause


class Writer:
    """A model, and where its texts go."""

    def __init__(self, model: GPT, tokenizer: Tokenizer, request: GenerateRequest) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.request = request
        self.decoders = Decoders(model)  # the next prompt replays what this one has recorded

    def write(self, prompts: Sequence[str]) -> StopRequest:
        """All texts of the prompts, until somebody asks to stop: the answer says who.

        A request is a note and no exception, which Python drops where it strikes a `__del__`.
        """
        begun, count = perf_counter(), 0
        starts = [prompt or START for prompt in prompts]
        texts = Texts(prompts, self.request)
        with StopRequest(lambda signal: None) as stop:
            for piece in generate_many(
                self.model, self.tokenizer, starts, self.request.sampling, self.decoders
            ):
                count += 1
                texts.add(piece)
                if stop.name:
                    break
        texts.close()
        if self.request.verbose:
            seconds = perf_counter() - begun
            say(f"{tokens(count)} in {seconds:.2f} s · {count / seconds:,.0f} tokens/s")
        return stop


class Texts:
    """Texts that grow at once, written in their order: one as it comes, those after it later."""

    def __init__(self, prompts: Sequence[str], request: GenerateRequest) -> None:
        self.prompts = prompts
        self.samples = request.sampling.num_samples
        self.total = len(prompts) * self.samples
        self.json = request.json
        self.shown = visible if sys.stdout.isatty() else str
        self.now = 0  # the text that is written as it comes
        self.open = False  # whether some of it stands there
        self.grown: dict[int, list[Piece]] = {}  # of those after it

    def add(self, piece: Piece) -> None:
        self.grown.setdefault(piece.number, []).append(piece)
        while self.now in self.grown:
            pieces = self.grown[self.now]
            if self.json:
                if not pieces[-1].ended:
                    return
                self._write_record(pieces)
            else:
                self._write_text(pieces)
            del self.grown[self.now]
            if not pieces[-1].ended:
                return
            self.now += 1

    def close(self) -> None:
        """A text that somebody stopped still ends its line."""
        if self.open:
            self._put("\n")

    def _write_text(self, pieces: Sequence[Piece]) -> None:
        text = "".join([piece.text for piece in pieces])
        if not self.open:
            heading = f"── text {self.now + 1} of {self.total} ──\n" if self.total > 1 else ""
            text = heading + self.shown(self.prompts[self.now // self.samples] + text)
        else:
            text = self.shown(text)
        self.open = not pieces[-1].ended
        self._put(text if self.open else text + "\n")

    def _write_record(self, pieces: Sequence[Piece]) -> None:
        prompt, sample = divmod(self.now, self.samples)
        record = {
            "prompt": self.prompts[prompt],
            "sample": sample,
            "text": "".join([piece.text for piece in pieces]),
            "tokens": pieces[-1].tokens,
            "ended": pieces[-1].ended,
        }
        self._put(json_module.dumps(record, ensure_ascii=False) + "\n")

    def _put(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def prompt_loop(writer: Writer) -> int:
    """Prompts as they are typed, until Ctrl-D. Ctrl-C stops a text and not the loop."""
    with contextlib.suppress(ImportError):  # not everywhere; it lets a line be edited and recalled
        import readline  # noqa: F401
    hear_utf8("replace")
    say(LOOP)
    for prompt in typed():
        stop = writer.write([prompt])
        if stop.name not in ("", "SIGINT"):
            return stop.exit_code
    return EXIT_OK


def typed() -> Iterator[str]:
    """Lines from the terminal."""
    while True:
        try:
            yield input("> ")
        except KeyboardInterrupt:
            sys.stdout.write("\n")  # a line that is given up
        except EOFError:
            sys.stdout.write("\n")
            return
