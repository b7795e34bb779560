"""`rinzler check NAME --mode support`, `--mode perf`: which kernels there are, how fast they run.

Tables for people, JSON for tools. Read next: `rinzler/conformance/support.py`.
"""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict

from rinzler.conformance.perf import Timing, timings
from rinzler.conformance.subject import Subject
from rinzler.conformance.support import Support, next_to_write, supported
from rinzler.errors import EXIT_OK

NEXT = 5  # kernels to propose


def show_support(name: str, json: bool) -> int:
    """A row for each op."""
    subject = Subject.installed(name)
    rows = {dtype: supported(subject, dtype) for dtype in subject.dtypes}
    if json:
        plain = {
            dtype: [asdict(row) | {"how": row.how} for row in each] for dtype, each in rows.items()
        }
        sys.stdout.write(json_module.dumps(plain, indent=2) + "\n")
    else:
        sys.stdout.write(support_text(rows))
    return EXIT_OK


def support_text(rows: dict[str, list[Support]]) -> str:
    """Ops down, dtypes across; below it what to write next."""
    lines = [f"{'OP':<18}{''.join(f'{dtype:<18}' for dtype in rows)}INSTEAD"]
    for across in zip(*rows.values(), strict=True):
        first = across[0]
        cells = "".join(f"{cell(row):<18}" for row in across)
        chain = f"{first.chain} kernels" if first.chain and first.how != "kernel" else ""
        lines.append(f"{first.op:<18}{cells}{chain}".rstrip())
    some = next(iter(rows.values()))
    lines += ["", f"{sum(row.kernel for row in some)} of {len(some)} ops have kernels"]
    missing = next_to_write(some)
    if missing:
        named = ", ".join(f"{row.op} ({row.chain or 'required'})" for row in missing[:NEXT])
        lines.append(f"next       {named}: what its default runs, it saves")
    return "\n".join(lines) + "\n"


def cell(row: Support) -> str:
    return f"{row.taken} of {row.cases} cases" if row.how == "in part" else row.how


def show_perf(name: str, json: bool) -> int:
    """A row for each op."""
    subject = Subject.installed(name)
    rows = timings(subject)
    if json:
        sys.stdout.write(json_module.dumps([asdict(row) for row in rows], indent=2) + "\n")
    else:
        sys.stdout.write(f"{subject.name} · {subject.backend.caps.device_text}\n{perf_text(rows)}")
    return EXIT_OK


def perf_text(rows: list[Timing]) -> str:
    lines = [f"{'OP':<18}{'KERNEL':>12}{'DEFAULT':>12}{'GFLOP/s':>10}{'GB/s':>8}"]
    for row in rows:
        rates = [f"{work / row.best / 1e9:.1f}" if work else "" for work in (row.flops, row.nbytes)]
        times = f"{micro(row.kernel):>12}{micro(row.default):>12}"
        lines.append(f"{row.op:<18}{times}{rates[0]:>10}{rates[1]:>8}".rstrip())
    return "\n".join(lines) + "\n"


def micro(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:,.0f} µs"
