"""The tier `plugin`: the package around a backend is a good neighbour.

Listing plugins runs the light module of each, whoever asks and whatever for; so it must import next
to nothing, print nothing, and say truly what the backend needs. What a fresh process does is looked
at in a fresh process (`neighbour.py`). Read next: `training.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.neighbour import asked
from rinzler.conformance.subject import Subject
from rinzler.errors import PluginError
from rinzler.ops import PROTOCOL, Device
from rinzler.plugins.opening import self_check


def checks() -> Iterator[Check]:
    for fact in (
        metadata_is_complete,
        light_module_is_light,
        light_module_is_silent,
        opens_twice,
        can_be_blocked,
        names_what_is_missing,
    ):
        yield Check(f"plugin/{fact.__name__}", fact)


def metadata_is_complete(subject: Subject) -> Outcome:
    """What `rinzler backends` and `pip` have to know."""
    info, plugin = subject.offer.info, subject.offer.plugin
    wrong = []
    if plugin.name != info.name:
        wrong.append(
            f"the entry point is called {plugin.name!r} and the backend {info.name!r}: one name "
            "lets `--backend` find it without importing any other plugin"
        )
    if not plugin.version:
        wrong.append(f"distribution {plugin.distribution!r} has no version")
    if not info.summary:
        wrong.append("BackendInfo.summary is empty: say in one line what it is for")
    if info.protocol[0] != PROTOCOL[0]:
        wrong.append(f"BackendInfo.protocol is {info.protocol}, core speaks {PROTOCOL}")
    if (info.requires or info.probe) and not info.install_hint:
        wrong.append("BackendInfo.install_hint is empty: say what mends a missing requirement")
    if not any(name.startswith("rinzler") for name in needed(plugin.distribution)):
        wrong.append(
            f"distribution {plugin.distribution!r} does not depend on rinzler-core: pip could "
            "install it beside a core that it was not written for"
        )
    return Outcome(tuple(wrong))


def needed(distribution: str) -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return [line.lower() for line in requires(distribution) or ()]
    except PackageNotFoundError as error:
        raise PluginError(f"distribution {distribution!r} is not installed") from error


def light_module_is_light(subject: Subject) -> Outcome:
    """Standard library and numpy: what describing it imports is what every listing pays."""
    heavy = asked(subject.offer, "describe")["heavy"]
    if not heavy:
        return Outcome()
    value = subject.offer.plugin.value
    return Outcome(
        (f"importing {value} imports {', '.join(heavy)}: move that into the factory's module",)
    )


def light_module_is_silent(subject: Subject) -> Outcome:
    printed = asked(subject.offer, "describe")["printed"]
    value = subject.offer.plugin.value
    return Outcome((f"importing {value} prints {printed!r}",) if printed else ())


def opens_twice(subject: Subject) -> Outcome:
    """Two of them in one process, in turns, each with memory of its own."""
    devices = [Device(subject.make()) for _ in range(2)]
    for device in (*devices, devices[0]):
        self_check(device)
    return Outcome()


def can_be_blocked(subject: Subject) -> Outcome:
    """RINZLER_BLOCK keeps it out, its code included."""
    told = asked(subject.offer, "block")
    wrong = []
    if told["state"] != "blocked" or told["imported"]:
        wrong.append(
            f"with RINZLER_BLOCK it is {told['state']}, and {told['imported'] or 'nothing of it'} "
            "was imported; nothing else may import it (a .pth file, another plugin)"
        )
    if "RINZLER_BLOCK" not in told["error"]:
        wrong.append(f"asked for by name it answers {told['error']!r}: not a word of RINZLER_BLOCK")
    return Outcome(tuple(wrong))


def names_what_is_missing(subject: Subject) -> Outcome:
    """Without a package that it needs it is listed as missing that, with the command to type."""
    wrong = []
    for name in subject.offer.info.requires:
        told = asked(subject.offer, "hide", name)
        if told["state"] != "missing" or name not in told["error"]:
            wrong.append(
                f"without {name} it is {told['state']!r} and says {told['error']!r}: the light "
                f"module must not import it, and BackendInfo.requires must name it"
            )
    return Outcome(tuple(wrong))
