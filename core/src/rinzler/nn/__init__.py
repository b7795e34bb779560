"""Rung 3: modules, which are formulas that own their parameters.

`parameter.py`: a parameter, its first value, and the one buffer that all of them share.
`module.py`: finding, naming, saving and loading them. `layers.py`, `dropout.py`: the layers.
Leaves out: hooks and device moves; a model lives on the device it was made on.
Read next: `rinzler.optim`.
"""

from rinzler.nn.dropout import Dropout, DropoutKey
from rinzler.nn.layers import Embedding, LayerNorm, Linear, LinearGELU
from rinzler.nn.module import Module
from rinzler.nn.parameter import FlatParameters, Initializer, Parameter, seed

__all__ = [
    "Dropout",
    "DropoutKey",
    "Embedding",
    "FlatParameters",
    "Initializer",
    "LayerNorm",
    "Linear",
    "LinearGELU",
    "Module",
    "Parameter",
    "seed",
]
