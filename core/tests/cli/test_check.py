"""`rinzler check`: what it prints, writes and keeps, and what it answers to slips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rinzler.autotune.grid import available_cores
from rinzler.cli import check as command
from rinzler.cli.check import tier_line
from rinzler.conformance import certified, perf
from rinzler.conformance.altered import Altered
from rinzler.conformance.run import Known
from rinzler.conformance.runner import Tally
from rinzler.ops import OPS
from rinzler.plugins import open_device


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates of tests are not those of the user."""
    monkeypatch.setattr(certified, "folder", lambda: tmp_path / "kept")


# --- the command ------------------------------------------------------------------------------


def test_one_check_by_its_id(shell) -> None:
    code, out, err = shell("rinzler", "check", "numpy", "matmul/gen-70000")
    assert (code, err) == (0, "")
    head, tier, verdict = out.splitlines()
    assert head.startswith("backend    numpy · rinzler-numpy ")
    assert tier.split()[:4] == ["kernels", "1", "check", "ok"]
    assert verdict == (
        "passed     1 check; all tiers, with 4,400 generated cases or more, would certify"
    )


def test_some_tiers_and_a_report(shell) -> None:
    words = ("--tier", "bringup", "--tier", "plugin", "--report", "found.json")
    code, out, _ = shell("rinzler", "check", "numpy", *words)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["plugin", "bringup"]
    report = json.loads(Path("found.json").read_text(encoding="utf-8"))
    assert report["passed"]
    assert not report["complete"]
    assert report["distribution"] == "rinzler-numpy"
    assert report["backend"] == "numpy"
    assert report["protocol"] == [1, 0]
    assert report["tiers"]["bringup"]["checks"] == 10
    assert report["tiers"]["plugin"]["failed"] == 0
    assert report["failures"] == report["known"] == {}
    assert {"version", "core", "python", "numpy", "system", "device", "dtypes", "when"} <= {*report}


