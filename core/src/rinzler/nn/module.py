"""Modules: formulas that own their parameters.

A `Module` is a plain object; its parameters are found by walking its attributes, in the order in
which they were assigned. Names are those paths, joined by dots, so a model's attribute names are
the names in its files. Read next: `layers.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import starmap
from typing import Any

import numpy as np

from rinzler.errors import CheckpointError
from rinzler.nn.parameter import FlatParameters, Parameter


class Module:
    """Something with parameters, called as a function."""

    _flat: FlatParameters | None = None
    training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no formula: define __call__")

    def children(self) -> Iterator[tuple[str, Any]]:
        """(name, parameter or module) in order of assignment; members of lists are numbered."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Module):
                yield name, value
            elif isinstance(value, list | tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Parameter | Module):
                        yield f"{name}.{index}", item

    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by its dotted name; one that is shared stands under its first name."""
        found: dict[str, Parameter] = {}
        self._collect("", found, set())
        return found

    def _collect(self, prefix: str, found: dict[str, Parameter], seen: set[int]) -> None:
        for name, value in self.children():
            if isinstance(value, Module):
                value._collect(f"{prefix}{name}.", found, seen)
            elif id(value) not in seen:
                seen.add(id(value))
                found[prefix + name] = value

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.paths():
            yield module

    def paths(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted path, module) of this module, whose own is "", and of all below it."""
        yield path, self
        for name, value in self.children():
            if isinstance(value, Module):
                yield from value.paths(f"{path}.{name}" if path else name)

    def flat(self) -> FlatParameters:
        """The one buffer that all parameters are views of, made at the first call."""
        parameters = self.parameters()
        if self._flat is None or not self._flat.holds(parameters):
            self._flat = FlatParameters(parameters)
        return self._flat

    def zero_grad(self) -> None:
        """Set every gradient to 0."""
        self.flat().grad.fill(0.0)

    def train(self, training: bool = True) -> Module:
        """Switch dropout on, here and in all modules below."""
        for module in self.modules():
            module.training = training
        return self

    def eval(self) -> Module:
        """Switch dropout off."""
        return self.train(False)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Dropout is off within it; afterwards each module is in the mode that it was in."""
        before = [(module, "training", module.training) for module in self.modules()]
        restored = starmap(setattr, before)
        try:  # before the change: Ctrl-C may come in the midst of it
            self.eval()
            yield
        finally:
            deque(restored, maxlen=0)  # runs it all in one call: no Ctrl-C comes in the midst

    def state(self) -> dict[str, np.ndarray]:
        """Every parameter's values on the host."""
        return {name: p.numpy() for name, p in self.parameters().items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take values for every parameter. Raises CheckpointError before changing anything."""
        self.check(state)
        for name, p in self.parameters().items():
            p.array.upload(np.asarray(state[name]))

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """Raise CheckpointError where names or shapes are not those of this module."""
        parameters = self.parameters()
        missing = sorted(set(parameters) - set(state))
        unknown = sorted(set(state) - set(parameters))
        if missing or unknown:
            raise CheckpointError(
                f"these weights are of another model: missing {missing or 'none'}, "
                f"unknown {unknown or 'none'}; build the model with the configuration they had"
            )
        for name, p in parameters.items():
            if tuple(state[name].shape) != p.shape:
                raise CheckpointError(
                    f"weight {name} has shape {tuple(state[name].shape)}, expected {p.shape}"
                )
