"""Threads: the same bits on every layer; what they do not survive is an error, not a crash."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys

import pytest

from rinzler.errors import BackendError
from rinzler.ops import Device
from rinzler_numba import threads
from rinzler_numba.threads import pool


def has(layer: str) -> bool:
    """Whether numba was built with the layer and finds the library that it needs."""
    threads.load_tbb()
    try:
        importlib.import_module(f"numba.np.ufunc.{layer}")
    except ImportError:
        return False
    return True


POOLS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
LAYERS = [layer for layer, module in POOLS.items() if has(module)]

# What one process sees of a layer, as JSON. Nothing here may abort or hang: each wait has an end.
TRIAL = """
import json, os, signal, sys, threading, time
from rinzler.errors import BackendError

told = {"layer": pool.layer}
told["bits"] = []
for count in (4, 3, 2, 1, 4):
    device.backend.set_threads(count)
    told["bits"].append(work())

several = set()
def often(times):
    for _ in range(times):
        several.add(work())
crowd = [threading.Thread(target=often, args=(10,)) for _ in range(3)]
for thread in crowd:
    thread.start()
for thread in crowd:
    thread.join()
told["two Python threads"] = sorted(several)

if hasattr(os, "fork"):
    told["handler"] = []
    signal.signal(signal.SIGALRM, lambda *_: told["handler"].append(work()))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.005)
    while len(told["handler"]) < 5:
        work()
    signal.setitimer(signal.ITIMER_REAL, 0)
    told["handler"] = sorted(set(told["handler"]))

    def in_child(answer_of):
        near, far = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(far, json.dumps(answer_of()).encode())
            finally:
                os._exit(0)
        os.close(far)
        end = time.monotonic() + 120
        while (status := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "it hung"
            time.sleep(0.001)
        with os.fdopen(near) as answer:
            said = answer.read()
        return json.loads(said) if said and status[1] == 0 else f"it died: {status}"

    busy = threading.Event()
    def keep_busy():
        while not busy.is_set():
            work()
    other = threading.Thread(target=keep_busy)
    other.start()
    told["forks"] = sorted({in_child(work) for _ in range(10)})
    busy.set()
    other.join()
    told["fork of a fork"] = in_child(lambda: in_child(work))

    import multiprocessing
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(work()))
    child.start()
    child.join(120)
    told["multiprocessing"] = queue.get() if child.exitcode == 0 else f"it died: {child.exitcode}"

    def more():
        try:
            device.backend.set_threads(2)
        except BackendError as error:
            return str(error)
        return work()
    told["fork, two threads"] = in_child(more)
