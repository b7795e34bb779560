"""Kernels: compiled once, when they are called, and what their operands become."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator

import numba
import numpy as np
import pytest

from rinzler_numba import compiling, launcher
from rinzler_numba.compiling import KERNELS, Kernel, kernel, word
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import floats, number


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test adds to the table of kernels is gone after it."""
    known = dict(KERNELS)
    yield
    KERNELS.clear()
    KERNELS.update(known)


def _noted(args, block, blocks):
    y = floats(args[0], args[1])
    y[block] = np.float32(number(args[2]) + args[3])


def vector(n: int) -> Memory:
    made = Memory(Buffer(4 * n), 0, (n,), "float32")
    made.array()[:] = -1
    return made


def test_operands_become_words() -> None:
    memory = Memory(Buffer(256), 64, (3,), "int32")
    assert word(memory) == memory.buffer.address + 64
    assert word(7) == 7
    assert word(-1) == -1
    assert (word(True), word(False), word(None)) == (1, 0, 0)
    assert struct.pack("q", word(-0.1)) == struct.pack("d", -0.1)


@pytest.mark.parametrize("operand", ["x", np.float32(1), np.int64(1), [1]])
def test_other_operands_are_refused(operand: object) -> None:
    with pytest.raises(TypeError, match=f"operand is {type(operand).__name__}, expected memory"):
        word(operand)


def test_a_kernel_is_compiled_when_it_is_called() -> None:
    made = kernel(_noted)
    assert made.name.endswith("test_numba_compiling.noted")
    assert KERNELS[made.name] is made
    assert made._address == 0
    y = vector(3)
    first = made(y, y.size, 0.25, 2, blocks=3)
    assert made._address == first.address != 0
    assert y.array().tolist() == [-1, -1, -1]  # compiled, not run
    launcher.run(first)
    assert y.array().tolist() == [2.25] * 3
    assert made(y, y.size, 0.5, 2).address == first.address


def test_two_python_threads_compile_a_kernel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args, **options):
        calls.append(args)
        return numba_cfunc(*args, **options)

    numba_cfunc = compiling.numba.cfunc
    monkeypatch.setattr(compiling.numba, "cfunc", counted)
    made = Kernel(_noted)
    addresses = set()
    crowd = [threading.Thread(target=lambda: addresses.add(made.compile())) for _ in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert len(addresses) == 1
    assert len(calls) == 1


def test_one_line_says_that_kernels_are_compiled(
    monkeypatch: pytest.MonkeyPatch, caplog, tmp_path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "_said", False)
    with caplog.at_level(logging.WARNING, "rinzler.numba"):
        Kernel(_noted).compile()
        (line,) = [record.message for record in caplog.records]
        assert line.startswith(
            f"numba: compiling kernels for this CPU; they are kept in {tmp_path}"
        )
        assert "rinzler warmup numba" in line
        Kernel(_noted).compile()  # found
        (tmp_path / "other").mkdir()
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "other"))
        Kernel(_noted).compile()  # compiled, and said before
    assert len(caplog.records) == 1


def test_a_formula_that_cannot_be_compiled_says_so() -> None:
    def _wrong(args, block, blocks):
        args[0] = "text"

    with pytest.raises(numba.core.errors.TypingError):
        Kernel(_wrong).compile()


USED = """
from rinzler_numba.compiling import KERNELS
def used():
    return sorted(name for name, kernel in KERNELS.items() if kernel._address)
print("opened", *used())
call("gelu", x)
print("called", *used())
"""


def test_only_what_is_called_is_compiled(python, work: str) -> None:
    lines = [line.split() for line in python(work + USED).splitlines()]
    opened, called = (line for line in lines if line[0] in ("opened", "called"))
    assert opened == ["opened"]
    launchers = {"launcher.run_together", "launcher.run_alone"}
    assert set(called) - launchers == {"called", "activation.gelu"}


SECOND = """
from rinzler_numba.compiling import KERNELS
work()
used = [kernel for kernel in KERNELS.values() if kernel._address]
print(len(used), sum(kernel._compiled.cache_hits for kernel in used))
"""


def test_a_second_process_finds_everything_in_the_cache(python, work: str) -> None:
    python(work + SECOND)
    used, hits = python(work + SECOND).split()  # and no line about compiling
    assert used == hits
    assert int(used) >= 4
