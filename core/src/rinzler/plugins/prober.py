"""One plugin in a process of its own: describe it, open what it offers, and say how that went.

    python -P -m rinzler.plugins.prober rinzler-mine mine --facts

Whatever the plugin does here, hang, crash, print or leave, it does to nobody else. Standard output
belongs to the answer: a line of JSON for each stage that begins, then one with the result.
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
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code
from rinzler.plugins.manager import Plugins
from rinzler.plugins.model import Plugin


def probe(plugins: Plugins, plugin: Plugin, answers: TextIO, facts: bool) -> None:
    """Bring a plugin as far as it goes, and write down how far that is."""
    say(answers, stage="is described")
    plugins.describe([plugin])
    backends = [offer for offer in plugins.offers("backend") if offer.plugin is plugin]
    devices: dict[str, str] = {}
    told: dict[str, list[dict[str, Any]]] = {}
    for offer in backends:
        name = offer.info.name
        if offer.status.state == "ready":
            say(answers, stage=f"opens {name}")
            try:
                devices[name] = plugins.open_backend(offer.full_name).backend.caps.device_text
            except BackendError:
                continue  # it is in the offer's status
            if facts:
                say(answers, stage=f"tells of {name}")
                told[name] = facts_of(plugins, offer.full_name)
    reports = [plain(report) for report in plugins.reports("found")]
    say(answers, reports=reports, devices=devices, facts=told)


def facts_of(plugins: Plugins, name: str) -> list[dict[str, Any]]:
    """What a backend that is open says of itself; one that raises is quoted."""
    try:
        with plugin_code():
            return [asdict(fact) for fact in plugins.open_backend(name).backend.facts()]
    except PLUGIN_ERRORS as error:
        return [{"name": "facts", "value": f"asking for them raised {one_line(error)}"}]


def plain(report: Any) -> dict[str, Any]:
    """A report as JSON can hold it: its error stays behind, the traceback goes along."""
    return {name: value for name, value in vars(report).items() if name != "error"}


def say(answers: TextIO, **record: Any) -> None:
    answers.write(json.dumps(record) + "\n")
    answers.flush()


def main(words: Sequence[str]) -> None:
    """Keep the pipe to the parent for answers alone."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    distribution, name, *flags = words
    plugins = Plugins()
    plugins.found = [
        each for each in plugins.found if (each.distribution, each.name) == (distribution, name)
    ]
    for plugin in plugins.found:
        probe(plugins, plugin, answers, "--facts" in flags)


if __name__ == "__main__":
    main(sys.argv[1:])
