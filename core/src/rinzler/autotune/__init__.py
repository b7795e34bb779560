"""Which backend, on which device, with how many threads and how large a batch, is fastest here?

    rinzler-autotune --quick        # `cli/autotune.py` puts these files together

What is timed is what will run: whole training steps, recorded and replayed as in training. Each
candidate is a process of its own (`worker.py`), so that one that hangs, crashes or runs out of
memory takes nobody with it. Losers are dropped early and survivors measured again, in turns.

| file | what it holds |
| --- | --- |
| `workload.py` | the model and the training that is to be fast |
| `worker.py`, `trial.py` | a candidate's process, seen from inside and from outside |
| `grid.py` | which candidates there are |
| `tuner.py` | who is measured, how often, and who is dropped |
| `row.py` | a candidate and what came of it |
| `store.py` | what was measured, kept for this machine, and when it is out of date |

Leaves out: the table and the flags (`cli/`). Read next: `workload.py`.
"""

from rinzler.autotune.grid import Cell
from rinzler.autotune.row import Row
from rinzler.autotune.store import Remembered, recall
from rinzler.autotune.tuner import RIGORS, Tuner
from rinzler.autotune.workload import Workload

__all__ = ["RIGORS", "Cell", "Remembered", "Row", "Tuner", "Workload", "recall"]
