"""PyTorch's training step, in the three forms that a PyTorch user would choose from.

`torch-eager` runs op by op with the fused AdamW, the fastest eager form; `torch-plain-adamw` has
the optimizer's default; `torch-compile` puts `torch.compile` around the model and its loss, with
the fused AdamW.

Read next: `../peers/torch_gpt.py`, the model.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from configs import ADAMW, CLIP, StepConfig, initial_weights, sizes
from contenders.worker import Contender, Maker, serve
from peers.torch_gpt import TorchGPT, make_adamw, training_step

EAGER, PLAIN, COMPILED = VARIANTS = ("torch-eager", "torch-plain-adamw", "torch-compile")


def load(variant: str) -> None:
    """Torch is imported by now; compiling needs a good deal more of it."""
    if variant == COMPILED:
        import torch._dynamo
        import torch._inductor.compile_fx  # noqa: F401 - the import is what is wanted


def make(config: StepConfig, variant: str) -> Contender:
    """The model with the shared weights, and the step that the variant asks for."""
    if variant not in VARIANTS:
        raise SystemExit(f"no torch variant {variant!r}; there are {', '.join(VARIANTS)}")
    model = shared_model(config)
    optimizer = make_adamw(model, ADAMW, fused=variant != PLAIN)
    if variant == COMPILED:
        # With the cross-entropy inside, a little faster than the model alone. It compiles on the
        # first step, which is part of the warm-up.
        model.loss = torch.compile(model.loss)  # type: ignore[method-assign]

    def step(ids: np.ndarray, targets: np.ndarray) -> float:
        tensors = torch.from_numpy(ids), torch.from_numpy(targets)  # no copy
        loss, _ = training_step(model, optimizer, *tensors, CLIP)
        return loss

    return Contender(step, lambda: {"torch": torch.__version__, "blas": [blas_of_torch()]})


def shared_model(config: StepConfig) -> TorchGPT:
    """The model with the weights that all sides begin with."""
    model = TorchGPT(**sizes(config))
    weights = initial_weights(config)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model


def blas_of_torch() -> dict[str, Any]:
    """Which BLAS torch was built with; linked in statically, so threadpoolctl cannot see it."""
    settings = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", settings)
    version = re.search(r"Math Kernel Library Version ([\d.]+)", settings)
    return {
        "name": name.group(1) if name else "unknown",
        "version": version.group(1) if version else "unknown",
        "kernel": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    serve(Maker(load, make))
