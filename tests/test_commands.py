"""The commands as a user starts them: real processes, real files, real signals.

What a command prints is tested in `core/tests/cli/`; here is what only a process can show:
scripts that exist, streams, exit codes, signals, pipes and installed plugins.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from rinzler import checkpoint

TEXT = "Ünder the räin 🙂 the quick brown fox jumps over the lazy dog, naïvely.\n" * 60
TINY = (
    *("--d-model", "16", "--layers", "1", "--context", "16", "--batch-size", "4", "--lr", "1e-2"),
    *("--gen-every", "0", "--backend", "numpy", "--vocab-size", "0"),
)
SETTINGS = ("RINZLER_BACKEND", "RINZLER_BLOCK", "RINZLER_STRICT_PLUGINS", "NO_COLOR", "UV")

POSIX = os.name == "posix"


class Shell:
    """A folder, and commands started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        self.environment["OPENBLAS_NUM_THREADS"] = "1"  # two tests at once need no more
        self.environment["FORCE_COLOR"] = "1"  # must not reach a pipe
        # The one says a line when it compiles, the other where there is no device for it.
        self.environment["RINZLER_BLOCK"] = "numba,vulkan"

    def start(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        # On Windows only a process in a group of its own can be sent a Ctrl-Break.
        flags = 0 if POSIX else subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined]
        return subprocess.Popen(
            [*program(words[0]), *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=flags,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        with self.start(words) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, readable(out), readable(err)


def program(name: str) -> list[str]:
    """A script that the installation made, or the module."""
    if name == "-m":
        return [sys.executable, "-m", "rinzler"]
    found = shutil.which(name, path=sysconfig.get_path("scripts"))
    assert found, f"the script {name} is not installed"
    return [found]


def readable(output: bytes) -> str:
    assert b"\x1b" not in output
    assert b"Traceback" not in output
    return output.decode("utf-8").replace("\r\n", "\n")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "fox.txt").write_text(TEXT, encoding="utf-8")
    return Shell(tmp_path)


def test_train_on_own_text_then_generate(shell: Shell) -> None:
    words = ("fox.txt", *TINY, "--steps", "6")
    code, out, err = shell.run("rinzler-train", *words)
    assert code == 0
    assert "corpus     fox · 1 document" in err
    assert "step       6/6  loss " in err
    assert "── sample after step 6 ──" in out
    run = Path("runs", "fox-001")
    assert checkpoint.load(shell.folder / run / "step-000006.safetensors").meta["step"] == 6

    generate = (str(run), "--prompt", "Ünder 🙂", "--tokens", "40")
    code, text, err = shell.run("rinzler-generate", *generate)
    assert code == 0
    assert text.startswith("Ünder 🙂")
    assert err == f"{run / 'step-000006.safetensors'} · step 6 · numpy\n"
    assert shell.run("-m", "generate", *generate)[1] == text
    assert shell.run("rinzler", "generate", *generate, "--seed", "1")[1] != text


def test_json_lines_and_a_terminal_that_knows_ascii_only(shell: Shell) -> None:
    shell.environment["PYTHONIOENCODING"] = "ascii"
    code, out, err = shell.run("rinzler", "train", "fox.txt", *TINY, "--steps", "2", "--json")
    assert code == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events == ["start", "step", "step", "checkpoint", "validation", "sample", "end"]
    assert err.startswith("corpus     fox ")


def test_without_a_text_it_learns_python(shell: Shell) -> None:
    sizes = ("--context", "64", "--d-model", "16", "--layers", "1", "--batch-size", "64")
    code, out, err = shell.run("rinzler-train", *sizes, "--steps", "1", "--quiet")
    assert (code, err) == (0, "")
    assert Path(out.strip()) == Path("runs", "python-001", "step-000001.safetensors")
    assert (shell.folder / out.strip()).exists()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT if POSIX else signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined]


def test_ctrl_c_finishes_the_step_saves_and_says_where(shell: Shell) -> None:
    with shell.start(("rinzler-train", "fox.txt", *TINY, "--steps", "100000")) as process:
        assert process.stderr
        lines = []
        while not lines or not lines[-1].startswith(b"step"):
            lines.append(process.stderr.readline())
            assert lines[-1], b"".join(lines)
        interrupt(process)
        _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if POSIX else 149)
    text = readable(err)
    assert "finishing this step, then saving; once more to leave at once\n" in text
    path, skipped = checkpoint.newest(shell.folder / "runs" / "fox-001")
    assert skipped == []
    assert f"saved      {path.relative_to(shell.folder)} (" in text
    assert f"stopped    after {checkpoint.step_of(path):,} of 100,000 steps" in text


