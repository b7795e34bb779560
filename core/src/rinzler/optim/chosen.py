"""Rung 4: the optimizer that the settings of a run describe.

One place that knows which setting means what to which rule: `beta1` is the memory of the gradient
for three of them, `weight_decay` is AdamW's alone.
Leaves out: the rate over time. Read next: `schedule.py`.
"""

from __future__ import annotations

from rinzler.config import TrainConfig
from rinzler.nn import Module
from rinzler.optim.optimizer import Optimizer
from rinzler.optim.rules import SGD, Adam, AdamW, RMSprop, SGDMomentum

RULES: dict[str, type[Optimizer]] = {
    "adamw": AdamW,
    "adam": Adam,
    "rmsprop": RMSprop,
    "momentum": SGDMomentum,
    "sgd": SGD,
}


def moments_of(optimizer: str) -> int:
    """How many numbers it keeps for each parameter, besides the parameter itself."""
    return len(RULES[optimizer].moments)


def optimizer_of(model: Module, config: TrainConfig) -> Optimizer:
    """An optimizer of all parameters of the model."""
    beta1, beta2 = config.beta1, config.beta2
    if config.optimizer == "adamw":
        return AdamW(model, config.lr, (beta1, beta2), weight_decay=config.weight_decay)
    if config.optimizer == "adam":
        return Adam(model, config.lr, (beta1, beta2))
    if config.optimizer == "rmsprop":
        return RMSprop(model, config.lr, alpha=beta2)
    if config.optimizer == "momentum":
        return SGDMomentum(model, config.lr, momentum=beta1)
    return SGD(model, config.lr)
