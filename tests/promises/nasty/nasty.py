"""Plugins that do harm, one for each way we know of, and what a listing has to say of each.

A `Nasty` is a light module, which every listing looks at, and a heavy one, which is imported when
its backend is opened. Most offer a backend with the highest priority, so that `auto` meets them
first. Read next: `../test_nasty_plugins.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HANG = "import time\ntime.sleep(600)\n"
SEGFAULT = "import ctypes\nctypes.string_at(0)\n"
STRANGER = "strange_{name}.backend:Backend"
BROKEN, FAILED, READY = "broken", "failed", "ready"


@dataclass(frozen=True)
class Nasty:
    """What it does, and how that is told."""

    name: str
    state: str
    reason: str  # words of it; "{name}" is its name
    light: str = ""  # before its hook; all of the module with `hook` False
    heavy: str = ""  # before the stranger's backend
    patch: str = ""  # after it: what becomes of Backend
    record: str = "priority=90"
    hook: bool = True

    def told_by(self, report: Mapping[str, Any]) -> bool:
        """Whether a listing has the state and the reason."""
        reason = self.reason.format(name=self.name)
        return bool(report["state"] == self.state and reason in report["reason"])

    @property
    def source(self) -> str:
        if not self.hook:
            return self.light
        reference = STRANGER.format(name=self.name)
        return (
            f"{self.light}@hookimpl\ndef rinzler_backends():\n"
            f"    return [BackendInfo({self.name!r}, {reference!r}, {self.record})]\n"
        )


def importing(name: str, light: str, reason: str, state: str = BROKEN) -> Nasty:
    return Nasty(name, state, reason, light + "\n")


def hooking(name: str, body: str, reason: str) -> Nasty:
    source = f"@hookimpl\ndef rinzler_backends():\n    {body}\n"
    return Nasty(name, BROKEN, reason, source, hook=False)


def changing(name: str, light: str, change: str) -> Nasty:
    """It gets in the way of its host while it is described."""
    return importing(name, light, f"it {change}")


def opening(name: str, heavy: str, reason: str, state: str = FAILED) -> Nasty:
    return Nasty(name, state, reason, heavy=heavy + "\n")


def made(name: str, patch: str, reason: str, state: str = FAILED) -> Nasty:
    """Its backend is not what it should be."""
    return Nasty(name, state, reason, patch=patch + "\n")


ENDED = "its process ended ({how}) when it is described"
LAST = "priority=-1"  # they work, so `auto` might take them
QUIET: tuple[Nasty, ...] = (
    Nasty("prints", READY, "", "print('[]')\n", record=LAST),
    Nasty(
        "prints_bytes",
        READY,
        "",
        "import sys\nsys.stdout.buffer.write(b'\\xff\\xfe[]\\0')\n",
        record=LAST,
    ),
    Nasty("slow", READY, "", "import time\ntime.sleep(2)\n", record=LAST),
    Nasty("prints_later", READY, "", heavy="print('{\"reports\": []}')\n", record=LAST),
)
IMPORTED: tuple[Nasty, ...] = (
    importing("raises", "raise ValueError('boom')", "raised ValueError: boom"),
    importing("exits", "raise SystemExit(3)", "raised SystemExit: 3"),
    importing("interrupts", "raise KeyboardInterrupt", ENDED.format(how="SIGINT")),
    importing("unnamed", "raise BaseException('of no kind')", ENDED.format(how="exit code 1")),
    importing("hangs", HANG, "it hangs when it is described: no answer within"),
    importing(
        "stops",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        "it hangs when it is described",
    ),
    importing("leaves", "import os\nos._exit(0)", ENDED.format(how="exit code 0")),
    importing("crashes", SEGFAULT, ENDED.format(how="SIGSEGV")),
    importing("aborts", "import os\nos.abort()", ENDED.format(how="SIGABRT")),
    importing("killed", "import os\nos.kill(os.getpid(), 9)", ENDED.format(how="SIGKILL")),
    importing(
        "replaced",
        "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
        ENDED.format(how="exit code 0"),
    ),
    importing("recursion", "def f():\n    f()\nf()", "raised RecursionError"),
    importing("greedy", "X = bytearray(1 << 55)", "raised MemoryError"),
    importing("asks", "input('your name? ')", "raised EOFError"),
    importing("unspellable", "def (", "raised SyntaxError"),
    importing("absent", "import no_such_module", "No module named 'no_such_module'"),
)
CHANGED: tuple[Nasty, ...] = (
    changing(
        "moves",
        "import os\nos.chdir(os.path.dirname(__file__))",
        "changes the working directory to ",
    ),
    changing(
        "writes",
        "import os\nos.write(1, b'\\xff\\xfe[]\\0')",
        "writes to descriptor 1, past sys.stdout",
    ),
    changing("closes", "import os\nos.close(1)", "closes a standard stream"),
    changing("mutes", "import sys\nsys.__stdout__.close()", "closes a standard stream"),
    changing(
        "unstoppable",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
        "takes SIGINT for itself",
    ),
    changing("alarms", "import signal\nsignal.alarm(300)", "sets an alarm"),
    changing(
        "warns", "import warnings\nwarnings.simplefilter('error')", "turns warnings into errors"
    ),
    changing(
        "sets", "import os\nos.environ['OMP_NUM_THREADS'] = '64'", "changes the variable OMP_NUM"
    ),
    changing("patches", "import json\njson.dumps = lambda *_, **__: '{}'", "replaces json.dumps"),
    changing("opens", "import builtins\nbuiltins.open = None", "replaces builtins.open"),
    changing(
        "shallow", "import sys\nsys.setrecursionlimit(200)", "sets the recursion limit to 200"
    ),
    changing("shadows", "import sys\nsys.path.insert(0, '/nowhere')", "changes the order in which"),
    changing("hides", "import os\nos.umask(0o777)", "sets the umask to 777"),
    changing(
        "lingers",
        "from threading import Thread\nimport time\n"
        "Thread(target=time.sleep, args=(600,), name='x').start()",
        "leaves a thread running (x)",
    ),
    changing("forks", "import os\nos.fork()", "forks"),
)
HOOKED: tuple[Nasty, ...] = (
    hooking("nothing", "return 7", "rinzler_backends returned 7 (int)"),
    hooking("text", "return 'ab'", "rinzler_backends returned 'a' (str)"),
    hooking("corpus", "return [CorpusInfo('a', 'm:f')]", "rinzler_backends returned CorpusInfo("),
    hooking("misnamed", "return [BackendInfo('Bad Name', 'm:f')]", "name is 'Bad Name'"),
    hooking("divides", "return 1 / 0", "calling rinzler_backends raised ZeroDivisionError"),
    hooking("waits", "import time\n    time.sleep(600)", "it hangs when it is described"),
    hooking(
        "endless",
        "return (BackendInfo(f'n{n}', 'm:f') for n in iter(int, 1))",
        "returned more than 1000 records",
    ),
    Nasty(
        "curious",
        BROKEN,
        "registering its hooks raised PluginValidationError",
        "@hookimpl\ndef rinzler_step_end(run, mood):\n    pass\n",
        hook=False,
    ),
    Nasty(
        "misspelt",
        BROKEN,
        "there is no hook rinzler_bakends; did you mean rinzler_backends?",
        "@hookimpl\ndef rinzler_bakends():\n    pass\n",
        hook=False,
    ),
    Nasty("idle", BROKEN, "implements no hook", "x = 1\n", hook=False),
)
RECORDED: tuple[Nasty, ...] = (
    Nasty("old", "incompatible", "speaks op protocol 0.9", record="priority=90, protocol=(0, 9)"),
    Nasty("needy", "missing", "needs no_such_module", record="requires=('no_such_module',)"),
    Nasty(
        "declines",
        "unavailable",
        "not on a Sunday",
        record="priority=90, probe='strange_declines.backend:probe'",
        patch="probe = lambda: 'not on a Sunday'\n",
    ),
)
OPENED: tuple[Nasty, ...] = (
    opening("late_raise", "raise OSError('libgpu.so: cannot open')", "OSError: libgpu.so: cannot"),
    opening("late_crash", SEGFAULT, "its process ended (SIGSEGV) when it opens {name}", BROKEN),
    opening("late_leave", "import os\nos._exit(0)", "ended (exit code 0) when it opens", BROKEN),
    opening(
        "late_move",
        "import os\nos.chdir(os.path.dirname(__file__))",
        "it changes the working directory",
        BROKEN,
    ),
    opening(
        "late_close", "import os\nos.close(2)", "it closes a standard stream when it opens", BROKEN
    ),
    opening(
        "late_signal",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "it takes SIGTERM for itself when it opens {name}",
        BROKEN,
    ),
    made(
        "abstract",
        "Backend.__abstractmethods__ = {'alloc'}",
        "TypeError: Can't instantiate abstract class",
    ),
    made("no_kernel", "del Backend.kernels['exp']", "lacks the required kernels exp"),
    made(
        "adds_wrongly",
        "Backend.kernels['add'] = lambda out, a, b: np.subtract(a, b, out)",
        "self check: ",
    ),
    made("nameless", "Backend.name = 'other'", "a backend that calls itself 'other'"),
    made("no_backend", "Backend = dict", "returned dict, expected a rinzler.ops.Backend"),
    made(
        "forgetful",
        "def alloc(self, nbytes):\n    raise MemoryError('none left')\nBackend.alloc = alloc",
        "backend 'forgetful' has no 0.0 MiB left",
    ),
    made(
        "late_hang",
        "import time\nBackend.__init__ = lambda self: time.sleep(600)",
        "it hangs when it opens {name}: no answer within",
        BROKEN,
    ),
)
NASTY = (*QUIET, *IMPORTED, *CHANGED, *HOOKED, *RECORDED, *OPENED)
