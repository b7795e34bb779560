"""A candidate's process from outside: ask, wait no longer than the deadline, and never be harmed.

A worker that does not answer in time is killed, one that ends without an answer is reported with
its signal and its last words. Either way the next question to it is an error, and nothing else on
the machine notices.
Read next: `grid.py`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rinzler.errors import RinzlerError
from rinzler.plugins.apart import ending

COMMAND = (sys.executable, "-P", "-m", "rinzler.autotune.worker")
LAST_WORDS = 2000  # bytes of stderr that are looked at


class TrialFailed(RinzlerError):
    """A candidate that is out: what it said, or how it ended."""


class TrialOverdue(TrialFailed):
    """One that did not answer in time."""


class Trial:
    """One worker process."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(environment or {})},
            encoding="utf-8",
        )
        # On every system a thread can wait for a line, and the one who asks for a thread's word.
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # it was asked for
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")  # the end

    def ask(self, deadline: float, **request: Any) -> dict[str, Any]:
        """The answer to one request, within `deadline` seconds. Raises TrialFailed."""
        what = request["do"]
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=max(deadline, 0.0))
        except queue.Empty:
            self.close()
            raise TrialOverdue(f"no answer to {what!r} within {deadline:.0f} s: killed") from None
        except (OSError, ValueError) as error:
            raise TrialFailed(self._ending(what)) from error
        if not line:
            raise TrialFailed(self._ending(what))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise TrialFailed(" ".join(str(answer["error"]).split()))
        return answer

    def _ending(self, what: str) -> str:
        """How a process ended that should not have."""
        name = ending(self._process.wait())
        words = self._last_words()
        return f"its process ended during {what!r} ({name})" + (f": {words}" if words else "")

    def _last_words(self) -> str:
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - LAST_WORDS))
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with suppress(OSError):  # what it would still say to a process that is gone
                stream.close()  # type: ignore[union-attr]

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
