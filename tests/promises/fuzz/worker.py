"""One process that fuzzes one target, and prints what came of it as JSON.

    python worker.py TARGET RUNS SEED [--engine coverage|plain] [--plant BUG]

`coverage` is libFuzzer by way of atheris: it keeps the inputs that reach a new branch of the loader
and goes on from them. Where there is no such wheel, `plain` goes on from those that were accepted,
or refused for a new reason. Both change inputs in the same ways. `--plant` puts a bug into the
loader first; then the process must end with a violation, or it proves nothing.
Exit codes: 0 all answered as they should, 1 a violation (its input is in the JSON).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

INSTRUMENTED = ["rinzler.checkpoint", "rinzler.tokenizer", "rinzler.restore", "rinzler.config"]


def resident() -> int:
    """The most memory that this process has had, in bytes."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class Count:
    """What has been tried."""

    def __init__(self, accepts: Callable[[bytes], bool], runs: int, engine: str) -> None:
        self.accepts = accepts
        self.runs = runs
        self.engine = engine
        self.tried = 0
        self.accepted = 0
        self.before = resident()

    def take(self, data: bytes) -> bool:
        """Try one input; ends the process after the last one, and after a violation."""
        try:
            accepted = self.accepts(data)
        except BaseException as error:
            self.leave(1, violation=f"{type(error).__name__}: {error}"[:500], input=data.hex())
        self.tried += 1
        self.accepted += accepted
        if self.tried >= self.runs:
            self.leave(0)
        return accepted

    def leave(self, code: int, **facts: str) -> None:
        grown = resident() - self.before
        numbers = {"tried": self.tried, "accepted": self.accepted, "grown": grown}
        sys.stdout.write(json.dumps({"engine": self.engine, **numbers, **facts}) + "\n")
        sys.stdout.flush()
        os._exit(code)


def plain(target: object, count: Count, seed: int) -> None:
    """Mutants of what was accepted, or refused for a new reason."""
    rng = random.Random(seed)
    pool = list(target.seeds)  # type: ignore[attr-defined]
    for data in pool[:]:
        count.take(data)
    while True:
        data = target.mutate(rng.choice(pool), rng)  # type: ignore[attr-defined]
        if count.take(data[:MOST]) and len(pool) < 500 and rng.random() < 0.1:
            pool.append(data[:MOST])


MOST = 8192


def coverage(target: object, count: Count, seed: int) -> None:
    """libFuzzer; half of its inputs come from good files, a quarter is changed in its own way."""
    import atheris

    def changed(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        kind = rng.random()
        if kind < 0.25:
            return atheris.Mutate(data, most)
        if kind < 0.75:  # or almost all would be changes to what is broken already
            data = rng.choice(target.seeds)  # type: ignore[attr-defined]
        return target.mutate(data, rng)[:most]  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(target.seeds):  # type: ignore[attr-defined]
            Path(folder, str(number)).write_bytes(data)
        flags = [f"-seed={seed}", f"-max_len={MOST}", "-rss_limit_mb=1024", "-timeout=30"]
        flags += ["-verbosity=0", f"-artifact_prefix={folder}/"]
        atheris.Setup([sys.argv[0], *flags, folder], count.take, custom_mutator=changed)
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("runs", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--engine", default="")
    parser.add_argument("--plant", default="")
    given = parser.parse_args()
    found = importlib.util.find_spec("atheris") is not None
    engine = given.engine or ("coverage" if found else "plain")
    instrumenting: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if engine == "coverage":
        import atheris

        instrumenting = atheris.instrument_imports(
            include=INSTRUMENTED, enable_loader_override=False
        )
    with instrumenting:
        import plants
        import targets
    if given.plant:
        plants.PLANTS[given.plant]()
    target = targets.TARGETS[given.target]
    count = Count(target.accepts, given.runs, engine)
    drive = coverage if engine == "coverage" else plain
    drive(target, count, given.seed)


if __name__ == "__main__":
    main()
