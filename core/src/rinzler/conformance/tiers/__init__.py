"""The tiers: what is checked, from the first byte to a training run, each of use by itself.

| tier | what it proves |
| --- | --- |
| `plugin` | the package is a good neighbour: light, complete, honest about what it lacks |
| `bringup` | ten facts about memory and the first kernels; where an author starts |
| `kernels` | every required kernel gives the oracle's numbers |
| `fused` | so does every other op, by the backend's kernel and by core's default |
| `memory` | and touches nothing else, wherever its operands lie |
| `capture` | a replayed step gives the bits of an eager one |
| `train` | twenty steps of a GPT follow the curve that float64 takes |
| `generate` | keys and values that are kept give the logits of the whole text |
| `determinism` | the same call gives the same bits, now and later |

`checks` is the one list behind every door. Read next: `bringup.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rinzler.conformance.check import Check
from rinzler.conformance.drawn import PREFIX, generated, parsed, spread
from rinzler.conformance.tiers import (
    bringup,
    capture,
    determinism,
    generate,
    kernels,
    memory,
    plugin,
    train,
)
from rinzler.errors import ConfigError

CASES = 4400  # generated ones in a run that says nothing else: a hundred for each op


@dataclass(frozen=True)
class Tier:
    """A name, and the checks that do not come from a generator."""

    name: str
    checks: Callable[[], Iterator[Check]]


TIERS: tuple[Tier, ...] = (
    Tier("plugin", plugin.checks),
    Tier("bringup", bringup.checks),
    Tier("kernels", kernels.required),
    Tier("fused", kernels.fused),
    Tier("memory", memory.checks),
    Tier("capture", capture.checks),
    Tier("train", train.checks),
    Tier("generate", generate.checks),
    Tier("determinism", determinism.checks),
)
NAMES = tuple(tier.name for tier in TIERS)


def checks(tiers: Sequence[str] = (), cases: int = CASES) -> Iterator[Check]:
    """The checks of these tiers, or of all; `cases` is the number of generated ones in all.

    Raises ConfigError for a tier that there is not.
    """
    for name in tiers:
        if name not in NAMES:
            raise ConfigError(f'there is no tier "{name}" (tiers: {", ".join(NAMES)})')
    for tier in TIERS:
        if tiers and tier.name not in tiers:
            continue
        yield from tier.checks()
        if tier.name in ("kernels", "fused"):
            drawn = (kernels.of_drawn(case) for case in spread(cases))
            yield from (check for check in drawn if check.tier == tier.name)


def selected(wanted: Sequence[str], tiers: Sequence[str] = (), cases: int = CASES) -> list[Check]:
    """The checks that ids or patterns mean; a generated case is found however large its number.

    Raises ConfigError for an id that means none.
    """
    found: dict[str, Check] = {}
    known = list(checks(tiers, cases))
    for each in wanted:
        matching = [check for check in known if check.matches(each)]
        matching = matching or beyond(each)
        if not matching:
            raise ConfigError(f'there is no check "{each}". All ids: rinzler check NAME --list')
        found.update({check.id: check for check in matching})
    return list(found.values())


def beyond(name: str) -> list[Check]:
    """The check of a generated case by its id, with or without the tier; [] for another id."""
    tier, slash, short = name.partition("/")
    case = parsed(short if slash and tier in NAMES else name)
    return [kernels.of_drawn(generated(*case))] if case else []


__all__ = ["CASES", "NAMES", "PREFIX", "TIERS", "Tier", "beyond", "checks", "selected"]
