"""All tests run under an audit: no file that Rinzler reads may become code.

Python tells an audit hook of whatever turns data into code: `pickle.find_class`, `marshal.loads`,
`exec`, `compile`, the ends of imports too. The hook is in force before any test is collected
and to the end of the session. It judges each event by who is on the stack:

  1. Where the nearest function is Rinzler's own, the event is a violation. It may import by a name
     in the files of IMPORTERS only, which find plugins and serve `rinzler.X` lazily.
  2. Below a function of LOADERS, which read files, it is a violation whoever comes between, except
     Python's import system: `from safetensors…` in a loader names its module in the source.
  3. A pickle read anywhere below Rinzler is a violation, but for numba's, of machine code that it
     has compiled itself: rinzler_numba keeps it under checksums (`cache.py`).

What remains is allowed: dataclasses, named tuples and numba compile code that is in the sources.
A violation fails the session, even if the test that caused it has caught the error.
Leaves out: processes that tests start. Read next: `tests/promises/test_audit.py`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

ROOT = Path(__file__).parent
OURS = tuple(
    str(path) + "/"
    for path in ROOT.glob("**/src/rinzler*")
    if path.is_dir() and ".venv" not in path.parts
)
CORE = str(ROOT / "core" / "src" / "rinzler") + "/"
LOADERS = tuple(
    CORE + name
    for name in (
        *(
            "checkpoint/",
            "restore.py",
            "tokenizer/records.py",
            "tokenizer/cache.py",
            "data/texts.py",
        ),
        *("cli/tomlfile.py", "cli/rundir.py", "cli/found.py", "cli/rewind.py"),
    )
)
IMPORTERS = tuple(CORE + name for name in ("__init__.py", "plugins/", "cli/main.py"))
CODE = frozenset(("exec", "compile", "marshal.loads", "marshal.load", "pickle.find_class"))
BY_NAME = (("importlib/__init__.py", "import_module"), ("importlib/metadata/__init__.py", "load"))


class Audit:
    """What was judged, and what was found."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()
        self.violations: list[str] = []

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in CODE:
            found = self.judge(event, arguments, sys._getframe(1))
            if found:
                self.violations.append(found)

    def judge(
        self, event: str, arguments: tuple[object, ...], frame: FrameType | None
    ) -> str | None:
        """A line about a violation; None where there is none, or nothing of ours is involved."""
        callers: list[FrameType] = []
        while frame is not None:
            callers.append(frame)
            frame = frame.f_back
        names = [each.f_code.co_filename for each in callers]
        ours = next((place for place, name in enumerate(names) if name.startswith(OURS)), None)
        if ours is None:
            return None
        self.judged[event] += 1
        if ours and _imports_by_name(callers[ours - 1]) and not names[ours].startswith(IMPORTERS):
            bad = True
        elif event == "pickle.find_class":
            bad = not any("/numba/" in name for name in names[:ours])
        else:
            bad = ours == 0 or _loading(callers)
        caller = names[ours + 1] if names[ours + 1 :] else "nobody"
        return f"{event} {str(arguments)[:80]} by {names[ours]}, for {caller}" if bad else None

    @contextmanager
    def expected(self) -> Iterator[list[str]]:
        """Within it, violations are kept apart: for tests of the audit itself."""
        before, self.violations = self.violations, []
        try:
            yield self.violations
        finally:
            self.violations = before


def _imports_by_name(frame: FrameType) -> bool:
    code = frame.f_code
    return any(code.co_filename.endswith(file) and code.co_name == name for file, name in BY_NAME)


def _loading(callers: list[FrameType]) -> bool:
    """Whether a function of LOADERS is at work, and not Python's import system within it."""
    for frame in callers:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return False
        if name.startswith(LOADERS) and frame.f_code.co_name != "<module>":
            return True
    return False


AUDIT = Audit()
sys.addaudithook(AUDIT.hook)


@pytest.fixture
def audit() -> Audit:
    return AUDIT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    judged = sum(AUDIT.judged.values())
    terminalreporter.write_line(f"audit: {judged:,} events judged, {len(AUDIT.violations)} bad")
    for line in sorted(set(AUDIT.violations)):
        terminalreporter.write_line(f"  {line}", red=True)


@pytest.fixture(scope="session", autouse=True)
def caches_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No verdict on a plugin and no measurement is taken from, or left to, whoever runs tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RINZLER_PLUGIN_CACHE", "RINZLER_AUTOTUNE_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp("caches") / name.lower()))
        for command in ("main", "listing", "doctor"):  # on a busy machine everything is slow
            patch.setattr(f"rinzler.cli.{command}.PATIENCE", 600.0)
        yield


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if AUDIT.violations and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
