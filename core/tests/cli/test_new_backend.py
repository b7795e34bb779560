"""`rinzler new-backend`: the package it writes, and what it refuses to write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rinzler.cli.newbackend import package_of
from rinzler.plugins import manager

EXAMPLE = Path(__file__).parents[3] / "plugins" / "example"


def test_the_example_in_the_repository_is_what_the_command_writes():
    written = package_of("example")
    ours = [path for path in EXAMPLE.rglob("*") if path.is_file() and path.name != "LICENSE"]
    found = {path.relative_to(EXAMPLE).as_posix(): path.read_text("utf-8") for path in ours}
    found = {name: text for name, text in found.items() if "__pycache__" not in name}
    assert found == written
    source = [text for name, text in written.items() if name.startswith("src/")]
    assert sum(text.count("\n") for text in source) <= 150


def test_it_trains_at_once(shell, monkeypatch):
    assert shell("rinzler", "new-backend", "mine")[0] == 0
    source = Path("rinzler-mine/src").resolve()
    info = source / "rinzler_mine-0.1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Name: rinzler-mine\nVersion: 0.1.0\n", encoding="utf-8")
    points = "[rinzler]\nmine = rinzler_mine.plugin\n"
    info.joinpath("entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(source))
    monkeypatch.setenv("RINZLER_PLUGINS", "mine,corpus")
    monkeypatch.setattr(manager, "_plugins", None)
    try:
        code, _, err = shell.train("fox.txt", backend="mine")
    finally:
        for name in [name for name in sys.modules if name.startswith("rinzler_mine")]:
            del sys.modules[name]
    assert code == 0, err
    assert "mine · numpy, until it is replaced" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("Mine",), 'a backend cannot be called "Mine": expected a-z first, then a-z, 0-9 or _'),
        (("auto",), 'a backend cannot be called "auto"'),
        (("numpy",), '"numpy" is the name of a backend of rinzler-numpy '),
        (("numpy",), "Take another one, as in: rinzler new-backend my_numpy"),
        (("mine", "--dir", "there"), "there is there already: name another place, --dir DIR"),
        (("mine", "--dir", "fox.txt/in"), ": Not a directory. Name another place: --dir DIR"),
    ],
)
def test_refusals(shell, words, message):
    Path("there").mkdir()
    code, said = shell.refused("rinzler", "new-backend", *words)
    assert code == 2
    assert message in said
    assert sorted(path.name for path in Path().iterdir()) == ["fox.txt", "there"]