def test_json_and_nothing_else(shell) -> None:
    code, out, err = shell("rinzler", "check", "numpy", "exp/31", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["checks"] == sum(tier["checks"] for tier in report["tiers"].values()) == 2
    assert report["tiers"]["kernels"]["worst_id"] == "kernels/exp/31"


def test_a_list_of_ids(shell) -> None:
    code, out, _ = shell("rinzler", "check", "numpy", "--list", "--cases", "44")
    assert code == 0
    lines = out.splitlines()
    assert "kernels/matmul/33x7x31-ta" in lines
    assert sum("/gen-" in line for line in lines) == 44


def test_each_check_is_named_before_it_runs(shell) -> None:
    _, _, err = shell("rinzler", "check", "numpy", "exp/31", "-v")
    assert err.splitlines() == ["kernels/exp/31", "memory/exp/31"]


def test_a_known_failure_that_passes_is_a_failure(shell) -> None:
    Path("conformance.toml").write_text(
        'backend = "numpy"\n[[known]]\nid = "kernels/exp/31"\nreason = "a slip"\n', encoding="utf-8"
    )
    code, out, _ = shell("rinzler", "check", "numpy", "exp/31", "--known", "conformance.toml")
    assert code == 3
    assert out.endswith(
        "\nknown/kernels/exp/31\n"
        "    this known failure passes now: take it out of the list\n"
        "\neach       -v shows every check that failed, --report FILE writes them\n"
        "\nfailed     1 of 2 checks\n"
    )
    Path("pyproject.toml").touch()  # beside which it is found by itself
    assert shell("rinzler", "check", "numpy", "exp/31")[0] == 3


def test_slips(shell) -> None:
    code, message = shell.refused("rinzler", "check", "numpi")
    assert code == 3
    assert 'backend "numpi" is not installed. Did you mean "numpy"?' in message
    code, message = shell.refused("rinzler", "check", "numpy", "--tier", "kernals")
    assert code == 2
    assert message.startswith('there is no tier "kernals" (tiers: plugin, bringup, kernels, ')
    code, message = shell.refused("rinzler", "check", "numpy", "--report", "no/such/place.json")
    assert code == 2
    assert message == (
        "the report cannot be written to no/such/place.json: there is no such folder"
    )
    code, _, err = shell("rinzler", "check", "numpy", "exp/31", "--report", ".")
    assert code == 2
    assert err.startswith("error: the report cannot be written to .: ")


def test_support_lists_every_op_and_what_to_write_next(shell) -> None:
    code, out, _ = shell("rinzler", "check", "numpy", "--mode", "support")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows["matmul"] == ["kernel", "kernel"]
    assert rows["linear_gelu"][:2] == ["default", "default"]
    assert int(rows["linear_gelu"][2]) > 5  # kernels that the default runs
    assert out.splitlines()[-1].startswith("next       linear_gelu (")
    told = json.loads(shell("rinzler", "check", "numpy", "--mode", "support", "--json")[1])
    assert {row["op"]: row["how"] for row in told["float32"]}["relu"] == "default"


def test_perf_has_a_row_for_each_op(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {case.op for case in perf.CASES} == set(OPS)
    some = tuple(case for case in perf.CASES if case.op in ("add", "softmax", "add_rows"))
    monkeypatch.setattr(perf, "CASES", some)
    code, out, _ = shell("rinzler", "check", "numpy", "--mode", "perf")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "OP",
        "add",
        "add_rows",
        "softmax",
    ]
    rows = json.loads(shell("rinzler", "check", "numpy", "--mode", "perf", "--json")[1])
    softmax = next(row for row in rows if row["op"] == "softmax")
    assert softmax["kernel"] > 0
    assert softmax["default"] > 0
    assert softmax["flops"] == 8 * 1024 * 256
    assert next(row for row in rows if row["op"] == "add_rows")["nbytes"] == 8 * 1024 * 256


def test_the_work_of_an_op_is_that_of_its_operands() -> None:
    """Also of those whose outputs, read as well as written, come before their inputs."""
    wide = 4 * 1024 * 256  # bytes of the largest operand but for those of layers
    for case in perf.CASES:
        row = OPS[case.op]
        if row.cost is None:
            continue
        ins, reads = case.data("float32")
        hosts = [*(reads[index] for index in row.updates), *ins]
        specs = [None if host is None else Known(host) for host in hosts]
        _, nbytes = row.cost(specs, case.attrs_for("float32"))
        assert wide / 16 <= nbytes <= 16 * wide, (case.op, nbytes / wide)


# --- what is printed ---------------------------------------------------------------------------


def test_a_tier_in_one_line() -> None:
    tally = Tally(
        checks=1234, failed=2, known=1, seconds=3.21, worst=0.5, worst_id="kernels/exp/31"
    )
    assert tier_line("kernels", tally) == (
        "kernels       1,234 checks    2 FAILED     3.2 s  1 known to fail"
        "  worst 0.50 of its bound: kernels/exp/31"
    )


def test_a_run_that_fails_is_told_by_op_or_in_full(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    good = open_device("numpy").backend.kernels

    def less(out: Any, a: Any, b: Any) -> None:
        good["less"](out, b, a)

    inner = open_device("numpy").backend
    made = Altered(inner, replaced={"less": less})
    made.name = inner.name
    monkeypatch.setattr("rinzler_numpy.backend.NumpyBackend", lambda: made)
    code, out, _ = shell("rinzler", "check", "numpy", "kernels/less/extremes", "kernels/exp/7")
    assert code == 3
    lines = out.splitlines()
    assert lines[3] == "less       1 of 1 check fail: kernels 1 of 1"
    assert lines[-4:] == [
        "",
        "each       -v shows every check that failed, --report FILE writes them",
        "",
        "failed     1 of 2 checks",
    ]
    code, out, _ = shell("rinzler", "check", "numpy", "kernels/less/extremes", "-v")
    assert code == 3
    lines = out.splitlines()
    assert lines[3] == "kernels/less/extremes"
    assert lines[4].startswith("    less/extremes float32: y[")
    assert lines[-1] == "failed     1 of 1 check"


def test_a_complete_run_shows_in_the_listing(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tiers, with few checks of each: what counts as complete is lowered."""
    from rinzler.conformance import report as reports

    monkeypatch.setattr(reports, "CASES", 44)
    # A listing asks another process; an earlier test may have changed the threads of this one.
    open_device("numpy").backend.set_threads(available_cores())
    listed = list(command.checks((), 44))
    few = [each for each in listed if each.drawn or each.tier in ("plugin", "bringup")]
    for tier in ("kernels", "fused", "memory", "capture", "train", "generate", "determinism"):
        few.append(next(each for each in listed if each.tier == tier and not each.drawn))
    monkeypatch.setattr(command, "checks", lambda tiers, cases: few)
    code, out, _ = shell("rinzler", "check", "numpy", "--cases", "44")
    assert code == 0
    assert out.splitlines()[-1] == (
        f"certified  {len(few)} checks, 44 of them generated; rinzler backends shows it"
    )
    line = shell("rinzler", "backends", "numpy")[1].splitlines()[1]
    assert f": 9 tiers, {len(few)} checks)" in line


def test_a_backend_that_cannot_be_made_is_one_line(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'torchx'")

    monkeypatch.setattr("rinzler_numpy.backend.NumpyBackend", broken)
    code, message = shell.refused("rinzler", "check", "numpy")
    assert code == 3
    assert message.startswith("backend 'numpy' (rinzler-numpy ")
    assert "cannot be made: raised ModuleNotFoundError: No module named 'torchx' (" in message
