"""`rinzler-generate`: where prompts come from, what stands on stdout, how one leaves the loop."""

from __future__ import annotations

import builtins
import io
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rinzler.generate import Piece
from rinzler.plugins.select import Choice

RUN = "runs/fox-001"
SAID = f"{Path('runs', 'fox-001', 'step-000006.safetensors')} · step 6 · numpy\n"


@pytest.fixture
def trained(shell):
    assert shell.train("fox.txt", "--quiet")[0] == 0
    return shell


# --- one text and several ---------------------------------------------------------------------


def test_each_text_is_the_one_that_a_prompt_has_alone(trained) -> None:
    words = ("rinzler-generate", RUN, "--tokens", "9", "--seed", "4")
    alone = [trained(*words, "--prompt", prompt)[1] for prompt in ("the ", "Ünder")]
    assert alone[0].startswith("the ")
    code, out, err = trained(*words, "--prompt", "the ", "--prompt", "Ünder", "--num-samples", "2")
    assert (code, err) == (0, SAID)
    parts = [part for part in out.split("── text ")[1:]]
    assert [part.partition("\n")[0] for part in parts] == [f"{n} of 4 ──" for n in (1, 2, 3, 4)]
    texts = [part.partition("\n")[2] for part in parts]
    assert texts[0] == alone[0]
    assert texts[2] == alone[1]
    assert len(set(texts)) == 4
    assert out == "".join(f"── text {n} of 4 ──\n{text}" for n, text in enumerate(texts, 1))


def test_records(trained) -> None:
    words = ("rinzler-generate", RUN, "--tokens", "9", "--prompt", "the ", "--prompt", "fox")
    code, out, err = trained(*words, "--num-samples", "2", "--json")
    assert (code, err) == (0, SAID)
    records = [json.loads(line) for line in out.splitlines()]
    assert [(each["prompt"], each["sample"]) for each in records] == [
        ("the ", 0), ("the ", 1), ("fox", 0), ("fox", 1),
    ]  # fmt: skip
    assert [set(each) for each in records] == [{"prompt", "sample", "text", "tokens", "ended"}] * 4
    assert {(each["tokens"], each["ended"]) for each in records} == {(9, "tokens")}
    assert trained(*words)[1].split("──\n")[1].startswith("the " + records[0]["text"])


def test_a_stop_ends_a_text_and_is_not_written(trained) -> None:
    words = ("rinzler-generate", RUN, "--prompt", "x", "--tokens", "60", "--temperature", "2")
    whole = trained(*words)[1].removeprefix("x").removesuffix("\n")
    stop = whole[20:22]
    code, out, _ = trained(*words, "--stop", "no such text", "--stop", stop)
    assert code == 0
    assert out == f"x{whole[: whole.index(stop)]}\n"


def test_every_way_of_sampling_reaches_the_model(trained) -> None:
    words = ("rinzler-generate", RUN, "--prompt", "x", "--tokens", "30")
    plain = trained(*words)[1]
    for more in (
        ("--top-k", "3"),
        ("--top-p", "0.3"),
        ("--min-p", "0.8"),
        ("--repetition-penalty", "3"),
        ("--temperature", "0.1"),
        ("--seed", "1"),
    ):
        code, out, _ = trained(*words, *more)
        assert (code, out != plain) == (0, True), more
    assert trained(*words)[1] == plain