def test_a_run_that_is_killed_goes_on_to_the_same_bits(shell: Shell) -> None:
    words = (
        *("rinzler-train", "fox.txt", *TINY, "--steps", "300", "--save-every", "30"),
        *("--eval-every", "50", "--optimizer", "momentum"),
    )
    folders = [shell.folder / "runs" / name for name in ("fox-001", "fox-002")]
    assert shell.run(*words, "--quiet")[0] == 0
    with shell.start(words) as process:
        assert process.stderr
        line = b" "
        while line and not line.startswith(b"saved"):
            line = process.stderr.readline()
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode != 0
    code, _, err = shell.run("rinzler-train", "--resume", "runs/fox-002", "--backend", "numpy")
    assert code == 0
    assert "resume     from step-000" in err
    courses = []
    for folder in folders:
        saved = checkpoint.load(folder / "step-000300.safetensors")
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        losses = [(r["step"], r["loss"]) for r in records if r["event"] == "step"]
        losses += [(r["step"], r["val_loss"]) for r in records if r["event"] == "validation"]
        courses.append(({name: a.tobytes() for name, a in saved.tensors.items()}, losses))
    assert courses[0] == courses[1]
    assert [step for step, _ in courses[0][1][:300]] == list(range(1, 301))


def test_a_reader_who_has_enough_ends_the_writer_quietly(shell: Shell) -> None:
    shell.run("rinzler-train", "fox.txt", *TINY, "--steps", "1", "--quiet")
    with shell.start(("rinzler-generate", "runs/fox-001", "--tokens", "100000")) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)
    assert process.returncode == 141
    assert readable(err).count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("rinzler-train", "gone.md"), 2, 'no file, folder or pattern matches "gone.md"'),
        (("rinzler-train", "--laeyrs", "3"), 2, "unknown option --laeyrs. Did you mean --layers?"),
        (("rinzler-train", "fox.txt", "--backend", "nmpy"), 3, 'backend "nmpy" is not installed'),
        (("-m", "generate", "runs/gone"), 3, "there is no run or checkpoint"),
    ],
)
def test_errors_are_one_line_and_a_code(
    words: tuple[str, ...], code: int, message: str, shell: Shell
) -> None:
    got, out, err = shell.run(*words)
    assert (got, out) == (code, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_the_listing_of_backends(shell: Shell) -> None:
    code, out, err = shell.run("rinzler", "backends")
    assert (code, err) == (0, "")
    rows = [line.split()[:3] for line in out.splitlines()]
    assert rows[0] == ["NAME", "KIND", "STATE"]
    assert ["numpy", "backend", "ready"] in rows
    code, out, _ = shell.run("rinzler", "backends", "numpy", "--json")
    assert [entry["name"] for entry in json.loads(out)] == ["numpy"]
    assert code == 0


LISTENER = """
import json, pathlib
from rinzler.plugins import hookimpl

def note(*words):
    with pathlib.Path("heard.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(words) + "\\n")

@hookimpl
def rinzler_train_start(run):
    note("start", str(run.directory), run.config["training"]["steps"])

@hookimpl
def rinzler_checkpoint_saved(run, path):
    note("saved", path.exists())

@hookimpl
def rinzler_train_end(run, error):
    note("end", error is None)
"""
NUISANCE = """
from rinzler.plugins import hookimpl

@hookimpl
def rinzler_step_end(step):
    raise RuntimeError(f"no thanks at {step}")
"""


def install(site: Path, name: str, source: str) -> None:
    """What pip would put into site-packages."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    points = f"[rinzler]\n{name} = {name}_plugin\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    (site / f"{name}_plugin.py").write_text(source, encoding="utf-8")


def test_installed_plugins_hear_of_a_run_and_cannot_disturb_it(shell: Shell) -> None:
    site = shell.folder / "site"
    install(site, "listener", LISTENER)
    install(site, "nuisance", NUISANCE)
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    shell.environment["PYTHONPATH"] = os.pathsep.join(paths)
    code, _, err = shell.run("rinzler-train", "fox.txt", *TINY, "--steps", "3")
    assert code == 0
    heard = (shell.folder / "heard.jsonl").read_text(encoding="utf-8")
    run = str(Path("runs", "fox-001"))
    assert [json.loads(line) for line in heard.splitlines()] == [
        ["start", run, 3],
        ["saved", True],
        ["end", True],
    ]
    (line,) = [line for line in err.splitlines() if "nuisance" in line]
    assert "no thanks at 1" in line
    assert "done       3 steps" in err
