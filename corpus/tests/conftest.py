"""A small standard library to read: everything that a real one surprises a reader with."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "zebra.py": '''
"""Stripes.

Black ones:

  and deeper, white ones.
"""

def count(animals: list[str], *, start: int = 0) -> int:
    """Count the stripes."""
    def inner():
        """Not reachable from outside."""

def _private():
    """Not public."""

def undocumented(): pass
''',
    "alpha.py": '''
try:
    import fast
except ImportError:
    class Outer:
        """A class."""
        class Inner:
            """A class inside."""
            async def wait(self, seconds=1.5, /, *rest):
                """Wait a little."""
        @property
        def size(self):
            """How large it is."""
        @classmethod
        def make(cls, a, b=None, **options):
            """Make one."""
        def _hidden(self):
            """Not public."""
        def __len__(self):
            """The number of items."""
''',
    "package/__init__.py": '"""A package."""',
    "package/Beta.py": '"""A module inside."""',
    "package/__main__.py": 'print("no docstring")',
    "package/test/test_alpha.py": '"""A test."""',
    "site-packages/other.py": '"""Of other people."""',
    "idlelib/editor.py": '"""A program."""',
    "_secret.py": '"""Not public."""',
    "not-a-name.py": '"""Cannot be imported."""',
    "bad.py": "def broken(:\n",
    "empty.py": "",
    "plain.py": "x = 1\n",
    "notes.txt": "not Python",
}

# Bytes as they lie on disk: a coding cookie, Windows line ends, and a NUL that no Python may hold.
RAW_FILES = {
    "latin.py": '# coding: latin-1\n"""Caf\xe9s.\n\nPlain."""\n'.encode("latin-1"),
    "windows.py": b'"""One line.\r\n\r\nAnother."""\r\n',
    "nul.py": b'"""Cut.\0"""\n',
    "undecodable.py": b'"""Caf\xe9."""\n',
}

TOPICS = """# -*- coding: utf-8 -*-
topics = {'with': 'The "with" statement\\n'
         '********************\\n'
         '\\n'
         'It is used with context managers\\u2014and \\u201cclosing\\u201d.\\n',
 'Lambda': 'Lambdas\\n*******\\n\\nSmall functions.\\n'}
"""


@pytest.fixture
def stdlib(tmp_path: Path) -> Path:
    """The folder of that library, topics included."""
    root = tmp_path / "lib"
    for name, text in FILES.items():
        put(root / name, text.encode("utf-8"))
    for name, data in RAW_FILES.items():
        put(root / name, data)
    put(root / "pydoc_data" / "__init__.py", b'"""Data."""\n')
    put(root / "pydoc_data" / "topics.py", TOPICS.encode("utf-8"))
    return root


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
