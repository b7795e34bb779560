"""Stage 2: a stranger's backend opens and computes; one that fails says how, and fails alone."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from rinzler.cli.backends import render_backends
from rinzler.errors import BackendError
from rinzler.ops import OPS, Device, call
from rinzler.plugins import choose_backend, open_device

BASE = (
    "from strange_stranger.backend import Backend as StrangerBackend\n"
    "class Bad(StrangerBackend):\n    name = 'bad'\n"
)
ADD = "    kernels = StrangerBackend.kernels | {'add': add}\n"


def test_a_strangers_backend_appears_opens_and_computes(site):
    site.install_stranger()
    site.plugins()
    assert site.report("stranger").state == "ready"
    assert "strange_stranger" not in sys.modules  # described, not imported
    device = open_device("stranger")
    assert isinstance(device, Device)
    assert device.name == "stranger"
    assert site.report("stranger").state == "open"
    rng = np.random.default_rng(7)
    x, w, b = (rng.standard_normal(shape, np.float32) for shape in [(5, 7), (7, 3), (3,)])
    xs, ws, bs = (device.array(host) for host in (x, w, b))
    got = call("softmax", call("linear", xs, ws, bs)).numpy()  # both are core's defaults here
    z = x.astype(np.float64) @ w + b
    expected = np.exp(z - z.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(got - expected).max() < 1e-6


def test_opened_once_under_both_names(site):
    site.install_stranger()
    site.plugins()
    device = open_device("stranger")
    assert open_device("stranger") is device
    assert open_device("rinzler-stranger:stranger") is device
    assert open_device("Rinzler_Stranger:stranger") is device


def test_asking_by_name_describes_that_plugin_alone(site):
    site.install_stranger()
    site.install_plugin("wire", "raise AssertionError('must not be imported')\n")
    site.plugins()
    open_device("stranger")
    assert site.report("wire", depth="found").state == "found"


def test_a_name_that_is_not_its_entry_points_is_found_all_the_same(site, backends):
    site.install_stranger("other")
    module = {"odd_plugin": backends("'other', 'strange_other.backend:Backend'")}
    (site.path / "rinzler_other-1.0.dist-info" / "entry_points.txt").unlink()
    site.install("rinzler-odd", {"something_else": "odd_plugin"}, module)
    site.plugins()
    assert open_device("other").name == "other"


# name of the case, source of the heavy module, reason
FAILING = [
    ("absent_module", None, "ModuleNotFoundError: No module named 'bad_backend'"),
    ("absent_attribute", "", "'bad_backend:Bad': bad_backend has no attribute 'Bad'"),
    ("not_callable", "Bad = 3", "'bad_backend:Bad' is int, expected something callable"),
    ("import_raises", "raise OSError('libgpu.so.1 not found')", "OSError: libgpu.so.1 not found"),
    ("import_exits", "raise SystemExit('go away')", "SystemExit: go away"),
    ("constructor", BASE + "    def __init__(self):\n        1 / 0", "ZeroDivisionError: division"),
    ("constructor_exits", "def Bad():\n    raise SystemExit", "SystemExit"),
    ("needs_arguments", "def Bad(size):\n    pass", "TypeError: Bad() missing 1 required"),
    (
        "not_a_backend",
        "class Bad:\n    pass",
        "factory 'bad_backend:Bad' returned Bad, expected a rinzler.ops.Backend",
    ),
    ("abstract", "from rinzler.ops import Backend\nclass Bad(Backend):\n    pass", "TypeError: "),
    (
        "other_name",
        BASE + "    name = 'worse'",
        "factory 'bad_backend:Bad' made a backend that calls itself 'worse', expected 'bad'",
    ),
    (
        "lacks_kernels",
        BASE + "    kernels = {n: k for n, k in StrangerBackend.kernels.items() if n != 'tanh'}",
        "backend 'bad' lacks the required kernels tanh",
    ),
    (
        "wrong_answer",
        "def add(out, a, b):\n    out[...] = a - b\n" + BASE + ADD,
        "self check: [1.5, -2.0, 3.25] + [0.25, 4.0, -1.25] came back as [1.25, -6.0, 4.5], "
        "expected [1.75, 2.0, 2.0]",
    ),
    (
        "nothing_computed",
        "def add(out, a, b):\n    out[...] = float('nan')\n" + BASE + ADD,
        "came back as [nan, nan, nan], expected [1.75, 2.0, 2.0]",
    ),
    (
        "kernel_raises",
        "def add(out, a, b):\n    raise RuntimeError('device lost')\n" + BASE + ADD,
        "RuntimeError: device lost",
    ),
    (
        "out_of_memory",
        BASE + "    def alloc(self, nbytes):\n        raise MemoryError",
        "MiB",  # the allocator's own message, passed on
    ),
]


@pytest.mark.parametrize(
    ("source", "reason"), [case[1:] for case in FAILING], ids=[case[0] for case in FAILING]
)
def test_failing_to_open(site, backends, source, reason):
    site.install_stranger()
    site.install_plugin("bad", backends("'bad', 'bad_backend:Bad', priority=99"))
    if source is not None:
        (site.path / "bad_backend.py").write_text(source + "\n", encoding="utf-8")
    site.plugins()
    assert site.report("bad").state == "ready"

    with pytest.raises(BackendError) as caught:
        open_device("bad")
    message = str(caught.value)
    assert message.startswith('backend "bad" (rinzler-bad 1.0) did not open: ')
    assert reason.lower() in message.lower()
    assert message.endswith(". The whole traceback: rinzler backends -v bad")
    assert caught.value.__cause__ is not None
    report = site.report("bad")
    assert report.state == "failed"
    assert report.error is caught.value.__cause__
    assert "Traceback" in report.traceback

    lines = render_backends(site.plugins().reports()).splitlines()  # as a process of its own would
    assert [line.split()[:3] for line in lines[1:]] == [
        ["bad", "backend", "failed"],
        ["stranger", "backend", "open"],
    ]
    assert reason.lower() in lines[1].lower()

    site.plugins()
    choice = choose_backend("auto")
    assert choice.name == "stranger"
    assert choice.reason == "auto: highest priority of stranger"
    (note,) = choice.notes
    assert note.startswith("passed over bad (rinzler-bad): failed: ")
    assert reason.lower() in note.lower()
    assert note.endswith(". See: rinzler backends -v bad")


def test_what_was_mended_opens_at_the_next_try(site, backends):
    site.install_stranger()
    site.install_plugin("bad", backends("'bad', 'bad_backend:Bad'"))
    site.plugins()
    with pytest.raises(BackendError, match="No module named 'bad_backend'"):
        open_device("bad")
    (site.path / "bad_backend.py").write_text(BASE, encoding="utf-8")
    importlib.invalidate_caches()
    assert open_device("bad").name == "bad"
    assert site.report("bad").state == "open"
    assert site.report("bad").traceback == ""


def test_ctrl_c_while_opening_stops_the_program(site, backends):
    site.install_plugin("bad", backends("'bad', 'bad_backend:Bad'"))
    (site.path / "bad_backend.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    site.plugins()
    with pytest.raises(KeyboardInterrupt):
        open_device("bad")


def test_the_stranger_supplies_the_required_kernels_and_no_other(site):
    site.install_stranger()
    site.plugins()
    kernels = open_device("stranger").backend.kernels
    assert set(kernels) == {row.name for row in OPS.values() if row.required}


def test_in_a_process_of_its_own_beside_all_that_is_installed(site):
    site.install_stranger("stranger", priority=10_000)
    site.install_plugin("bad", "print('on stdout')\nraise SystemExit(9)\n")
    code = (
        "import json; from rinzler.plugins import choose_backend, plugins\n"
        "choice = choose_backend()\n"
        "states = {r.name: r.state for r in plugins().reports('described')}\n"
        "print(json.dumps([choice.name, states['stranger'], states['bad'], list(choice.notes)]))"
    )
    path = f"import sys; sys.path.insert(0, {str(site.path)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, check=True, timeout=60
    )
    name, stranger, bad, notes = json.loads(done.stdout)
    assert (name, stranger, bad) == ("stranger", "open", "broken")
    assert any("raised SystemExit: 9" in note for note in notes)
    assert done.stderr == "on stdout\n"
