"""`conformance.toml`: how known failures are read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinzler.conformance.known import Known, known_beside, read_known
from rinzler.errors import ConfigError

GOOD = """
backend = "torch"
[[known]]
id = "kernels/less/extremes"
reason = "NaN"
link = "https://example.org/7"
"""


def test_reading_known_failures(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "conformance.toml"
    path.write_text(GOOD, encoding="utf-8")
    wanted = (Known("kernels/less/extremes", "NaN", "https://example.org/7"),)
    assert read_known(path, "torch") == wanted
    below = tmp_path / "tests" / "deep"
    below.mkdir(parents=True)
    assert known_beside(below, "torch") == wanted
    assert known_beside(below, "numpy") == ()  # it lists those of another


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backend = 'numpy'", "lists failures of backend 'numpy', not of 'torch'"),
        ("backend = ", "cannot be read: "),
        ("backend = 'torch'\nskip = 1", r"expected backend = NAME and \[\[known\]\] tables"),
        (
            "backend = 'torch'\n[[known]]\nid = 'exp/7'",
            "entry 1: reason is None, expected some words: a failure that nobody has explained",
        ),
        ("backend = 'torch'\n[[known]]\nid = ' '\nreason = 'x'", "entry 1: id is ' ', expected"),
        ("backend = 'torch'\n[[known]]\nwhy = 'x'", "entry 1: expected the keys id, reason, link"),
    ],
)
def test_a_list_that_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "conformance.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_known(path, "torch")


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*gone.toml with known failures"):
        read_known(tmp_path / "gone.toml", "torch")
