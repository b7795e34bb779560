"""Keep the built corpus on disk, so that only the first run pays for building it.

One file per Python and builder: a line with the SHA-256 of what follows, then the documents as
JSON. A file that is damaged, cut short or of another shape is no error and no warning: it reads as
"not there", and the text, which costs three seconds, is built again. So does a folder that cannot
be written. A reader never meets half a file: it is written beside its place, then renamed.

Leaves out: clearing away files of older Pythons; they are small, and the folder is a cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path


def path_for(stdlib: Path) -> Path:
    """Where the corpus of this Python, as this builder makes it, lies.

    The folder of the library counts too: two installations of one version can differ, as
    distributions of Linux leave modules out.
    """
    from platformdirs import user_cache_path

    place = sha256(str(stdlib).encode("utf-8"))[:8]
    name = f"python-{platform.python_version()}-{place}-builder-{builder_version()}.json"
    return user_cache_path("rinzler") / "corpus" / name


def builder_version() -> str:
    """A digest of this package's sources: whoever changes what they make changes this, too."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in sources))[:8]


def read(path: Path) -> list[tuple[str, str]] | None:
    """The documents in the file; None where it is missing, unreadable or damaged."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != sha256(body).encode("ascii"):
        return None
    # A body with the right digest is one that `write` made: no need to doubt its shape.
    return [(name, text) for name, text in json.loads(body)]


def write(path: Path, documents: list[tuple[str, str]]) -> None:
    """Store the documents; where that is not possible, leave things as they were and say nothing.

    The rename is atomic, and the fsync before it keeps a power cut from leaving an empty file.
    """
    body = json.dumps(documents, ensure_ascii=False).encode("utf-8")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(sha256(body).encode("ascii") + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def sha256(data: bytes) -> str:
    """The digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
