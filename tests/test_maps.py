"""Every file opens with a map, and each map leads somewhere: what it says to read next is there.

A file that moves takes the reading order of the others along; nobody would notice but a reader.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A stranger's package has no order of reading, and what is installed is not ours.
ELSEWHERE = {"example", ".venv", ".venv-ci"}
SOURCES = [path for path in ROOT.glob("*/**/src/**/*.py") if not ELSEWHERE & set(path.parts)]
LEAST = 20  # characters of the shortest map


def read_next(path: Path) -> list[str]:
    """Files and folders that a map names as what comes next."""
    words = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split()
    after = " ".join(words).partition("Read next: ")[2]
    return re.findall(r"`([\w./]*(?:\.(?:py|md|comp)|/))`", after)


def leads_to(path: Path, name: str) -> bool:
    """Names are as seen from the file, from its package, or from the repository."""
    above = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
    places = (*above, ROOT / "core" / "src", ROOT / "shaders")
    return any((place / name).exists() for place in places)


def test_there_is_a_map_in_every_file() -> None:
    assert len(SOURCES) >= 200
    for path in SOURCES:
        if path.stat().st_size:
            found = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert len(found) >= LEAST, path


def test_what_is_to_be_read_next_is_there() -> None:
    named = [(path, name) for path in SOURCES for name in read_next(path)]
    assert len(named) >= 200
    lost = [f"{path.relative_to(ROOT)}: {name}" for path, name in named if not leads_to(path, name)]
    assert lost == []


@pytest.mark.parametrize(("name", "there"), [("step.py", True), ("ops/", True), ("gone.py", False)])
def test_a_map_to_nowhere_is_noticed(name: str, there: bool) -> None:
    assert leads_to(ROOT / "core" / "src" / "rinzler" / "train.py", name) == there
