"""Which backend, on which device, with how many threads and how large a batch, is fastest here?

    from rinzler.autotune import Tuner, Workload
    rows = Tuner(Workload(GPTConfig(vocab_size=757), TrainConfig())).run()

What is timed is what will run: whole training steps, recorded and replayed as in training. Each
candidate is a process of its own (`worker.py`), so that one that hangs, crashes or runs out of
memory takes nobody with it. Losers are dropped early and survivors measured again, in turns.

| file | what it holds |
| --- | --- |
| `workload.py` | the model and the training that is to be fast |
| `worker.py`, `trial.py` | a candidate's process, seen from inside and from outside |
| `grid.py` | which candidates there are |
| `tuner.py` | who is measured, how often, and who is dropped |
| `store.py` | what was measured, kept for this machine, and when it is out of date |

Leaves out: the table and the flags (`cli/`). Read next: `workload.py`.
"""

from rinzler.autotune.grid import Cell
from rinzler.autotune.store import Remembered, recall
from rinzler.autotune.tuner import RIGORS, Row, Tuner
from rinzler.autotune.workload import Workload

__all__ = ["RIGORS", "Cell", "Remembered", "Row", "Tuner", "Workload", "recall"]
