"""What failing calls have in common, and the others have not: "accumulate=True and N is odd".

A rule is true of every failing call. Of all rules the one is taken that the fewest passing calls
obey, and to it others are added while each takes a quarter at least of the passing calls away.
Small numbers have much in common by accident, so a rule is believed only if failing calls drawn at
random would obey it with a probability below `CHANCE`; and rules that leave more than half of the
passing calls say too little. Then there is no answer, rather than an odd one.

Leaves out: alternatives ("M or N is odd"). Read next: `grouped.py`, which asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, floor, lgamma, log10

from rinzler.conformance.traits import Traits

CHANCE = 1e-3  # what remains of it after some hundred rules have been tried: a tenth
MOST = 3  # rules in a sentence
DIVISORS = (2, 4, 8, 16, 32, 64, 128, 256)
# What fits itself to what it sees has to say more than a plain statement does.
PLAIN, DIVISIBLE, THRESHOLD, MAGNITUDE = 1.0, 1.1, 1.5, 3.0


@dataclass(frozen=True)
class Call:
    """A call that passed or failed, and the case that it is of: calls of one case are alike."""

    case: str
    failed: bool
    traits: Traits


@dataclass(frozen=True)
class Common:
    """What all failing calls have in common."""

    words: str  # "accumulate=True and N is odd"
    obeying: int  # calls of which this is true
    failing: int  # of these
    others: int  # calls of which it is not true, and which pass


@dataclass(frozen=True)
class Rule:
    words: str
    weight: float
    holds: Callable[[Traits], bool]


def common(calls: Sequence[Call]) -> Common | None:
    """None where nothing plain sets the failing calls apart."""
    failing = [call for call in calls if call.failed]
    cases = len({call.case for call in failing})
    if not failing:
        return None
    rules = list(_rules([call.traits for call in failing]))
    chosen: list[Rule] = []
    left = list(calls)
    while len(chosen) < MOST and len(left) > len(failing):
        best, obeying = _best(rules, left)
        passing = len(obeying) - len(failing)
        if _accident(len(left), len(obeying), len(failing), cases) > CHANCE:
            break
        if passing > 0.75 * (len(left) - len(failing)):
            break
        chosen.append(best)
        left = obeying
    if 2 * (len(left) - len(failing)) > len(calls) - len(failing) or not chosen:
        return None
    words = " and ".join(rule.words for rule in chosen)
    return Common(words, len(left), len(failing), len(calls) - len(left))


def _accident(calls: int, obeying: int, failing: int, cases: int) -> float:
    """The probability that failing calls, drawn at random, are all among the obeying ones.

    C(obeying, failing) / C(calls, failing), if all were independent; those of one case are not,
    so no more of them count than there are cases.
    """

    def log_choose(n: int, k: int) -> float:
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

    log = log_choose(obeying, failing) - log_choose(calls, failing)
    return exp(log * cases / failing)


def _best(rules: Sequence[Rule], calls: Sequence[Call]) -> tuple[Rule, list[Call]]:
    """The rule that the fewest calls obey, and these calls; of equal ones the plainest."""
    found = [(rule, [call for call in calls if rule.holds(call.traits)]) for rule in rules]
    failing = sum(call.failed for call in calls)
    return min(found, key=lambda each: (len(each[1]) - failing + 1) * each[0].weight)


def _rules(failing: Sequence[Traits]) -> Iterator[Rule]:
    """Everything that could be said of all failing calls."""
    first = failing[0]
    for words in sorted(first.statements):
        if all(words in traits.statements for traits in failing):
            yield _stated(words)
    for name in first.sizes:
        if all(name in traits.sizes for traits in failing):
            yield from _of_size(name, [traits.sizes[name] for traits in failing])
    for name in first.magnitudes:
        if all(name in traits.magnitudes for traits in failing):
            yield from _of_magnitude(name, [traits.magnitudes[name] for traits in failing])


def _stated(words: str) -> Rule:
    return Rule(words, PLAIN, lambda traits: words in traits.statements)


def _of_size(name: str, seen: Sequence[int]) -> Iterator[Rule]:
    low, high = min(seen), max(seen)
    if low == high:
        yield _sized(name, f"= {low}", THRESHOLD, lambda n: n == low)
    if all(seen):
        yield _sized(name, "is not 0", DIVISIBLE, lambda n: n != 0)
    for k in DIVISORS:
        if all(n % k for n in seen):
            words = "is odd" if k == 2 else f"is no multiple of {k}"
            yield _sized(name, words, DIVISIBLE, partial(_leaves_a_rest, k))
        if all(n % k == 0 for n in seen):
            words = "is even" if k == 2 else f"is a multiple of {k}"
            yield _sized(name, words, DIVISIBLE, partial(_is_multiple, k))
    yield _sized(name, f"≥ {low}", THRESHOLD, lambda n: n >= low)
    yield _sized(name, f"≤ {high}", THRESHOLD, lambda n: n <= high)


def _leaves_a_rest(k: int, n: int) -> bool:
    return n % k != 0


def _is_multiple(k: int, n: int) -> bool:
    return n % k == 0


def _sized(name: str, words: str, weight: float, test: Callable[[int], bool]) -> Rule:
    def holds(traits: Traits) -> bool:
        return name in traits.sizes and test(traits.sizes[name])

    return Rule(f"{name} {words}", weight, holds)


def _of_magnitude(name: str, seen: Sequence[float]) -> Iterator[Rule]:
    low, high = _floor(min(seen)), max(seen)
    shown = f"{high:.2g}"

    def large(traits: Traits) -> bool:
        return traits.magnitudes.get(name, -1.0) >= low

    def small(traits: Traits) -> bool:
        return name in traits.magnitudes and traits.magnitudes[name] <= high

    yield Rule(f"{name} reaches {low:g}", MAGNITUDE, large)
    yield Rule(f"{name} stays at or below {shown}", MAGNITUDE, small)


def _floor(value: float) -> float:
    """Down to two digits."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (floor(log10(value)) - 1)
    return min(value, floor(value / unit) * unit)