told["afterwards"] = work()
print("TOLD", json.dumps(told))
"""


def told_by(output: str) -> dict:
    (line,) = [line for line in output.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.removeprefix("TOLD "))


@pytest.fixture(scope="module")
def trials(python, work) -> dict[str, dict]:
    """What each layer told, with twice as many threads as most small machines have cores."""
    variables = {"NUMBA_NUM_THREADS": "4"}
    return {
        layer: told_by(python(work + TRIAL, NUMBA_THREADING_LAYER=layer, **variables))
        for layer in LAYERS
    }


def test_the_layers_of_this_machine() -> None:
    assert "workqueue" in LAYERS
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        assert "tbb" in LAYERS  # it comes with this package


@pytest.mark.parametrize("layer", LAYERS)
def test_the_bits_depend_on_neither_threads_nor_layer(trials: dict, layer: str) -> None:
    told = trials[layer]
    assert told["layer"] == layer
    assert set(told["bits"]) == set(trials["workqueue"]["bits"][:1])


@pytest.mark.parametrize("layer", LAYERS)
def test_python_threads_and_signal_handlers_take_turns(trials: dict, layer: str) -> None:
    told = trials[layer]
    assert told["two Python threads"] == told["bits"][:1]
    assert told.get("handler", told["bits"][:1]) == told["bits"][:1]
    assert told["afterwards"] == told["bits"][0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_fork_computes_the_same(trials: dict, layer: str) -> None:
    told = trials[layer]
    answers = {*told["forks"], told["fork of a fork"], told["multiprocessing"]}
    assert answers == {told["bits"][0]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_fork_has_no_threads_of_a_layer_that_leaves_them_behind(trials, layer: str) -> None:
    told = trials[layer]
    if layer == "workqueue":
        assert told["fork, two threads"] == told["bits"][0]
    else:
        assert told["fork, two threads"] == (
            "numba: 2 threads asked for, expected 1 to 1; this process was forked from one that "
            f"had started threads ({layer}), and they do not survive a fork: start processes with "
            "'spawn' for more"
        )


@pytest.mark.skipif("omp" not in LAYERS or not hasattr(os, "fork"), reason="needs OpenMP and fork")
def test_a_fork_before_the_first_use_of_openmp_computes(python, work: str) -> None:
    """What is lost is what was started: a child that starts its own threads may use them again."""
    code = "import os\nimport rinzler_numba.threads\nchild = os.fork()\n" + work
    code += "work(); print(child and os.waitpid(child, 0)[1], work() == work(), pool.layer)\n"
    output = python(code, NUMBA_THREADING_LAYER="omp")
    assert sorted(output.split("\n")[-3:-1]) == ["0 True omp", "0 True omp"]


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_a_number_of_threads_that_cannot_be_had(device: Device, count: int) -> None:
    before = pool.count
    with pytest.raises(BackendError) as caught:
        device.backend.set_threads(count)
    message = f"numba: {count} threads asked for, expected 1 to {pool.most}"
    assert str(caught.value).startswith(message)
    assert ("NUMBA_NUM_THREADS=10000" in str(caught.value)) == (count > 1)
    assert pool.count == before


def test_setting_threads_shows_in_the_device_text(device: Device) -> None:
    before = pool.count
    device.backend.set_threads(1)
    assert ", 1 thread, " in device.backend.caps.device_text
    device.backend.set_threads(pool.most)
    if pool.most > 1:
        assert f", {pool.most} threads, " in device.backend.caps.device_text
    device.backend.set_threads(before)


SHOW = "print(pool.layer, pool.count, pool.most, work())"


def test_numba_may_have_been_imported_before(python, work: str, trials: dict) -> None:
    output = python("import numba\n" + work + SHOW, NUMBA_NUM_THREADS="2")
    assert output.split() == [LAYERS[0], "2", "2", trials["workqueue"]["bits"][0]]


def test_without_tbb_the_next_layer_serves(python, work: str, trials: dict) -> None:
    hide = "from rinzler_numba import threads\nthreads.tbb_library = lambda: None\n"
    layer, *_, bits = python(hide + work + SHOW).split()
    assert layer in ("omp", "workqueue")
    assert bits == trials["workqueue"]["bits"][0]


OPEN = """
from rinzler.errors import BackendError
from rinzler_numba import threads
threads.tbb_library = lambda: None
from rinzler.plugins import open_device
try:
    open_device("numba")
except BackendError as error:
    print(error)
"""


@pytest.mark.parametrize(("layer", "why"), [("tbb", "No threading layer"), ("foo", "unknown")])
def test_a_layer_that_cannot_be_had_is_known_when_opening(python, layer: str, why: str) -> None:
    output = python(OPEN, NUMBA_THREADING_LAYER=layer)
    assert 'backend "numba" (rinzler-numba ' in output
    assert "numba found no threading layer" in output
    assert why in output
    assert f"unset NUMBA_THREADING_LAYER (now '{layer}')" in output


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_the_environment_may_ask_for_fewer_threads(python, work: str, variable: str) -> None:
    show = "print(pool.count, pool.most)"
    assert python(work + show, **{variable: "1"}, NUMBA_NUM_THREADS="3").split() == ["3", "3"]
    count, most = python(work + show, **{variable: "1"}).split()
    assert (count, int(most) >= 1) == ("1", True)


def test_ctrl_c_during_a_launch_comes_after_it(python, work: str) -> None:
    code = """
import signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
before = work()
caught = 0
for _ in range(20):
    try:
        threading.Timer(0.003, signal.raise_signal, [signal.SIGINT]).start()
        while True:
            work()
    except KeyboardInterrupt:
        caught += 1
print(caught, before == work())
"""
    assert python(work + code).split() == ["20", "True"]
