"""Turn documentation into text that a small model can learn from.

A model of under a million parameters that trains for minutes sees about a megabyte. Every byte it
spends on a table of constants, a session of `Decimal` digits or a page that it has seen already is
a byte not spent on English and Python. So: one alphabet (printable ASCII), one markup (that of the
language reference), and only paragraphs that read as sentences or as code, each of them once.

The unit is the paragraph, what stands between two blank lines. It stays as its author wrapped it.
Leaves out: judging what is true or well written. README.md has the sizes before and after.
Read next: `build.py`, which sets the pieces in order.
"""

from __future__ import annotations

import itertools
import re

# Typography that has an ASCII spelling. What is not in here and not ASCII drops its paragraph.
ASCII = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "--",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{NO-BREAK SPACE}": " ",
        "\N{FORM FEED}": "\n",
    }
)

# The reference writes "name" for code and 'name' in quotes; docstrings know six ways to write the
# two. From the most marked to the least, as each pattern would match inside the one before it.
MARKED = r"([^`\n]+(?:\n[^`\n]+)?)"  # within one paragraph, over at most one line end
DIRECTIVE = r"(?m)^( *)\.\. {}:: (\S+)(?: +|\n +)(?=\S)"  # the sentence after it stays
MARKUP = (
    (re.compile(rf"(?::[a-z]+)?:[a-z]+:`[~!]?{MARKED}`"), r'"\1"'),  # :class:`~a.name`
    (re.compile(rf"``{MARKED}``"), r'"\1"'),  # ``name``
    (re.compile(r"(?<!\w)`([^\s`'][^`'\n]*)'(?!\w)"), r"'\1'"),  # `name', older than Unicode
    (re.compile(rf"`{MARKED}`"), r'"\1"'),  # `name`
    (re.compile(r"`"), "'"),  # what lost its partner
    (re.compile(r"::$", re.MULTILINE), ":"),  # an example follows::
    (re.compile(r"(?<=\S) {3,}#"), "  #"),  # comments lined up in a column
    (re.compile(DIRECTIVE.format("versionadded")), r"\1New in version \2: "),
    (re.compile(DIRECTIVE.format("versionchanged")), r"\1Changed in version \2: "),
    (re.compile(DIRECTIVE.format("deprecated")), r"\1Deprecated since version \2: "),
)

BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
SIGNATURE = re.compile(r"(?:[a-z]+ )?[A-Za-z_][\w.]*\(.*\)")
FOREIGN = re.compile(r"[^\n -~]")
UNDERLINE = re.compile(r"([*=\-~^\"#])\1+")

# Noise, each with the sample that made us look for it.
NOISE = (
    re.compile(r"^\s*>>>", re.MULTILINE),  # >>> Decimal('1.41') ** 2: values nobody can predict
    re.compile(r"\S {3,}\S"),  # tables, grammars and diagrams: text set in columns
    re.compile(r"^\s*(?:[+|].*[+|]|[=-]{2,}(?: +[=-]{2,})+)$", re.MULTILINE),  # +---+ and === ===
    re.compile(r"^\s*\.\. ", re.MULTILINE),  # .. seealso:: and what else is for a renderer
    re.compile(r"://|\bwww\.|[\w.]@\w+\.\w"),  # addresses of pages and people
    re.compile(r"(?i:copyright|all rights reserved|warrant)|[Ww]ritten by [A-Z]|\([Cc]\) \d"),
)
# These are measured on long paragraphs only: a short one has too few letters to judge by.
MIN_READABLE = 0.70  # share of letters, spaces and "_"; prose has 0.95, hex dumps have 0.3
MAX_CAPITALS = 0.40  # of the letters: SSL_ERROR_WANT_READ and licences that shout
MIN_WORDS_PER_LINE = 1.5  # of four lines or more: bare lists of names

LONG = 60  # characters; a shorter paragraph may come twice: "Return self." is a figure of speech


class Cleaner:
    """Cleans text after text, and remembers all of them so that nothing is said twice."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def clean(self, text: str) -> str:
        """The paragraphs of `text` worth learning, one blank line between them; "" if none is.

        A text of which more than half came before (the chapter on `with` repeats what the one on
        compound statements says) is dropped altogether: its remains would make no sense.
        """
        whole = fingerprint(text)
        paragraphs = BLANK_LINES.split(normalise(text).strip("\n"))
        here: set[str] = set()
        copies = []
        for paragraph in paragraphs:
            key = fingerprint(paragraph)
            copies.append(len(paragraph) >= LONG and (key in self.seen or key in here))
            here.add(key)
        copied = sum(map(len, itertools.compress(paragraphs, copies)))
        if whole in self.seen or 2 * copied > sum(map(len, paragraphs)):
            return ""
        self.seen |= here | {whole}
        judged = [(p, copy or is_noise(p)) for p, copy in zip(paragraphs, copies, strict=True)]
        return "\n\n".join(without_orphans(judged))


def fingerprint(text: str) -> str:
    """The text without its line breaks and indentation."""
    return " ".join(text.split())


def normalise(text: str) -> str:
    """ASCII typography, `\\n` for every line end, no trailing spaces, the reference's markup."""
    text = text.translate(ASCII).replace("\r\n", "\n").replace("\r", "\n").expandtabs()
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    return text


def is_noise(paragraph: str) -> bool:
    """True for what a reader's eye jumps over: tables, numbers, lists of constants, addresses."""
    if FOREIGN.search(paragraph) or not paragraph.strip():
        return True
    if is_heading(paragraph) or is_signature(paragraph):
        return False
    if any(pattern.search(paragraph) for pattern in NOISE):
        return True
    return len(paragraph) >= LONG and not is_readable(paragraph)


def is_readable(paragraph: str) -> bool:
    """True where letters, lower case and more than a word per line prevail, as in prose or code."""
    flat = fingerprint(paragraph)
    lines = paragraph.count("\n") + 1
    letters = sum(map(str.isalpha, flat))
    capitals = sum(map(str.isupper, flat))
    return (
        letters + flat.count(" ") + flat.count("_") >= MIN_READABLE * len(flat)
        and capitals <= MAX_CAPITALS * letters
        and (lines < 4 or len(flat.split()) >= MIN_WORDS_PER_LINE * lines)
    )


def without_orphans(judged: list[tuple[str, bool]]) -> list[str]:
    """Of (paragraph, dropped) pairs the kept ones, less what only led to something dropped.

    "For example:" without its example, a signature without its description and a heading without
    its section teach a model that the one does not follow from the other. Read backwards, so that
    a heading sees what is left below it.
    """
    kept: list[str] = []
    led_to_dropped = False
    for paragraph, dropped in reversed(judged):
        below = kept[-1] if kept else ""
        led_to_dropped = (
            dropped
            or (led_to_dropped and not paragraph.endswith((".", "!", "?", ")")))
            or (is_signature(paragraph) and not below.startswith(" "))
            or (is_heading(paragraph) and is_empty_section(paragraph, below))
        )
        if not led_to_dropped:
            kept.append(paragraph)
    return kept[::-1]


def is_heading(paragraph: str) -> bool:
    """True for a title of one line with its underline."""
    _title, _, underline = paragraph.partition("\n")
    return UNDERLINE.fullmatch(underline) is not None


def is_signature(paragraph: str) -> bool:
    """True for lines like `str.join(iterable)`, which the reference describes below them."""
    return all(SIGNATURE.fullmatch(line) for line in paragraph.split("\n"))


def is_empty_section(heading: str, below: str) -> bool:
    """True where a heading is followed by nothing, or by another one of its own level."""
    return not below or (is_heading(below) and below[-1] == heading[-1])
