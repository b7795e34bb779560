"""Parameters, where their first values come from, and the one buffer that they share.

An optimizer wants all parameters as one long vector; a layer wants each under its own name and
shape. `FlatParameters` gives both: one buffer in the order [decayed | not decayed], a second
one for the gradients, and every parameter a view of the two. Read next: `module.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from rinzler.autograd import copy
from rinzler.errors import CheckpointError, ConfigError
from rinzler.ops import Array, Device
from rinzler.philox import Key, Stream, normal
from rinzler.tensor import Tensor, device_for


class Parameter(Tensor):
    """A tensor to be learned. `decay` says whether weight decay applies to it."""

    __slots__ = ("decay",)

    def __init__(self, data: Any, decay: bool = True, device: Device | str | None = None) -> None:
        super().__init__(data, requires_grad=True, device=device)
        self.decay = decay


class Initializer:
    """Where first values come from: numbered draws from one seed, on one device, in one dtype.

    The n-th parameter made with it depends on (seed, n) alone, not on what else ran before.
    """

    def __init__(
        self, seed: int = 0, dtype: str = "float32", device: Device | str | None = None
    ) -> None:
        self.seed = seed
        self.dtype = dtype
        self.device = device_for(device)
        self.made = 0

    def normal(self, shape: tuple[int, ...], std: float) -> Parameter:
        """Normal with mean 0."""
        key = Key(self.seed, Stream.INIT, site=self.made)
        self.made += 1
        values = normal(key, shape, "float64") * std
        return Parameter(values.astype(self.dtype), device=self.device)

    def constant(self, shape: tuple[int, ...], value: float) -> Parameter:
        """One value everywhere; not decayed, as is right for biases and gains."""
        return Parameter(np.full(shape, value, self.dtype), decay=False, device=self.device)


# --- layers made without an Initializer of their own -------------------------------------------

_seed = 0
_initializers: dict[Device, Initializer] = {}


def seed(value: int) -> None:
    """Start the numbering of default initializers over, from this seed."""
    global _seed  # noqa: PLW0603 - the seed of the process is what it sets
    _seed = value
    _initializers.clear()


def default_initializer() -> Initializer:
    """One for each device: two layers of equal size still get different values."""
    device = device_for(None)
    if device not in _initializers:
        _initializers[device] = Initializer(_seed, device=device)
    return _initializers[device]


# --- one buffer for all ------------------------------------------------------------------------


class FlatParameters:
    """All parameters of a model in one buffer, and their gradients in another.

    Order: [decayed | not decayed], each in the order of the model, each starting at an aligned
    place. The gaps hold zeros and stay zero: an optimizer may pass over them.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not parameters:
            raise ConfigError("this module has no parameters to train")
        first = next(iter(parameters.values()))
        self.parameters = dict(parameters)
        self.device, self.dtype = first.device, first.dtype
        self.starts: dict[str, int] = {}
        self.decayed = 0  # elements of the first part
        end = 0
        for decay in (True, False):
            for name, p in parameters.items():
                if p.decay == decay:
                    self.starts[name] = end
                    end += self.device.room(p.size, self.dtype)
            if decay:
                self.decayed = end
        self.size = end
        self.data = self.device.full((end,), 0.0, self.dtype)
        self.grad = self.device.full((end,), 0.0, self.dtype)
        for name, p in parameters.items():
            self._take_over(p, self.starts[name])

    def _take_over(self, p: Parameter, start: int) -> None:
        """Copy a parameter and its gradient in, then make both views of this buffer."""
        data = self.data.part(start, p.shape)
        copy(p.array, out=data)
        grad = self.grad.part(start, p.shape)
        if p.gradient is not None:
            copy(p.gradient, out=grad)
        p.array, p.gradient = data, grad

    def holds(self, parameters: Mapping[str, Parameter]) -> bool:
        """Whether these are the same parameters, still views of this buffer."""
        return list(parameters) == list(self.parameters) and all(
            p.array.block is self.data.block for p in parameters.values()
        )

    def unpacked(self, array: Array) -> dict[str, np.ndarray]:
        """A flat array of this layout as host arrays by parameter, without the gaps."""
        host = array.numpy()
        return {
            name: host[start : start + p.size].reshape(p.shape)
            for (name, start), p in zip(self.starts.items(), self._in_order(), strict=True)
        }

    def packed(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The reverse. Raises CheckpointError naming the first array of a wrong shape."""
        host = np.zeros(self.size, self.dtype)
        for (name, start), p in zip(self.starts.items(), self._in_order(), strict=True):
            if tuple(values[name].shape) != p.shape:
                raise CheckpointError(
                    f"{name} has shape {tuple(values[name].shape)}, expected {p.shape}"
                )
            host[start : start + p.size] = values[name].reshape(-1)
        return host

    def _in_order(self) -> list[Parameter]:
        return [self.parameters[name] for name in self.starts]

    @property
    def count(self) -> int:
        """Learned numbers, without the gaps."""
        return sum(prod(p.shape) for p in self.parameters.values())

    def segments(self) -> list[tuple[slice, bool]]:
        """The two parts as (elements, decayed), without an empty one."""
        parts = [(slice(0, self.decayed), True), (slice(self.decayed, self.size), False)]
        return [(part, decay) for part, decay in parts if part.stop > part.start]
