"""Find the documentation that a Python installation carries, and read it without running it.

Two sources lie on every disk that has Python. `pydoc_data/topics.py` holds the chapters of the
language reference that `help("with")` prints; the docstrings of the standard library hold the rest.
Both are read from source files with `ast`: importing a module would run it, and importing all of
them would open a browser (`antigravity`) and print a poem (`this`).

Leaves out: all that is not public (the rule of `help()`), what `SKIPPED` names, and modules written
in C, whose docstrings have no source file here.
Read next: `cleaning.py`.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Folders of the standard library that are passed over, and why.
SKIPPED = frozenset(
    {
        "site-packages",  # other people's packages: they differ from machine to machine
        "dist-packages",  # the same, as Debian calls it
        "test",  # describes tests, not Python, and is larger than all the rest
        "tests",
        "idlelib",  # programs that come with Python, not something one calls
        "lib2to3",
        "turtledemo",
        "ensurepip",
        "distutils",  # gone from 3.12 on
        "encodings",  # a hundred tables of bytes, each with the same docstring
        "tkinter",  # a thousand one-line wrappers of Tcl commands
        "pydoc_data",  # read apart, as the topics
    }
)

WIDTH = 79  # a signature longer than a line is cut down to `name(...)`
PROPERTIES = frozenset({"property", "cached_property"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Entry:
    """One docstring: under which heading it stands ("" for that of the module), and its text."""

    heading: str
    text: str


def read_topics(stdlib: Path) -> list[tuple[str, str]]:
    """(name, text) of the chapters of the language reference; empty where Python has none.

    `topics.py` assigns one dictionary of strings, so it can be read as a literal.
    """
    tree = parse(stdlib / "pydoc_data" / "topics.py")
    for node in tree.body if tree else []:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            try:
                return list(ast.literal_eval(node.value).items())
            except ValueError:  # computed, not written down: a layout we do not know
                return []
    return []


def read_modules(stdlib: Path) -> Iterator[tuple[str, list[Entry]]]:
    """(dotted name, entries) of every public module that has a docstring in it."""
    for name, path in module_files(stdlib):
        tree = parse(path)
        if tree is not None:
            overview = ast.get_docstring(tree)
            entries = [Entry("", overview)] if overview else []
            entries += entries_in(tree.body, name)
            if entries:
                yield name, entries


def module_files(stdlib: Path) -> list[tuple[str, Path]]:
    """(dotted name, path) of the public modules below `stdlib`, sorted by name."""
    found = []
    for folder, subfolders, files in os.walk(stdlib):
        # Pruned in place, so that os.walk never enters them: most of the files lie there.
        subfolders[:] = [
            name
            for name in subfolders
            if name.isidentifier() and is_public(name) and name not in SKIPPED
        ]
        package = Path(folder).relative_to(stdlib).parts
        for file in files:
            stem, _, suffix = file.rpartition(".")
            if suffix == "py" and stem.isidentifier() and is_public(stem):
                parts = package if stem == "__init__" else (*package, stem)
                if parts:
                    found.append((".".join(parts), Path(folder, file)))
    return sorted(found)


def is_public(name: str) -> bool:
    """True for `join` and `__init__`, False for `_join`."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def parse(path: Path) -> ast.Module | None:
    """The syntax tree of a source file; None where it is missing or not Python as we know it."""
    try:
        # Bytes, not text: `ast` then obeys the file's coding cookie and its kind of line ends.
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old "\d" in a file that is not ours to mend
            return ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def entries_in(body: list[ast.stmt], owner: str) -> Iterator[Entry]:
    """Entries of the public definitions in `body`, in source order, classes before their methods.

    `owner` is what a reader writes before the dot: the module of a function, the class of a
    method. A function inside a function is nobody's interface and stays out.
    """
    for node in body:
        if isinstance(node, ast.ClassDef | Function):
            if is_public(node.name):
                yield from definition_entries(node, owner)
        else:
            # `if sys.platform == ...:` and `try:` keep definitions one level down.
            for inner in ("body", "orelse", "finalbody"):
                yield from entries_in(getattr(node, inner, []), owner)
            for handler in getattr(node, "handlers", []):
                yield from entries_in(handler.body, owner)


def definition_entries(node: ast.ClassDef | Function, owner: str) -> Iterator[Entry]:
    """The entry of one definition and then, of a class, those of what it defines."""
    docstring = ast.get_docstring(node)
    if isinstance(node, ast.ClassDef):
        if docstring:
            yield Entry(f"class {owner}.{node.name}", docstring)
        yield from entries_in(node.body, node.name)
    elif docstring:
        yield Entry(signature(node, owner), docstring)


def signature(node: Function, owner: str) -> str:
    """`textwrap.dedent(text)`, `TextWrapper.fill(text)` or, of a property, `Path.name`.

    Without annotations and `self`, which the language reference leaves out as well.
    """
    full_name = f"{owner}.{node.name}"
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    if decorators & PROPERTIES:
        return full_name
    arguments = node.args
    positional = arguments.posonlyargs + arguments.args
    for argument in (*positional, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = None
    if positional and positional[0].arg in ("self", "cls"):
        del (arguments.posonlyargs or arguments.args)[0]
    line = f"{full_name}({ast.unparse(arguments)})"
    return line if len(line) <= WIDTH else f"{full_name}(...)"