def test_texts_grow_at_once_and_are_written_in_order(
    trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What belongs to a later text waits; nothing else does."""
    at_each: list[str] = []
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    script = [(0, "a", ""), (1, "A", ""), (0, "b", ""), (1, "B", "stop"), (0, "", "tokens")]

    def given(*_: object) -> Iterator[Piece]:
        for number, text, ended in script:
            yield Piece(number, text, 1, ended)
            at_each.append(out.getvalue().replace("\n", "|"))

    monkeypatch.setattr("rinzler.cli.generate.generate_many", given)
    trained("rinzler-generate", RUN, "--prompt", "p", "--prompt", "q")
    first = "── text 1 of 2 ──|pa"
    assert at_each == [
        first,
        first,
        first + "b",
        first + "b",
        first + "b|── text 2 of 2 ──|qAB|",
    ]


# --- from a pipe ------------------------------------------------------------------------------


def test_a_prompt_from_a_pipe(trained) -> None:
    words = ("rinzler-generate", RUN, "--tokens", "9")
    expected = trained(*words, "--prompt", "Ünder\nthe 🙂")[1]
    assert trained(*words, piped="Ünder\nthe 🙂\n".encode()) == (0, expected, SAID)
    assert trained(*words, piped="Ünder\nthe 🙂".encode())[1] == expected
    assert trained(*words, "--prompt", "x", piped=b"not read")[1].startswith("x")


def test_a_pipe_that_is_no_text(trained) -> None:
    code, out, err = trained("rinzler-generate", RUN, piped=b"caf\xe9 noir")
    assert (code, out) == (2, "")
    assert err == SAID + (
        "error: the prompt from stdin is not UTF-8: byte 3 is 0xe9. "
        "Convert it: iconv -f LATIN1 -t UTF-8\n"
    )


# --- the loop ---------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(trained, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Start the loop and type these lines; an exception is what the terminal raises."""

    def start(*lines: str | type[BaseException], flags: tuple[str, ...] = ()):
        left = iter(lines)

        def type_one(prompt: str) -> str:
            assert prompt == "> "
            line = next(left, EOFError)
            if not isinstance(line, str):
                raise line
            return line

        monkeypatch.setattr(builtins, "input", type_one)
        monkeypatch.setattr("io.TextIOWrapper", lambda *_, **__: Terminal())
        return trained("rinzler-generate", RUN, "--tokens", "5", *flags)

    return start


def test_a_loop_of_prompts(trained, typing) -> None:
    alone = [trained("rinzler-generate", RUN, "--tokens", "5", "--prompt", p)[1] for p in "ab"]
    code, out, err = typing("a", KeyboardInterrupt, "b", "")
    assert code == 0
    assert out.startswith(f"{alone[0]}\n{alone[1]}")  # the given up line ends
    assert err == SAID + "type a prompt; Ctrl-D ends, Ctrl-C stops a text\n"
    assert out.endswith("\n\n")


def interrupting(name: str) -> Iterator[Piece]:
    for number in range(1000):
        if number == 3:
            signal.raise_signal(getattr(signal, name))
        yield Piece(0, "x", number + 1)


def test_ctrl_c_stops_a_text_and_not_the_loop(typing, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("rinzler.cli.generate.generate_many", lambda *_: interrupting("SIGINT"))
    code, out, _ = typing("a", "b")
    assert (code, out) == (0, "axxxx\nbxxxx\n\n")
    assert signal.getsignal(signal.SIGINT) is handler


def test_sigterm_ends_the_loop_too(typing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rinzler.cli.generate.generate_many", lambda *_: interrupting("SIGTERM"))
    code, out, _ = typing("a", "b")
    assert (code, out) == (143, "axxxx\n")


def test_ctrl_c_outside_of_the_loop_ends_the_command(
    trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rinzler.cli.generate.generate_many", lambda *_: interrupting("SIGINT"))
    code, out, err = trained("rinzler-generate", RUN, "--prompt", "a")
    assert (code, out, err) == (130, "axxxx\n", SAID + "stopped\n")


class Dropping:
    """Whoever drops one drops what is raised meanwhile, too: Python's rule for `__del__`."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_a_ctrl_c_that_strikes_where_exceptions_get_lost(
    trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pieces(*_: object) -> Iterator[Piece]:
        for number in range(1000):
            if number == 3:
                Dropping()
            yield Piece(0, "x", number + 1)

    monkeypatch.setattr("rinzler.cli.generate.generate_many", pieces)
    code, out, err = trained("rinzler-generate", RUN, "--prompt", "a")
    assert (code, out, err) == (130, "axxxx\n", SAID + "stopped\n")


# --- what is said -----------------------------------------------------------------------------


def test_what_was_passed_over_is_only_said_when_asked(
    trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rinzler.cli import device

    real = device.chosen

    def with_note(*request: object) -> Choice:
        choice = real(*request)  # type: ignore[arg-type]
        return Choice(choice.name, choice.device, choice.reason, ("passed over a GPU",))

    monkeypatch.setattr(device, "chosen", with_note)
    generate = ("rinzler-generate", RUN, "--prompt", "a", "--tokens", "4")
    evaluate = ("rinzler", "eval", RUN, "fox.txt")
    for words in (generate, evaluate):
        assert trained(*words)[2] == SAID
        for flag in ("-v", "--verbose"):
            assert trained(*words, flag)[2].startswith("passed over a GPU\n" + SAID)
    pace = trained(*generate, "-v")[2].splitlines()[-1]
    assert pace.startswith("4 tokens in ")
    assert pace.endswith(" tokens/s")


REFUSALS = [
    (("--top-p", "0"), "--top-p is 0.0, expected 0 < --top-p ≤ 1; 1: draw from all"),
    (("--top-k", "-2"), "--top-k is -2, expected a whole number of at least 0"),
    (("--num-samples", "0"), "--num-samples is 0, expected a whole number of at least 1"),
    (("--stop", ""), "--stop is ('',), expected texts of a character or more"),
    (("--tokens", "many"), "--tokens is 'many', expected a whole number."),
]


@pytest.mark.parametrize(("words", "message"), REFUSALS)
def test_what_cannot_be(shell, words: tuple[str, ...], message: str) -> None:
    code, said = shell.refused("rinzler-generate", "x", *words)
    assert code == 2
    assert said.startswith(message)


def test_threads_and_devices_are_asked_for_as_in_training(trained) -> None:
    words = ("rinzler-generate", RUN, "--prompt", "a", "--tokens", "3", "--backend", "numpy")
    assert trained(*words, "--threads", "1")[0] == 0
    for flag, value, message in (
        ("--threads", "0", "error: --threads is 0, expected a whole number of at least 1\n"),
        ("--device", "-1", "error: --device is -1, expected a whole number of at least 0\n"),
    ):
        code, out, err = trained(*words, flag, value)
        assert (code, out, err) == (2, "", message)
