"""Whether a described backend can be used here: protocol, requirements, probe, in that order.

Each check is cheaper than the next and none imports the backend. They put an offer into the state
`incompatible`, `missing`, `unavailable`, `broken` or `ready`, with the reason and, where there is
one, the command that mends it.

Leaves out: constructing the backend. Read next: `opening.py`, stage 2.
"""

from __future__ import annotations

import importlib.util

from rinzler.errors import PluginError
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code, resolve
from rinzler.plugins.model import Offer
from rinzler.plugins.records import BackendInfo


def check(offer: Offer[BackendInfo]) -> None:
    """Decide the state of an offer that has just been described."""
    _check_protocol(offer)
    if offer.status.state == "found":
        _check_requirements(offer)
    if offer.status.state == "found":
        _probe(offer)
    if offer.status.state == "found":
        offer.status.become("ready")


def _check_protocol(offer: Offer[BackendInfo]) -> None:
    from rinzler.ops import PROTOCOL

    theirs, ours = offer.info.protocol, PROTOCOL
    if theirs[0] == ours[0] and theirs[1] <= ours[1]:
        return
    # Whoever speaks the older protocol is the one to upgrade.
    behind = "rinzler-core" if theirs > ours else offer.plugin.distribution
    offer.status.become(
        "incompatible",
        f"{offer.plugin} speaks op protocol {_dotted(theirs)}, rinzler-core {_dotted(ours)}",
        f"pip install --upgrade {behind}",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _check_requirements(offer: Offer[BackendInfo]) -> None:
    absent = [name for name in offer.info.requires if not _is_installed(name)]
    if absent:
        named = " and ".join(absent)
        hint = offer.info.install_hint or f"pip install {' '.join(absent)}"
        verb = "is" if len(absent) == 1 else "are"
        offer.status.become("missing", f"needs {named}, which {verb} not installed", hint)


def _is_installed(name: str) -> bool:
    """Whether `import name` would find something; only the parents of a dotted name are run."""
    try:
        return importlib.util.find_spec(name) is not None
    except PLUGIN_ERRORS:  # a parent that is absent or broken, or a module without a spec
        return False


def _probe(offer: Offer[BackendInfo]) -> None:
    if offer.info.probe is None:
        return
    try:
        with plugin_code():
            answer = resolve(offer.info.probe)()
        if answer is not None and not isinstance(answer, str):
            raise PluginError(
                f"probe {offer.info.probe!r} returned {answer!r}, expected None or a reason"
            )
    except PLUGIN_ERRORS as error:
        reason = one_line(error)
        if not isinstance(error, PluginError):
            reason = f"probe {offer.info.probe!r} raised {reason}"
        mend = f"pip install --upgrade {offer.plugin.distribution}"
        offer.status.become("broken", reason, mend, error)
        return
    if answer is not None:
        offer.status.become("unavailable", answer or "its probe says no", offer.info.install_hint)
