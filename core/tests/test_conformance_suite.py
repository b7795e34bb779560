"""The pytest door, as an author has it: a folder of their own, one file of one line.

In a process of its own, because it is a pytest inside of a pytest otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LINE = "from rinzler.conformance.suite import *\n"
NAMED = f"""import pytest
{LINE}
@pytest.fixture(scope="session")
def backend_name():
    return "numpy"
"""


@pytest.fixture
def author(tmp_path: Path):
    """Runs pytest in the author's folder: (exit code, output)."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")

    def run(*words: str, **files: str) -> tuple[int, str]:
        for name, text in files.items():
            suffix = "toml" if name == "conformance" else "py"
            (tmp_path / f"{name}.{suffix}").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def passed(out: str) -> int:
    found = re.search(r"(\d+) passed", out)
    return int(found[1]) if found else 0


def test_no_file_at_all(author) -> None:
    words = ("--pyargs", "rinzler.conformance", "--rinzler-backend", "numpy")
    code, out = author(*words, "--rinzler-tier", "bringup", "--rinzler-cases", "44")
    assert (code, passed(out)) == (0, 11), out  # ten facts, and the list of known failures


def test_one_line_and_the_name_on_the_command_line(author) -> None:
    words = ("--rinzler-backend", "numpy", "--rinzler-tier", "kernels", "--rinzler-cases", "440")
    code, out = author(*words, "-k", "matmul", test_torch=LINE)
    assert code == 0, out
    assert passed(out) == 39  # rows of the table, and one for all generated cases


def test_nobody_names_a_backend(author) -> None:
    code, out = author("--rinzler-tier", "bringup", "-x", test_torch=LINE)
    assert code == 1
    assert "which backend? Name it: pytest --rinzler-backend NAME" in out


BROKEN = f"""{NAMED}

@pytest.fixture(scope="session")
def subject(backend_name):
    from rinzler.conformance.altered import Altered
    from rinzler.conformance.subject import Subject
    from rinzler.plugins import plugins

    offer, _ = plugins().usable(backend_name)
    good = Subject.installed(backend_name).backend

    def less(out, a, b):
        out[...] = a <= (b.reshape(()) if b.size == 1 else b)

    return Subject("numpy", lambda: Altered(good, replaced=dict(less=less)), offer)
"""
KERNELS = ("--rinzler-tier", "kernels", "--rinzler-cases", "440")
KNOWN = """
backend = "numpy"
[[known]]
id = "kernels/less/*"
reason = "equal is taken for less here"
[[known]]
id = "kernels/exp/31"
reason = "a slip"
"""


def test_a_failure_says_what_where_and_again(author) -> None:
    code, out = author(*KERNELS, "-k", "less", test_torch=BROKEN)
    assert code == 1
    assert "less/extremes float32: y[3] is 1.0, expected 0.0 ± 0" in out
    assert "again: rinzler check numpy 'kernels/less/extremes'" in out
    assert "test_conformance[kernels/less/generated]" in out
    assert "kernels/less/gen-" in out


def test_known_failures_are_expected_and_must_fail(author) -> None:
    """One entry that is true, and one that is not."""
    words = ("-k", "less or exp or known")
    code, out = author(*KERNELS, *words, test_torch=BROKEN, conformance=KNOWN)
    assert code == 1
    assert re.search(r"1 failed, \d+ passed, \d+ deselected, \d+ xfailed", out), out
    assert "known/kernels/exp/31: this known failure passes now: take it out of the list" in out
