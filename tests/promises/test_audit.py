"""No data becomes code: under an audit hook, and in the sources.

The hook is in the root `conftest.py` and judges the whole session. Here it is shown that it would
find something: code that stands where Rinzler's does, and does each forbidden thing. Then the
commands run their course under it, on sound files and on damaged ones.
Read next: `conftest.py` at the root.
"""

from __future__ import annotations

import ast
import marshal
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint
from rinzler.cli import main
from rinzler.errors import CheckpointError
from rinzler.plugins import manager

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("core/src", "backends/*/src", "plugins/*/src", "corpus/src")
    for path in ROOT.glob(f"{folder}/**/*.py")
)


class Harmless:
    """A class that a pickle can name."""


PICKLED = pickle.dumps(Harmless())
BAD = {
    "pickle": ("pickle.loads(data)", PICKLED),
    "marshal": ("marshal.loads(data)", marshal.dumps(1)),
    "exec": ("exec(data)", "x = 1"),
    "eval": ("eval(data)", "1 + 1"),
    "compile": ("compile(data, 'file', 'exec')", "x = 1"),
    "import": ("importlib.import_module(data)", "tabnanny"),
    "dataclass": ("dataclasses.make_dataclass(data, ['x'])", "Named"),
}
WITHIN = "core/src/rinzler/checkpoint/format.py"  # a file that reads


@pytest.mark.promise("the audit finds each way to make code of data", at_least=len(BAD))
def test_the_audit_finds_what_it_looks_for(audit: Any, count: Callable[..., None]) -> None:
    for name, (code, data) in BAD.items():
        body = f"import dataclasses, importlib, marshal, pickle\ndef load(data):\n    {code}\n"
        names: dict[str, Any] = {"__name__": "planted"}
        exec(compile(body, str(ROOT / WITHIN), "exec"), names)
        with audit.expected() as found:
            names["load"](data)
        assert found, name
        assert f"/{WITHIN}, for {__file__}" in found[0]
        count()


@pytest.mark.promise("no file that the commands read becomes code, sound or damaged", at_least=500)
def test_the_course_of_a_run(
    audit: Any,
    count: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(manager, "_plugins", None)
    Path("fox.txt").write_text("the quick brown fox jumps over the dog\n" * 60, encoding="utf-8")
    Path("run.toml").write_text("[training]\nsteps = 2\n", encoding="utf-8")
    shape = "--d-model=8 --layers=1 --context=8 --vocab-size=20 --backend=numpy --gen-every=0"
    before = sum(audit.judged.values())
    courses = [
        ["rinzler-train", "fox.txt", "--config", "run.toml", *shape.split()],
        ["rinzler-train", "--resume", "runs/fox-001", "--steps", "3", "--backend=numpy"],
        ["rinzler-train", "fox.txt", "--init", "runs/fox-001", "--steps=1", "--backend=numpy"],
        ["rinzler-generate", "runs/fox-001", "--prompt", "the", "--tokens=4", "--backend=numpy"],
        ["rinzler", "eval", "runs/fox-001", "fox.txt", "--backend=numpy"],
        ["rinzler", "backends"],
    ]
    enter = {"rinzler-train": main.train_main, "rinzler-generate": main.generate_main}
    with audit.expected() as found:
        for words in courses:
            monkeypatch.setattr("sys.argv", words)
            assert enter.get(words[0], main.main)() == 0, capsys.readouterr().err
        good = checkpoint.path_for_step(Path("runs/fox-001"), 3).read_bytes()
        for at in range(0, len(good), max(1, len(good) // 200)):
            Path("bad.safetensors").write_bytes(good[:at] + PICKLED + good[at + len(PICKLED) :])
            with pytest.raises(CheckpointError):
                checkpoint.load(Path("bad.safetensors"))
            count()
    assert not found
    count(sum(audit.judged.values()) - before)


FORBIDDEN = ("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")
CALLS = ("eval", "exec", "compile", "__import__", "execfile")


def offences(text: str) -> list[str]:
    """What a source says that could make code of data."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [each.name for each in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.split(".")[0] in FORBIDDEN]
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CALLS:
                found.append(node.func.id)
            found += [str(each.arg) for each in node.keywords if each.arg == "allow_pickle"]
    return found


PLANTED = [
    *("import pickle", "from pickle import loads", "import os, shelve", "eval('1')", "exec(x)"),
    *("np.load(path, allow_pickle=True)", "__import__(name)", "compile(x, 'y', 'exec')"),
]


@pytest.mark.promise("no source of ours can pickle, evaluate or execute", at_least=200)
def test_the_sources_have_no_means_to(count: Callable[..., None]) -> None:
    for text in PLANTED:
        assert offences(text), text
    assert not offences("import re\nre.compile('a')\nmodel.eval()\nbackend.compile(tape)")
    for path in SOURCES:
        assert not offences(path.read_text(encoding="utf-8")), path
        count()


def test_a_violation_fails_the_session(tmp_path: Path) -> None:
    """In a session of its own, even where the error it leads to is caught."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    planted = tmp_path / "core" / "src" / "rinzler" / "planted.py"
    planted.parent.mkdir(parents=True)
    planted.write_text("def load(data):\n    return eval(data)\n", encoding="utf-8")
    test = (
        "import importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('planted', {str(planted)!r})\n"
        "def test_it():\n"
        "    planted = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(planted)\n"
        "    try:\n"
        "        planted.load(TEXT)\n"
        "    except ZeroDivisionError:\n"
        "        pass\n"
    )
    for line, code, said in (("planted.load('1 / 0')", 1, "2 bad"), ("pass", 0, "0 bad")):
        call = test.replace("planted.load(TEXT)", line)
        (tmp_path / "test_planted.py").write_text(call, encoding="utf-8")
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == code, done.stdout
        assert said in done.stdout
        assert "1 passed" in done.stdout
