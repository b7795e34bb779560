"""One plugin in a process of its own: describe it, open what it offers, and say how that went.

    RINZLER_PLUGINS=rinzler-mine:mine python -P -m rinzler.plugins.prober --facts

The variable keeps all other plugins out. Whatever this one does here, hang, crash, print or leave,
it does to nobody else. Standard output belongs to the answer: a line of JSON for each stage that
begins, then one with the result, or with the harm that it does to its host (`manners.py`).
Read next: `probing.py`, the other end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from rinzler.errors import BackendError
from rinzler.ops import PROTOCOL
from rinzler.plugins import manners
from rinzler.plugins.apart import answers_alone
from rinzler.plugins.manager import plugins
from rinzler.plugins.telling import facts_of
from rinzler.plugins.verdicts import FACTS, plain

ENCODE = json.JSONEncoder().encode  # our own: a plugin may have replaced `json.dumps`


def probe(answers: TextIO, wants_facts: bool, number: int | None) -> None:
    """Bring the plugin as far as it goes, and write down how far that is."""
    known = plugins()
    before = manners.noted()
    say(answers, stage="is described")
    known.describe()
    leave_with(answers, manners.changed(before), "is described")
    devices: dict[str, str] = {}
    for offer in known.offers("backend"):
        # A device that is named may be one that the backend would not take by itself.
        if number is None and offer.status.state != "ready":
            continue
        name = offer.full_name if number is None else f"{offer.full_name}:{number}"
        say(answers, stage=f"opens {offer.info.name}")
        try:
            device = known.open_backend(name)
        except BackendError:
            continue  # it is in the offer's status
        finally:
            leave_with(answers, manners.changed(before, opened=True), f"opens {offer.info.name}")
        devices[offer.info.name] = device.backend.caps.device_text
    reports = [each for each in known.reports("found") if each.state != "blocked"]
    told = {}
    for report in reports if wants_facts else ():
        say(answers, stage=f"tells of {report.name}")
        told[report.name] = [asdict(fact) for fact in facts_of(report, number)]
    found = [plain(each) for each in reports]
    flags = [flag for offer in known.offers("options") for flag in offer.info.flags]
    say(answers, reports=found, devices=devices, facts=told, protocol=PROTOCOL, flags=flags)


def leave_with(answers: TextIO, change: str, stage: str) -> None:
    """End here if the plugin has changed what is not its own; its threads need not end first."""
    if change:
        say(answers, harm=f"it {change} when it {stage}")
        os._exit(0)


def say(answers: TextIO, **record: Any) -> None:
    answers.write(ENCODE(record) + "\n")
    answers.flush()


def main(words: Sequence[str]) -> None:
    """Answer what the parent asks with the words of a command line."""
    answers = answers_alone()
    manners.watch()
    numbers = [int(word) for word in words if word.isdecimal()]
    probe(answers, FACTS in words, numbers[0] if numbers else None)


if __name__ == "__main__":
    main(sys.argv[1:])
