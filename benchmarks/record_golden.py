"""Record what PyTorch computes, so that the tests can compare without PyTorch installed.

    python benchmarks/record_golden.py          # rewrites core/tests/golden/*.safetensors

For a few small GPTs (tied and untied head, with and without biases, odd sizes): random weights and
batches, then logits, loss and every gradient, and the losses of twenty clipped AdamW steps, each in
float32 and float64. The weights are exact in float32, so both precisions start from the same model;
they are far larger than GPT-2's initialisation, since a model whose LayerNorm gains are all one and
whose attention is uniform would hide a wrong gradient. Single ops are recorded in float64, with
random upstream gradients.

The files are data, not bits to be equal to: tests compare within tolerances, as another processor
or another PyTorch sums in another order. Read next: `core/tests/test_golden.py`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from configs import ADAMW, CLIP
from peers.torch_gpt import TorchGPT, make_adamw, training_step
from safetensors.numpy import save_file
from torch.nn import functional

GOLDEN = Path(__file__).parent.parent / "core" / "tests" / "golden"
DTYPES = {"float32": torch.float32, "float64": torch.float64}
STEPS = 20
BATCHES = 4  # the trajectory takes them in turn; logits and gradients are of the first
WEIGHT_STD = 0.2  # here the gradient norms of c1_small lie on both sides of the clip
HYPER = {**ADAMW, "clip": CLIP, "steps": STEPS}


@dataclass(frozen=True)
class GoldenModel:
    """A model small enough for its gradients to live in the repository."""

    vocab_size: int
    context: int
    d_model: int
    layers: int
    heads: int
    bias: bool
    tie_weights: bool
    batch: int


MODELS = {
    # Everything odd that can be odd.
    "odd_tied": GoldenModel(37, 13, 24, 2, 3, bias=True, tie_weights=True, batch=3),
    "untied_no_bias": GoldenModel(11, 7, 10, 1, 2, bias=False, tie_weights=False, batch=2),
    "tied_no_bias": GoldenModel(19, 9, 15, 1, 5, bias=False, tie_weights=True, batch=2),
    # One head, one position, one sequence: every axis that can vanish has.
    "one_token": GoldenModel(5, 1, 8, 1, 1, bias=True, tie_weights=False, batch=1),
    # The benchmark's C1, four layers and four heads, in a few kilobytes.
    "c1_small": GoldenModel(40, 16, 12, 4, 4, bias=True, tie_weights=True, batch=4),
}


def main() -> None:
    """Write every file and say how large it is."""
    parser = argparse.ArgumentParser(description="Record golden values from PyTorch.")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="the folder to write into")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # the same sums in the same order whenever it runs here
    made_by = {"torch": torch.__version__, "numpy": np.__version__}
    for seed, (name, config) in enumerate(MODELS.items()):
        tensors = record_model(config, np.random.default_rng(seed))
        facts = {"config": asdict(config), "hyper": HYPER, "made_by": made_by}
        write(out / f"{name}.safetensors", tensors, facts)
    write(out / "ops.safetensors", record_ops(np.random.default_rng(100)), {"made_by": made_by})


def write(path: Path, tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
    """Save one file; safetensors wants its arrays contiguous."""
    arrays = {key: np.asarray(value, order="C") for key, value in tensors.items()}
    # One key of metadata: with more, their order would differ from run to run.
    save_file(arrays, path, {"golden": json.dumps(facts)})
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size:,} bytes")


def record_model(config: GoldenModel, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights, batches and all that PyTorch makes of them, by slash-separated names."""
    weights = random_weights(build(config), rng)
    shape = (BATCHES, config.batch, config.context)
    ids = rng.integers(0, config.vocab_size, shape)  # (batches, B, T)
    targets = rng.integers(0, config.vocab_size, shape)  # (batches, B, T)
    tensors = {"ids": ids.astype(np.int32), "targets": targets.astype(np.int32)}
    tensors.update({f"weights/{name}": value for name, value in weights.items()})
    for dtype_name, dtype in DTYPES.items():
        model = build(config).to(dtype)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        batches = [
            (torch.from_numpy(i), torch.from_numpy(t)) for i, t in zip(ids, targets, strict=True)
        ]
        found = {**first_batch(model, *batches[0]), **trajectory(model, batches)}
        tensors.update({f"{dtype_name}/{name}": value for name, value in found.items()})
    # Where the float64 values serve both precisions, one copy is enough.
    dropped = ("float32/logits", "float32/steps/final_norm/")
    return {name: value for name, value in tensors.items() if not name.startswith(dropped)}


