"""Rinzler against PyTorch: four ops, then GPTs: loss, every gradient, twenty AdamW steps.

The values were recorded by `benchmarks/record_golden.py`; PyTorch is not needed here. Each tensor
is judged by its worst element, |got - expected| <= tol * max|expected|: a mean would hide one wrong
element in a million. All of it runs with the fused kernels and with core's defaults.

Leaves out: central differences, which `test_tensor.py` takes. Read next: `rinzler/gpt.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors import safe_open

from rinzler.functional import attention, cross_entropy, layer_norm
from rinzler.gpt import GPT, GPTConfig
from rinzler.ops import no_fused
from rinzler.optim import AdamW, clip_grad_norm, measure
from rinzler.tensor import Tensor

GOLDEN = Path(__file__).parent / "golden"
MODELS = ("odd_tied", "untied_no_bias", "tied_no_bias", "one_token", "c1_small")
DTYPES = ("float32", "float64")
LOSS_TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
GRADIENT_TOLERANCE = {"float32": 1e-4, "float64": 1e-10}


class Golden(NamedTuple):
    """One recorded file."""

    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The tensors under a prefix, by the rest of their names."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


def read(name: str) -> Golden:
    with safe_open(GOLDEN / f"{name}.safetensors", framework="numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
        return Golden(tensors, json.loads(file.metadata()["golden"]))


def build(golden: Golden, dtype: str) -> GPT:
    """The recorded model with the recorded weights."""
    sizes = dict(golden.facts["config"])
    del sizes["batch"]
    model = GPT(GPTConfig(**sizes), dtype=dtype)
    model.load(golden.group("weights/"))
    return model


def assert_worst(what: str, got: np.ndarray, expected: np.ndarray, tol: float) -> None:
    """Fail with the worst element of `what` if it is off by more than tol * max|expected|."""
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    error = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    worst = np.unravel_index(np.argmax(error), error.shape)  # argmax finds NaN first
    bound = tol * np.abs(expected).max()
    assert error[worst] <= bound, (
        f"{what}: {got[worst]!r} at {worst}, expected {expected[worst]!r}; "
        f"off by {error[worst]:.2e}, allowed {bound:.2e}"
    )


@pytest.fixture(params=["fused", "no_fused"])
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything once with the backend's fused kernels and once with core's defaults."""
    with no_fused() if request.param == "no_fused" else nullcontext():
        yield request.param


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_logits_loss_and_every_gradient(name: str, dtype: str) -> None:
    golden = read(name)
    model = build(golden, dtype)
    ids = model.ids(golden.tensors["ids"][0])  # (B, T)
    targets = model.ids(golden.tensors["targets"][0])  # (B, T)

    logits = model(ids).numpy()  # (B, T, V)
    assert_worst("logits", logits, golden.tensors["float64/logits"], LOSS_TOLERANCE[dtype])

    loss = model.loss(ids, targets)
    loss.backward()
    expected = golden.group(f"{dtype}/")
    assert_worst("loss", loss.numpy(), expected["loss"], LOSS_TOLERANCE[dtype])
    gradients = golden.group(f"{dtype}/grads/")
    assert set(gradients) == set(model.parameters())
    for key, parameter in model.parameters().items():
        got = parameter.grad.numpy()
        assert_worst(f"gradient of {key}", got, gradients[key], GRADIENT_TOLERANCE[dtype])


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_twenty_clipped_adamw_steps(name: str, dtype: str) -> None:
    golden = read(name)
    hyper = golden.facts["hyper"]
    model = build(golden, dtype)
    optimizer = AdamW(
        model,
        lr=hyper["lr"],
        betas=tuple(hyper["betas"]),
        eps=hyper["eps"],
        weight_decay=hyper["weight_decay"],
    )
    ids, targets = golden.tensors["ids"], golden.tensors["targets"]  # (batches, B, T) each
    losses, norms = [], []
    for step in range(hyper["steps"]):
        batch = step % len(ids)
        optimizer.zero_grad()
        loss = model.loss(model.ids(ids[batch]), model.ids(targets[batch]))
        loss.backward()
        if step % 2:  # the two ways to clip are one
            norms.append(clip_grad_norm(model, hyper["clip"]))
            optimizer.step()
        else:
            clip = measure(model, hyper["clip"])
            norms.append(clip.norm.item())
            optimizer.step(clip)
        losses.append(loss.item())

    expected = golden.group(f"{dtype}/steps/")
    assert_worst("losses", np.array(losses), expected["losses"], LOSS_TOLERANCE[dtype])
    assert_worst("norms", np.array(norms), expected["grad_norms"], GRADIENT_TOLERANCE[dtype])
    if dtype == "float32":
        # The keys' bias has no gradient (softmax ignores a shift), so AdamW blows the rounding
        # noise there up to whole steps; the losses do not see it, the weights' norms would.
        return
    # Names the tensor that decay or clipping treated wrongly; a loss only says that one was.
    for key, expected_norm in golden.group("float64/steps/final_norm/").items():
        norm = np.sqrt(np.square(model.parameters()[key].numpy()).sum())
        assert_worst(f"norm of {key}", norm, expected_norm, LOSS_TOLERANCE[dtype])


OPS = {
    "layer_norm": layer_norm,
    "gelu": Tensor.gelu,
    "cross_entropy": cross_entropy,
    "attention": partial(attention, heads=3),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_one_op_and_its_gradients(op: str, dtype: str) -> None:
    recorded = read("ops").group(f"{op}/")
    inputs = [key for key in recorded if f"d_{key}" in recorded]
    leaves = {key: Tensor(recorded[key], requires_grad=True, dtype=dtype) for key in inputs}
    order = [key for key in ("x", "weight", "bias", "logits", "qkv") if key in leaves]
    ids = [Tensor(recorded["targets"])] if "targets" in recorded else []
    y = OPS[op](*(leaves[key] for key in order), *ids)
    y.backward(Tensor(recorded["g"], dtype=dtype))
    assert_worst(op, y.numpy(), recorded["y"], LOSS_TOLERANCE[dtype])
    for key in inputs:
        got = leaves[key].grad.numpy()
        assert_worst(f"gradient of {key}", got, recorded[f"d_{key}"], GRADIENT_TOLERANCE[dtype])


def test_the_recorded_clipping_is_active_and_inactive() -> None:
    """Otherwise the trajectory would not tell a clip from a rescaling or from nothing."""
    norms = read("c1_small").tensors["float64/steps/grad_norms"]
    assert norms.min() < 0.9
    assert norms.max() > 1.1


@pytest.mark.parametrize("wrong", [np.nan, 1.001])
def test_one_wrong_element_in_many_is_noticed(wrong: float) -> None:
    expected = np.ones((10, 1000))
    got = expected.copy()
    got[7, 123] = wrong
    with pytest.raises(AssertionError, match=r"thing: .* at \(.*7.*123.*\)"):
        assert_worst("thing", got, expected, 1e-4)
