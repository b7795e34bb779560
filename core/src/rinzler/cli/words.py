"""Numbers as a person reads them, and text as a terminal can bear it.

Leaves out: any sentence. Read next: `lines.py`, where these words become lines.
"""

from __future__ import annotations

# Control characters, which a model of bytes writes before it knows better, as visible pictures:
# a terminal obeys some of them. A newline and a tab stay.
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
_VISIBLE = _PICTURES | {127: 0x2421} | {code: 0xFFFD for code in range(128, 160)}


def visible(text: str) -> str:
    """The text without anything that a terminal would take for an order."""
    return text.translate(_VISIBLE)


def size(nbytes: int) -> str:
    """1_840_000 -> "1.84 MB"."""
    return f"{nbytes} bytes" if nbytes < 1000 else _shortened(nbytes, ("kB", "MB", "GB"))


def tokens(number: int) -> str:
    """20_480 -> "20,480 tokens", 1_024_000 -> "1.02 M tokens"."""
    if number < 1_000_000:
        return f"{number:,} tokens"
    return f"{_shortened(number / 1000, ('M', 'G', 'T'))} tokens"


def _shortened(number: float, units: tuple[str, str, str]) -> str:
    """Three digits of a number, counted in the first unit that is large enough for it."""
    number /= 1000
    for unit in units[:2]:
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} {units[2]}"


def plural(number: int, noun: str) -> str:
    """(1, "document") -> "1 document"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """161 -> "2 min 41 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
