"""Cleaning: what becomes of each kind of paragraph, and what no text can make it do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler_corpus.cleaning import LONG, Cleaner

PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds that it does."
assert len(PROSE) > LONG


def clean(text: str) -> str:
    return Cleaner().clean(text)


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("\u2018a\u2019 \u201cb\u201d \u2013 c\u2014d\u2026", "'a' \"b\" - c--d..."),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a  \nb\t\n", "a\nb"),
        ("a\n\n\n \t\n\nb", "a\n\nb"),
        ("\ta", "        a"),
        ("call ``f(x)`` or `g`", 'call "f(x)" or "g"'),
        ("see :meth:`~A.b` and :py:class:`C`", 'see "A.b" and "C"'),
        ("a pair ``(a,\n  b)`` here", 'a pair "(a,\n  b)" here'),
        ("the `old' way isn't `new`", "the 'old' way isn't \"new\""),
        ("`args` and `kwargs` to the function's end", '"args" and "kwargs" to the function\'s end'),
        ("one ` alone", "one ' alone"),
        ("as follows::\n\n    x = 1", "as follows:\n\n    x = 1"),
        ("x = 1        # one", "x = 1  # one"),
        (".. versionadded:: 3.8\n   It is new.", "New in version 3.8: It is new."),
        ("  .. versionchanged:: 3.8 It grew.", "  Changed in version 3.8: It grew."),
        (".. deprecated:: 3.12\n   Use x.", "Deprecated since version 3.12: Use x."),
    ],
)
def test_one_spelling_for_everything(written: str, cleaned: str) -> None:
    assert clean(written) == cleaned


NOISE = {
    "foreign letters": "Fußballer play here.",
    "control characters": "A bell\a rings.",
    "doctest": "Example:\n>>> 1 + 1\n2",
    "columns": "name     what it is\nsize     how large it is",
    "grid table": "+---+\n| a |\n+---+",
    "simple table": "== ==\na b\n== ==",
    "directive": ".. seealso:: the manual",
    "directive without text": ".. versionadded:: 3.8",
    "web address": "See https://example.org for more.",
    "mail address": "By Ann <ann@example.org>",
    "rights": "Copyright (C) 2001 A. Person.",
    "authorship": "Written by A. Person in a hurry.",
    "hex": "0x12 0x34 0x56 0x78 0x9a 0xbc 0xde 0xf0 0x12 0x34 0x56 0x78 0x9a 0xbc 0xde",
    "shouting": "IN NO EVENT SHALL THE AUTHOR BE LIABLE TO ANY PARTY FOR DAMAGES OF ANY KIND",
    "bare list": "ordinary\ntriangular\nexponential\nlognormal\nnegative_exponential\nuniform",
}


@pytest.mark.parametrize("paragraph", NOISE.values(), ids=NOISE.keys())
def test_noise_goes_and_its_neighbours_stay(paragraph: str) -> None:
    assert clean(f"Before.\n\n{paragraph}\n\nAfter.") == "Before.\n\nAfter."


@pytest.mark.parametrize(
    "paragraph",
    [
        PROSE,
        "   async with EXPRESSION as TARGET:\n       SUITE",
        'See also "__aiter__()" and "__anext__()" for details.',
        "def f(x):\n    return x + 1\n\n    # a comment\n    y = f(2)",
        "The output is written by self.write(), below.",
        "Line separators are overwritten by the child class.",
        "Title\n=====\n\nText.",
        "object.__add__(self, other)\nobject.__sub__(self, other)\n\n   Arithmetic.",
        'static str.maketrans(x[, y[, z]])\n\n   Return "None".',
    ],
)
def test_what_reads_well_stays_as_it_is(paragraph: str) -> None:
    assert clean(paragraph) == paragraph


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("One.\n\nFor example:\n\n>>> 1\n1", "One."),
        ("One.\n\nThe call\n\n>>> f()\n\nis translated to\n\n>>> g()", "One."),
        ("f(x)\n\n   >>> f(1)\n\ng(x)\n\n   Text.", "g(x)\n\n   Text."),
        ("f(x)\n\nText that is not below it.", "Text that is not below it."),
        (
            "A\n*\n\nText.\n\nB B\n===\n\n>>> 1\n\nC C\n===\n\nMore.",
            "A\n*\n\nText.\n\nC C\n===\n\nMore.",
        ),
        ("Top\n***\n\nSub\n===\n\nText.", "Top\n***\n\nSub\n===\n\nText."),
        ("Top\n***\n\nSub\n===\n\n>>> 1", ""),
        ("f(x)", ""),
        (">>> 1", ""),
        ("", ""),
    ],
)
def test_what_led_to_noise_goes_with_it(text: str, left: str) -> None:
    assert clean(text) == left


def test_a_text_is_kept_once_whatever_its_length() -> None:
    cleaner = Cleaner()
    assert [cleaner.clean(text) for text in ("Stub.", "Stub.", "Stub!")] == ["Stub.", "", "Stub!"]


def test_a_long_paragraph_is_kept_once_however_it_is_wrapped() -> None:
    cleaner = Cleaner()
    cleaner.clean(PROSE)
    wrapped = "   " + PROSE.replace("lazy ", "lazy\n   ")
    longer = PROSE.replace("dog", "dog of a new and somewhat longer thought")
    assert cleaner.clean(f"{wrapped}\n\n{longer}") == longer
    assert cleaner.clean(f"{PROSE}\n\nToo little that is new.") == ""


def test_short_paragraphs_may_come_again() -> None:
    cleaner = Cleaner()
    cleaner.clean("Note:\n\n  One thing.")
    assert cleaner.clean("Note:\n\n  Another thing.") == "Note:\n\n  Another thing."


def test_a_text_that_repeats_itself_says_it_once() -> None:
    longer = PROSE.replace("fox", "animal of red fur")
    assert clean(f"{PROSE}\n\n{longer}\n\n{PROSE}") == f"{PROSE}\n\n{longer}"


@settings(deadline=None)  # nothing here is about time
@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("`'\n\r\t :.#=*>()a3")))
def test_any_text_comes_out_in_printable_ascii(text: str) -> None:
    cleaned = clean(text)
    assert re.fullmatch(r"[\n -~]*", cleaned)
    assert not re.search(r" $|\n\n\n|^\n|\n\Z|`", cleaned, re.MULTILINE) or cleaned == ""
