"""The cache of compiled kernels: hits, damage, other processes and CPUs, and nowhere to write."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest

from rinzler_numba import cache, compiling, launcher
from rinzler_numba.compiling import KERNELS, Kernel
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import floats


def _doubled(args, block, blocks):
    y = floats(args[0], args[2])
    x = floats(args[1], args[2])
    for i in range(args[2]):
        y[i] = x[i] + x[i]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for one test's caches, and a module that has not looked at any other yet."""
    launcher.entry(launcher.ALONE)  # from the usual place: here, kernels alone are looked at
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_writable", True)
    known = dict(KERNELS)
    forget()
    yield tmp_path / "cache"
    forget()
    KERNELS.clear()
    KERNELS.update(known)


def forget() -> None:
    for cached in (cache.digest, cache._touch):
        cached.cache_clear()


def hits_of_a_new_process() -> int:
    """Compile the kernel as a process would that has not seen it; check that it computes."""
    forget()
    kernel = Kernel(_doubled)
    x = Memory(Buffer(28), 0, (7,), "float32")
    y = Memory(Buffer(28), 0, (7,), "float32")
    x.array()[:] = np.arange(7)
    launcher.run(kernel(y, x, 7))
    assert y.array().tolist() == [0, 2, 4, 6, 8, 10, 12]
    return kernel._compiled.cache_hits


def files() -> list[Path]:
    return sorted(path for path in cache.folder().rglob("*") if path.is_file())


def folder_of_the_kernel() -> Path:
    (home,) = cache.folder().glob("*doubled")
    return home


def test_the_second_process_compiles_nothing() -> None:
    assert hits_of_a_new_process() == 0
    before = {path: path.read_bytes() for path in files()}
    assert {path.suffix for path in before} == {".nbc", ".nbi", ""}  # code, index, seal
    assert len(before) == 3
    assert hits_of_a_new_process() == 1
    assert {path: path.read_bytes() for path in files()} == before


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def emptied(data: bytes) -> bytes:
    return b""


def garbage(data: bytes) -> bytes:
    return np.random.default_rng(1).bytes(len(data))


def one_bit_flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, emptied, garbage, one_bit_flipped])
def test_a_damaged_file_costs_a_compilation(damage) -> None:
    assert hits_of_a_new_process() == 0
    for index, path in enumerate(files()):
        path.write_bytes(damage(path.read_bytes()))
        assert hits_of_a_new_process() == 0, path
        assert hits_of_a_new_process() == 1, path
        assert len(files()) == 3, index


def test_a_missing_or_additional_file_does_as_well() -> None:
    hits_of_a_new_process()
    for path in files():
        path.unlink()
        assert hits_of_a_new_process() == 0
    (folder_of_the_kernel() / "more").write_text("?", encoding="utf-8")
    assert hits_of_a_new_process() == 0
    assert hits_of_a_new_process() == 1


def test_what_numba_cannot_read_is_compiled_again_with_a_warning(caplog) -> None:
    """A right seal over what no version of numba has written."""
    hits_of_a_new_process()
    home = folder_of_the_kernel()
    for path in files():
        path.write_bytes(b"not a pickle")
    (home / cache.SEAL).write_bytes(cache._seal_of(home).encode())
    with caplog.at_level(logging.WARNING, "rinzler.numba"):
        assert hits_of_a_new_process() == 0
    assert f"numba: {home} in the cache cannot be used (" in caplog.text
    assert hits_of_a_new_process() == 1


def test_an_interrupted_compilation_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compiling.numba, "cfunc", interrupted)
        with pytest.raises(KeyboardInterrupt):
            hits_of_a_new_process()
    assert list(cache.folder().iterdir()) == []
    assert [hits_of_a_new_process(), hits_of_a_new_process()] == [0, 1]


def test_numba_gets_its_own_setting_back() -> None:
    before = numba.config.CACHE_DIR
    hits_of_a_new_process()
    assert before == numba.config.CACHE_DIR


NOWHERE = "numba: compiled kernels cannot be kept in "


def test_nowhere_to_write(place: Path, caplog) -> None:
    place.write_text("a file, where a folder should be", encoding="utf-8")
    with caplog.at_level(logging.WARNING, "rinzler.numba"):
        assert [hits_of_a_new_process(), hits_of_a_new_process()] == [0, 0]
    (line,) = [record.message for record in caplog.records if NOWHERE in record.message]
    assert line.startswith(f"{NOWHERE}{cache.folder()} (")
    assert line.endswith("set NUMBA_CACHE_DIR to a folder that can be written")
    assert place.is_file()