def build(config: GoldenModel) -> TorchGPT:
    """An untrained model of this shape."""
    sizes = asdict(config)
    del sizes["batch"]
    return TorchGPT(**sizes)


def random_weights(model: TorchGPT, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights in float32 at which every parameter matters."""
    weights = {}
    for name, parameter in model.named_parameters():
        value = WEIGHT_STD * rng.standard_normal(parameter.shape)
        if "ln_" in name and name.endswith("weight"):
            value += 1.0  # gains vary around one
        weights[name] = value.astype(np.float32)
    return weights


def first_batch(model: TorchGPT, ids: torch.Tensor, targets: torch.Tensor) -> dict[str, np.ndarray]:
    """Logits (B, T, V), loss () and the gradient of every parameter."""
    loss = model.loss(ids, targets)
    loss.backward()
    gradients = {f"grads/{name}": p.grad.numpy().copy() for name, p in model.named_parameters()}
    logits = model(ids).detach().numpy()  # (B, T, V)
    return {"logits": logits, "loss": loss.detach().numpy(), **gradients}


def trajectory(
    model: TorchGPT, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> dict[str, np.ndarray]:
    """Loss and gradient norm before clipping of each step, and the weights' norms at the end."""
    optimizer = make_adamw(model, ADAMW, fused=False)  # the plain formula, not the fast kernel
    losses, norms = [], []
    for step in range(STEPS):
        loss, norm = training_step(model, optimizer, *batches[step % len(batches)], CLIP)
        losses.append(loss)
        norms.append(norm)
    final = {
        f"steps/final_norm/{name}": p.detach().norm().numpy()
        for name, p in model.named_parameters()
    }
    return {"steps/losses": np.array(losses), "steps/grad_norms": np.array(norms), **final}


def record_ops(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Ops alone, at inputs where a careless formula loses its digits."""
    offset = rng.standard_normal((6, 1, 1)) * 100  # LayerNorm must survive a large mean
    layer_norm = {
        "x": offset + rng.standard_normal((6, 5, 7)),  # (B, T, C)
        "weight": 1 + 0.3 * rng.standard_normal(7),  # (C,)
        "bias": 0.3 * rng.standard_normal(7),  # (C,)
    }
    gelu = {"x": np.concatenate([np.linspace(-12, 12, 41), rng.standard_normal(36)])}  # (N,)
    logits = rng.standard_normal((9, 13)) * np.logspace(-3, 3, 9)[:, None]  # (N, V), tame to wild
    targets = torch.from_numpy(rng.integers(0, 13, 9))  # (N,)
    heads = 3
    qkv = rng.standard_normal((2, 11, 3 * heads * 5))  # (B, T, 3*H*D)

    def attention(qkv: torch.Tensor) -> torch.Tensor:
        split = qkv.view(2, 11, 3, heads, 5).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        y = functional.scaled_dot_product_attention(*split, is_causal=True)  # (B, H, T, D)
        return y.transpose(1, 2).reshape(2, 11, heads * 5)  # (B, T, H*D)

    found = {
        "layer_norm": run_op(
            lambda x, weight, bias: functional.layer_norm(x, (7,), weight, bias, eps=1e-5),
            layer_norm,
            rng,
        ),
        "gelu": run_op(lambda x: functional.gelu(x, approximate="tanh"), gelu, rng),
        "cross_entropy": run_op(
            lambda logits: functional.cross_entropy(logits, targets), {"logits": logits}, rng
        ),
        "attention": run_op(attention, {"qkv": qkv}, rng),
    }
    found["cross_entropy"]["targets"] = targets.numpy().astype(np.int32)
    return {f"{op}/{key}": value for op, made in found.items() for key, value in made.items()}


def run_op(
    op: Callable[..., torch.Tensor], inputs: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Inputs, output `y`, a random upstream gradient `g`, and `d_<input>` for every input."""
    inputs = {key: exact(value) for key, value in inputs.items()}
    leaves = {key: torch.tensor(value, requires_grad=True) for key, value in inputs.items()}
    y = op(**leaves)
    g = exact(rng.standard_normal(tuple(y.shape)))
    y.backward(torch.from_numpy(g))
    gradients = {f"d_{key}": leaf.grad.numpy() for key, leaf in leaves.items()}
    return {**inputs, "y": y.detach().numpy(), "g": g, **gradients}


def exact(value: np.ndarray | float) -> np.ndarray:
    """The nearest float32 values, as float64: a float32 test starts from the very same numbers."""
    return np.asarray(value, np.float32).astype(np.float64)


if __name__ == "__main__":
    main()
