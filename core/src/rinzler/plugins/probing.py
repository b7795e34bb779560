"""What a plugin does is tried in a process of its own first, and the verdict is kept.

A plugin is a stranger's code, and some of it does not raise an error but hangs, or takes the whole
process along. So before a command lets plugins in, each that nobody has tried yet is described and
opened in a subprocess with a time limit, and the verdict is kept (`verdicts.py`). `rinzler backends
--probe` tries all of them again.

Leaves out: the library, which imports what it is told to. Read next: `verdicts.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rinzler.plugins.apart import end_all, ending
from rinzler.plugins.discovery import ONLY
from rinzler.plugins.model import Plugin, PluginReport, in_listing, report_plugin
from rinzler.plugins.names import Claim, flag_clash, name_clash
from rinzler.plugins.verdicts import FACTS, NO_MATTER, Verdict, keep, kept, plain

SECONDS = "RINZLER_PROBE_SECONDS"
LIMIT = 30.0  # seconds
AT_ONCE = 4


def verdicts(
    plugins: Sequence[Plugin], again: bool = False, facts: bool = False, number: int | None = None
) -> dict[Plugin, Verdict]:
    """A verdict for each of these plugins, those that are blocked left out.

    Kept ones are believed unless `again`, or `facts`, asks for new ones; `number` is that of the
    device to tell of.
    """
    asked = [plugin for plugin in plugins if plugin.status.state != "blocked"]
    found: dict[Plugin, Verdict] = {}
    if not (again or facts):
        found = {each: verdict for each in asked if (verdict := kept(each))}
    missing = [plugin for plugin in asked if plugin not in found]
    words = [FACTS] if facts else []
    words += [] if number is None else [str(number)]
    if missing:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(AT_ONCE) as pool:
            tried = pool.map(lambda plugin: _tried(plugin, words), missing)
            found.update(zip(missing, tried, strict=True))
    for plugin in missing if number is None else ():  # one device says nothing of the others
        if found[plugin].known:
            keep(plugin, found[plugin])
    return found


def reports_of(verdicts: Mapping[Plugin, Verdict], plugins: Sequence[Plugin]) -> list[PluginReport]:
    """A report per offer and listener, as `Plugins.reports` has them, without importing any."""
    found: list[tuple[Plugin, PluginReport]] = []
    for plugin in plugins:
        verdict = verdicts.get(plugin)
        if verdict is None:
            found.append((plugin, report_plugin(plugin, "plugin", plugin.status, "")))
            continue
        found += [(plugin, _of_another_process(record)) for record in verdict.reports]
        if verdict.harm:
            status = replace(plugin.status)
            status.become("broken", verdict.harm, _mend(plugin))
            found.append((plugin, report_plugin(plugin, "plugin", status, "")))
    claims = [(each, _claim(plugin, each, verdicts)) for plugin, each in found]
    broken = [plugin for plugin, each in found if (each.kind, each.state) == ("plugin", "broken")]
    reports = [_judged(each, claim, claims, broken) for each, claim in claims]
    return sorted(reports, key=in_listing)


def _claim(plugin: Plugin, report: PluginReport, verdicts: Mapping[Plugin, Verdict]) -> Claim:
    verdict = verdicts.get(plugin, Verdict())
    flags = verdict.flags if report.kind == "options" else ()
    return Claim(plugin, report.name, tuple(flags))


def _judged(
    report: PluginReport,
    claim: Claim,
    claims: Sequence[tuple[PluginReport, Claim]],
    broken: Sequence[Plugin],
) -> PluginReport:
    """The report, as a duplicate where another plugin has its name or a flag of it."""
    if report.kind in ("events", "plugin") or report.state != "ready":
        return report
    alike = [each for other, each in claims if other.kind == report.kind]
    is_options = report.kind == "options"
    clash = flag_clash(claim, alike) if is_options else name_clash(claim, alike, broken)
    return replace(report, state="duplicate", reason=clash) if clash else report


def harmful(plugins: Sequence[Plugin]) -> dict[Plugin, tuple[str, str]]:
    """Those that must not be imported: why, and what to do about it."""
    found = verdicts(plugins)
    return {each: (found[each].harm, _mend(each)) for each in found if found[each].harm}


def _mend(plugin: Plugin) -> str:
    return (
        f"pip install --upgrade {plugin.distribution}, or keep it out: "
        f"RINZLER_BLOCK={plugin.name}. Try it again: rinzler backends --probe"
    )


def _of_another_process(record: dict[str, Any]) -> PluginReport:
    """Open there is ready here."""
    state = "ready" if record["state"] == "open" else record["state"]
    return PluginReport(**{**record, "state": state, "error": None})


# --- trying -----------------------------------------------------------------------------------


def _tried(plugin: Plugin, words: Sequence[str]) -> Verdict:
    """Run the prober."""
    limit = float(os.environ.get(SECONDS) or LIMIT)
    command = [sys.executable, "-P", "-m", "rinzler.plugins.prober", *words]
    try:
        code, out, err = _ran(command, _environment(plugin), limit)
    except OSError as error:  # no process can be started: then nothing is known
        reports = (_unknown(plugin, f"it could not be tried: {error}"),)
        return Verdict(reports=reports, known=False)
    if code is None:
        return Verdict(harm=f"it hangs when it {_stage(out)}: no answer within {limit:g} s")
    return _read(code, out, err)


def _ran(
    command: Sequence[str], environment: Mapping[str, str], limit: float
) -> tuple[int | None, bytes, bytes]:
    """The exit code, None if it took too long, and what was said. No child of it lives on."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Files and no pipes: a child of the plugin's would keep a pipe open, and us waiting.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            pass  # there is no code then
        finally:
            end_all(process)
        for each in (out, err):
            each.seek(0)
        return code, out.read(), err.read()


def _environment(plugin: Plugin) -> dict[str, str]:
    """This process' own, with its path: what is found here has to be found there, alone."""
    names = {name: value for name, value in os.environ.items() if name not in NO_MATTER}
    path = os.pathsep.join(each for each in sys.path if each)
    return names | {"PYTHONPATH": path, ONLY: f"{plugin.distribution}:{plugin.name}"}


def _read(code: int, out: bytes, err: bytes) -> Verdict:
    for record in _records(out):
        if "harm" in record:
            return Verdict(harm=str(record["harm"]))
        if "reports" in record:
            return Verdict.of(record)
    words = err.decode("utf-8", "replace").strip().splitlines()
    last = f": {words[-1].strip()[:200]}" if words else ""
    return Verdict(harm=f"its process ended ({ending(code)}) when it {_stage(out)}{last}")


def _records(out: bytes) -> list[dict[str, Any]]:
    found = []
    for line in out.decode("utf-8", "replace").splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [record for record in found if isinstance(record, dict)]


def _stage(out: bytes) -> str:
    stages = [str(record["stage"]) for record in _records(out) if "stage" in record]
    return stages[-1] if stages else "is looked for"


def _unknown(plugin: Plugin, reason: str) -> dict[str, Any]:
    status = replace(plugin.status)
    status.become("found", reason)
    return plain(report_plugin(plugin, "plugin", status, ""))
