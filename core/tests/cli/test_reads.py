"""How often a command reads a checkpoint: once, whatever it then does with it.

Counted where all of them go by, `FileSystem.read`. Read next: `test_resume.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rinzler.files import FileSystem

RUN = Path("runs", "fox-001")
COMMANDS = [
    ("rinzler-generate", str(RUN), "--tokens", "2", "--prompt", "a"),
    ("rinzler", "eval", str(RUN), "fox.txt", "--backend", "numpy"),
    ("rinzler", "convert", str(RUN), "other.json"),
    ("rinzler-train", "--resume", str(RUN), "--steps", "7", "--backend", "numpy"),
    (
        "rinzler-train",
        "fox.txt",
        "--init",
        str(RUN),
        "--backend",
        "numpy",
        "--steps",
        "1",
        "--quiet",
    ),
]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each checkpoint that was read, in order."""
    found: list[str] = []
    read = FileSystem.read

    def noting(self: FileSystem, path: Path) -> bytes:
        if path.suffix == ".safetensors":
            found.append(path.name)
        return read(self, path)

    monkeypatch.setattr(FileSystem, "read", noting)
    return found


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_a_checkpoint_is_read_once(shell, reads: list[str], words: tuple[str, ...]) -> None:
    shell.train("fox.txt", "--quiet")
    reads.clear()
    code, _, err = shell(*words)
    assert (code, reads) == (0, ["step-000006.safetensors"]), err


def test_and_so_is_each_that_is_passed_over(shell, reads: list[str]) -> None:
    shell.train("fox.txt", "--quiet")
    last = RUN / "step-000006.safetensors"
    last.write_bytes(last.read_bytes()[:-40])
    reads.clear()
    code, _, err = shell(*COMMANDS[0])
    assert code == 0
    assert f"skipped {last} is damaged" in err
    assert reads == ["step-000006.safetensors", "step-000003.safetensors"]
