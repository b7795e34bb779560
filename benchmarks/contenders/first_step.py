"""The first steps of a fresh process: how long the imports, then the model and its first step take.

Opening the backend is in the first step's time, not in the imports': a user waits for it. Prints
one line of JSON. Read next: `../first.py`.
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before the imports below, which are what is to be measured

import argparse  # noqa: E402
import importlib  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402


def main() -> None:
    """Take some steps and answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    module = importlib.import_module(f"contenders.{arguments.module}")
    from configs import CONFIGS, batches

    config = CONFIGS[arguments.config]
    data = batches(config)
    imported = time.perf_counter()
    step = module.make(config, arguments.variant).step
    ends = []
    for taken in range(arguments.steps):
        step(*data[taken % len(data)])
        ends.append(time.perf_counter())
    times = {"imports": imported - START, "first": ends[0] - imported}
    later = [after - before for before, after in itertools.pairwise(ends)]
    answer.write(json.dumps({**times, "later": later}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
