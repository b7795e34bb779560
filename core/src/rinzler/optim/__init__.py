"""Rung 4: optimizers, from plain gradient descent to AdamW, and gradient clipping.

| file | what it holds |
| --- | --- |
| `clipping.py` | `measure`: the gradient's norm, and whether all is finite |
| `optimizer.py` | what all optimizers share: flat parameters, moments, the two parts of a step |
| `rules.py` | SGD, SGDMomentum, RMSprop, AdamW, Adam: an update rule each |
| `chosen.py` | `optimizer_of`: the one that the settings of a run describe |

Leaves out: closures, learning rates per layer. Read next: `clipping.py`, then `schedule.py`.
"""

from rinzler.optim.chosen import moments_of, optimizer_of
from rinzler.optim.clipping import Clip, clip_grad_norm, measure
from rinzler.optim.optimizer import Optimizer
from rinzler.optim.rules import SGD, Adam, AdamW, RMSprop, SGDMomentum

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Clip",
    "Optimizer",
    "RMSprop",
    "SGDMomentum",
    "clip_grad_norm",
    "measure",
    "moments_of",
    "optimizer_of",
]
