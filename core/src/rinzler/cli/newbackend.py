"""`rinzler new-backend NAME`: a package that is a backend, to be made into one's own.

The package is complete: it installs, registers and passes the conformance kit, with kernels in
numpy. An author replaces them one by one and always knows which one broke. The files come from
`template/`, with NAME replaced; `plugins/example/` is what comes out for "example".
Read next: `docs/backends.md`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rinzler.cli.streams import say
from rinzler.errors import EXIT_OK, ConfigError
from rinzler.plugins import plugins
from rinzler.plugins.records import is_backend_name

PLACES = {  # file of the template -> place in the package
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "conformance.toml.txt": "conformance.toml",
    "init.py.txt": "src/rinzler_NAME/__init__.py",
    "plugin.py.txt": "src/rinzler_NAME/plugin.py",
    "backend.py.txt": "src/rinzler_NAME/backend.py",
    "kernels.py.txt": "src/rinzler_NAME/kernels.py",
    "test_conformance.py.txt": "tests/test_NAME.py",
}


def write_package(name: str, folder: str | None) -> int:
    """Write the package and say what to type next. Raises ConfigError, with nothing written."""
    if not is_backend_name(name):
        raise ConfigError(
            f'a backend cannot be called "{name}": expected a-z first, then a-z, 0-9 or _, '
            "and not auto"
        )
    for report in plugins().reports("described"):
        if report.kind == "backend" and report.name == name:
            owner = f"{report.distribution} {report.version}"
            raise ConfigError(
                f'"{name}" is the name of a backend of {owner}. Take another one, as in: '
                f"rinzler new-backend my_{name}"
            )
    target = Path(folder if folder is not None else f"rinzler-{name}")
    if target.exists():
        raise ConfigError(f"{target} is there already: name another place, --dir DIR")
    try:
        for place, text in package_of(name).items():
            path = target / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as cause:
        where = cause.filename or target
        reason = cause.strerror or cause
        raise ConfigError(
            f"{where} cannot be written: {reason}. Name another place: --dir DIR"
        ) from cause
    say(f"written    {target}: a backend in numpy, kernel by kernel to be replaced")
    say(f"install    pip install -e {target}")
    say(f"check      rinzler check {name}")
    say(f"train      rinzler-train --backend {name}")
    return EXIT_OK


def package_of(name: str) -> dict[str, str]:
    """The text of every file by its place in the package."""
    template = files("rinzler.cli") / "template"
    return {
        place.replace("NAME", name): (template / source).read_text("utf-8").replace("NAME", name)
        for source, place in PLACES.items()
    }
