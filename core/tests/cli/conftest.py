"""A folder with a small text in it, and the commands, called in this process.

`shell("rinzler-train", "fox.txt", …)` returns (exit code, stdout, stderr); `shell.train` adds
settings that take a moment, `shell.refused` expects one line of error.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.request import TrainRequest
from rinzler.files import FileSystem
from rinzler.plugins import manager
from rinzler.tokenizer import cache

DOCS = Path(__file__).parents[3] / "docs"
TEXT = "Ünder the räin 🙂 the quick brown fox jumps over the lazy dog, naïvely.\n" * 60
TINY: dict[str, object] = {
    "d_model": 16,
    "layers": 1,
    "context": 16,
    "batch_size": 4,
    "lr": 0.01,
    "steps": 6,
    "gen_every": 4,
    "save_every": 3,
    "eval_every": 3,
    "backend": "numpy",
    "vocab_size": 0,
}

Run = Callable[..., tuple[int, str, str]]


def flags(**settings: object) -> list[str]:
    """TINY with some settings changed, as it would be typed."""
    merged = {**TINY, **settings}
    return [
        word
        for name, value in merged.items()
        for word in ("--" + name.replace("_", "-"), str(value))
    ]


class Shell:
    """A folder to work in, and the commands."""

    text = TEXT  # what fox.txt holds
    flags = staticmethod(flags)

    def __init__(self, run: Run, patch: pytest.MonkeyPatch) -> None:
        self.run = run
        self.patch = patch

    def __call__(self, *words: str, piped: bytes = b"") -> tuple[int, str, str]:
        self.patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped), encoding="ascii"))
        return self.run(*words)

    def train(self, *words: str, **settings: object) -> tuple[int, str, str]:
        return self("rinzler-train", *words, *flags(**settings))

    def refused(self, *words: str) -> tuple[int, str]:
        code, out, err = self(*words)
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1, err
        return code, err.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def shell(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    run_command: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UV", raising=False)
    # Of the session: two caches (`conftest.py`), and whether core's defaults are forced.
    of_session = ("RINZLER_PLUGIN_CACHE", "RINZLER_AUTOTUNE_DIR", "RINZLER_NO_FUSED")
    set_here = [name for name in os.environ if name.startswith("RINZLER_")]
    for name in set(set_here).difference(of_session):
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,corpus")  # not what else may be installed here
    monkeypatch.setattr(manager, "_plugins", None)
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (12, 0.8))  # short samples do
    kept = tmp_path_factory.mktemp("cache")
    path_for = cache.path_for
    monkeypatch.setattr(cache, "path_for", lambda *which: kept / path_for(*which).name)
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    return Shell(run_command, monkeypatch)


@pytest.fixture
def full_until(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The disk has no room for any checkpoint before that step."""
    create = FileSystem.create

    def fill(step: int) -> None:
        def full(self: FileSystem, path: Path) -> int:
            found = re.match(r"\.step-([0-9]+)", path.name)
            if found and int(found[1]) < step:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return create(self, path)

        monkeypatch.setattr(FileSystem, "create", full)

    return fill


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[TrainRequest]:
    """What has reached the body of `rinzler-train`, which does nothing here."""
    reached: list[TrainRequest] = []

    def run(request: TrainRequest) -> int:
        reached.append(request)
        return 0

    monkeypatch.setattr("rinzler.cli.train.run", run)
    return reached


@pytest.fixture
def requested(shell, requests: list[TrainRequest]):
    """Type flags of `rinzler-train`, and get the request that they make."""

    def typed(*words: str) -> TrainRequest:
        assert shell("rinzler-train", *words) == (0, "", "")
        return requests[-1]

    return typed


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> str:
    """docs/NAME.md, in test_NAME_page.py."""
    name = request.path.stem.removeprefix("test_").removesuffix("_page")
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def blocks(page: str) -> Callable[..., list[str]]:
    """What stands between the page's fences of a language, or of none."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    def of_language(language: str = "") -> list[str]:
        return [body for name, body in fences if name == language]

    return of_language