@pytest.mark.skipif(os.name != "posix", reason="Windows does not ask HOME")
def test_a_home_that_cannot_be_written(python, work: str) -> None:
    gone = {"NUMBA_CACHE_DIR": "", "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/caches"}
    output = python(work + "print(work() == work())", **gone)
    assert output.count(NOWHERE) == 1
    assert output.splitlines()[-1] == "True"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
def test_a_full_disk(python, work: str, place: Path) -> None:
    """A limit on the size of files stands in for it: the same error, from the same call."""
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
    output = python(code + work + "print(work() == work())", NUMBA_CACHE_DIR=str(place))
    assert output.count(NOWHERE) == 1
    assert output.splitlines()[-1] == "True"
    assert [path for path in place.glob("*/*") if path.name != "launcher.run_alone"] == []


def test_two_processes_that_compile_at_once(work: str, place: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(place)}
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", work + "print(work())"],
            env=environment,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in crowd}
    assert [process.returncode for process in crowd] == [0, 0, 0]
    assert len(answers) == 1
    (version,) = place.iterdir()
    homes = list(version.iterdir())
    assert len(homes) >= 4
    assert not [home for home in homes if home.name.startswith(".")]  # no drafts
    assert all(cache._is_sealed(home) for home in homes)


COUNT = """
from rinzler_numba.compiling import KERNELS
work()
used = [kernel for kernel in KERNELS.values() if kernel._compiled is not None]
print(len(used), sum(kernel._compiled.cache_hits for kernel in used))
print(*np.concatenate([call("gelu", x).numpy().ravel()[:9], call("sum_cols", x).numpy()[:9]]))
"""


def test_another_cpu_with_the_same_folder(python, work: str, place: Path) -> None:
    here = {"NUMBA_CACHE_DIR": str(place)}
    there = here | {"NUMBA_CPU_NAME": "generic"}
    ran = [python(work + COUNT, **which).splitlines()[-2:] for which in (here, there, there, here)]
    counts = [[int(number) for number in first.split()] for first, _ in ran]
    used = counts[0][0]
    assert used >= 4
    assert counts == [[used, 0], [used, 0], [used, used], [used, used]]
    assert ran[0][1] == ran[3][1]
    values = [np.array(second.split(), float) for _, second in ran]
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5, atol=1e-5)
    assert len(list(place.iterdir())) == 2


def test_the_digest_is_of_all_that_code_depends_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest() -> str:
        forget()
        return cache.digest()

    plain = digest()
    assert re.fullmatch("[0-9a-f]{16}", plain)
    assert digest() == plain
    with monkeypatch.context() as patch:
        patch.setenv("NUMBA_NUM_THREADS", "2")
        patch.setenv("NUMBA_THREADING_LAYER", "omp")
        assert digest() == plain
        patch.setenv("NUMBA_OPT", "1")
        assert digest() != plain
    with monkeypatch.context() as patch:
        patch.setattr(numba, "__version__", "0.0")
        assert digest() != plain
    (tmp_path / "one.py").write_text("x = 1", encoding="utf-8")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    other = digest()
    (tmp_path / "one.py").write_text("x = 2", encoding="utf-8")
    assert len({plain, other, digest()}) == 3


def test_two_installations_of_one_version_do_not_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numba finds its files by the path of the source: each would take the other's for its own."""
    digests = set()
    for name in ("one", "two"):
        copy = tmp_path / name
        copy.mkdir()
        (copy / "kernels.py").write_text("x = 1", encoding="utf-8")
        monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
        forget()
        digests.add(cache.digest())
    assert len(digests) == 2


def test_the_versions_used_last_are_kept(place: Path) -> None:
    for age in range(8):
        old = place / f"{age:016x}"
        old.mkdir(parents=True)
        (old / "code").write_bytes(b"." * 10)
        os.utime(old, (1e9 - 1000 * age,) * 2)
    (place / "rinzler_numba_0123456789").mkdir()  # what numba makes for others' functions
    hits_of_a_new_process()
    kept = {path.name for path in place.iterdir()}
    newest = {f"{age:016x}" for age in range(cache.KEPT)}
    assert kept == {cache.digest(), "rinzler_numba_0123456789"} | newest
    size = sum(path.stat().st_size for path in files())
    assert cache.size() == size + 10 * cache.KEPT


def test_a_version_in_use_counts_as_used(place: Path) -> None:
    hits_of_a_new_process()
    os.utime(cache.folder(), (1e9, 1e9))
    assert hits_of_a_new_process() == 1
    assert cache.folder().stat().st_mtime > 1e9 + 1


def test_the_names_of_what_is_there() -> None:
    assert cache.names() == set()
    hits_of_a_new_process()
    assert cache.names() == {Kernel(_doubled).name}
