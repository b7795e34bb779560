"""What all optimizers have in common, and the two parts that a step of theirs has.

An optimizer is an update rule over the flat buffers of `nn.FlatParameters`, written in ops, so it
runs on any backend. State is flat too: an array for each moment, which is what a checkpoint stores.

`step(clip)` takes what `measure` found. Where that says no, weights and moments stay exactly as
they are. A step has two parts: `advance` uploads what changes from step to step, `apply` computes
on the device alone, so that a step can be captured. Read next: `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rinzler.autograd import copy
from rinzler.errors import CheckpointError, ConfigError
from rinzler.nn import FlatParameters, Module
from rinzler.ops import Array, call
from rinzler.optim.clipping import Clip


class Optimizer:
    """Flat parameters, named flat moments, a rate, a count of steps.

    Subclasses list their moments and write `update`.
    """

    moments: tuple[str, ...] = ()

    def __init__(self, model: Module, lr: float) -> None:
        if not lr >= 0:
            raise ConfigError(f"lr is {lr}, expected a number ≥ 0")
        self.model = model
        self.flat: FlatParameters = model.flat()
        self.lr = lr
        self.steps = 0  # updates done so far; the next one is number steps + 1
        zeros = self.flat.device.full
        self.state = {name: zeros((self.flat.size,), 0.0, self.flat.dtype) for name in self.moments}
        self.rate = zeros((), lr, self.flat.dtype)  # lr on the device, as of the last advance

    def zero_grad(self) -> None:
        """Set every gradient to 0, in one fill."""
        self.flat.grad.fill(0.0)

    def step(self, clip: Clip | None = None) -> None:
        """Move the parameters once along their gradients."""
        self.advance()
        self.apply(clip)

    def advance(self) -> None:
        """The host's part of a step: count it, and upload the numbers that change with it."""
        self.steps += 1
        self.rate.upload(np.array(self.lr, self.flat.dtype))

    def retreat(self) -> None:
        """Take back an `advance` after which `apply` changed nothing."""
        self.steps -= 1

    def apply(self, clip: Clip | None = None) -> None:
        """The device's part of a step; it uploads nothing."""
        old = {"p": self.flat.data, **self.state}
        gradient = self.flat.grad if clip is None else call("mul", self.flat.grad, clip.scale)
        new = self.update(old, gradient)
        for name, array in new.items():
            if clip is None:
                copy(array, out=old[name])
            else:
                go = call("expand", clip.ok.reshape((1,)), shape=array.shape)
                call("where", go, array, old[name], out=old[name])

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        """The rule: from parameters `p`, moments and gradient to new ones."""
        raise NotImplementedError

    def number(self, value: float) -> Array:
        return self.flat.device.constant(value, self.flat.dtype)

    def state_arrays(self) -> dict[str, np.ndarray]:
        """The moments on the host as "moment.parameter", whatever the layout of this device."""
        return {
            f"{moment}.{name}": values
            for moment, array in self.state.items()
            for name, values in self.flat.unpacked(array).items()
        }

    def load_state(self, arrays: Mapping[str, np.ndarray], steps: int) -> None:
        """Take moments back. Raises CheckpointError before changing anything."""
        expected = {f"{moment}.{name}" for moment in self.moments for name in self.flat.parameters}
        if set(arrays) != expected:
            odd = sorted(expected.symmetric_difference(arrays))
            raise CheckpointError(
                f"this optimizer state does not fit {type(self).__name__} on this model: "
                f"{odd[0]} and {len(odd) - 1} more are missing or too many"
            )
        packed = {
            moment: self.flat.packed(
                {name: arrays[f"{moment}.{name}"] for name in self.flat.parameters}
            )
            for moment in self.moments
        }
        for moment, values in packed.items():
            self.state[moment].upload(values)
        self.steps = steps
