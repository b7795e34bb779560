"""Where a number stopped being one: op, layer, direction, tensor; and when that is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rinzler import checkpoint, guard
from rinzler.checkpoint import Checkpoint
from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import NumericsError, OutOfMemoryError
from rinzler.gpt import GPT
from rinzler.ops import OPS, Array, Device
from rinzler.plugins import open_device
from rinzler.tensor import Tensor
from rinzler.train import save
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=16, d_model=16, layers=2, heads=2)
SETTINGS = TrainConfig(steps=12, batch_size=2, lr=1e-2)


def text() -> Split:
    return split([("verse", "the quick brown fox jumps over the lazy dog.\n" * 40)], 0.2, BYTES)


BYTES = ByteTokenizer()


def trainer(device: Device, capture: bool = True) -> Trainer:
    return Trainer(GPT(SHAPE, device=device), BYTES, text(), SETTINGS, capture)


def scaled(run: Trainer, weight: str, by: float) -> None:
    values = run.model.state()[weight].astype(np.float64) * by
    run.model.load(run.model.state() | {weight: values.astype(np.float32)})


def failure(run: Trainer) -> str:
    before = run.snapshot()
    with pytest.raises(NumericsError) as caught:
        run.step()
    for name, values in run.snapshot().tensors.items():
        np.testing.assert_array_equal(values, before.tensors[name])
    assert run.model.device.watcher is None
    return str(caught.value)


LAYERS = {
    "h.1.mlp.c_fc.weight": "linear_gelu",
    "h.0.attn.c_attn.weight": "linear",
    "h.1.attn.c_attn.weight": "linear",
}


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("weight", LAYERS)
def test_an_overflow_in_a_replayed_step_names_the_layer(name: str, weight: str) -> None:
    run = trainer(open_device(name))
    for _ in range(3):
        run.step()
    scaled(run, weight, 3e38 / float(np.abs(run.model.state()[weight]).max()))
    message = failure(run)
    assert message.startswith("step 4: the loss is nan and the gradient's norm nan; the weights ")
    assert f"The first bad tensor is y, from op {LAYERS[weight]} " in message
    assert f" in {weight.removesuffix('.weight')}, forward: " in message
    assert " numbers. Try a lower --lr (now 0.01) or more --warmup-steps (now 0)" in message


def spoil(device: Device, op: str, number: int) -> None:
    """Let the `number`-th launch of an op in each step leave an infinity behind, from now on."""
    kernel, seen = device.backend.kernels[op], [0]

    def wrong(out: np.ndarray, *rest: object, **attrs: object) -> None:
        kernel(out, *rest, **attrs)
        seen[0] += 1
        if seen[0] == number:
            (out if out is not None else rest[0]).reshape(-1)[-1] = np.inf

    def from_the_start(x: Array) -> None:
        seen[0] = 0

    device.backend.kernels = {**device.backend.kernels, op: wrong}
    device.forget = from_the_start  # type: ignore[attr-defined]


@pytest.fixture
def own(device: Device) -> Device:
    """A numpy device whose backend no other test has."""
    device.backend = type(device.backend)()
    return device


BACKWARD = [
    ("layer_norm_bwd", 1, "in ln_f, backward"),
    ("layer_norm_bwd", 2, "in h.1.ln_2, backward"),
    ("attention_bwd", 2, "in h.0.attn, backward"),
]


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize(("op", "number", "where"), BACKWARD)
def test_a_fault_on_the_way_back_is_named_with_its_layer(
    op: str, number: int, where: str, own: Device
) -> None:
    run = trainer(own, capture=False)
    spoil(own, op, number)
    feed = run.update.feed

    def counted(pairs: object) -> None:
        feed(pairs)
        own.forget(None)

    run.update.feed = counted
    message = failure(run)
    assert message.startswith("step 1: the loss is 5.")
    assert f"from op {op} {where}: 1 Inf among " in message


def test_a_gradient_is_named_by_its_parameter(own: Device) -> None:
    run = trainer(own)
    flat = run.model.flat()
    with guard.watched(run.model) as watch:
        run.update.once_more([run.batches.draw(0)])
        gradient = run.model.parameters()["h.1.mlp.c_fc.weight"].gradient
        assert watch.first is None

        def work() -> None:
            gradient.fill(np.nan)

        watch.run(OPS["add"], [gradient], work)
    assert watch.first.tensor == "the gradient of h.1.mlp.c_fc.weight"
    assert watch.first.amount == "1,024 NaN among 1,024 numbers"
    assert flat.parameters["h.1.mlp.c_fc.weight"].gradient is gradient


@pytest.mark.usefixtures("fused")  # a kernel is named, or stands in for one
def test_a_norm_that_overflows_where_no_gradient_does_is_said(own: Device) -> None:
    run = trainer(own)
    loss = run.model.loss

    def steep(ids: Tensor, targets: Tensor) -> Tensor:
        return loss(ids, targets) * 1e25

    run.model.loss = steep  # type: ignore[method-assign]
    message = failure(run)
    assert "the gradient's norm inf; " in message
    assert (
        "The first bad tensor is y, from op sumsq in the gradient's norm, clipping: Inf" in message
    )


@pytest.mark.usefixtures("fused")  # a kernel is named, or stands in for one
def test_a_fault_that_does_not_come_again_is_not_blamed_on_the_numbers(own: Device) -> None:
    run = trainer(own, capture=False)
    spoil(own, "layer_norm", 3)  # counted once, so the repetition is sound
    message = failure(run)
    assert "Computed once more, op by op, all of its " in message
    assert " ops are finite: the machine was at fault, or the replay; --no-capture goes" in message


def test_no_memory_for_the_repetition_is_said(device: Device, monkeypatch) -> None:
    run = trainer(device)
    scaled(run, "h.1.mlp.c_fc.weight", 1e39)

    def none(pairs: object) -> None:
        raise OutOfMemoryError("no room for 9 GB")

    monkeypatch.setattr(run.update, "once_more", none)
    assert "to find out where that begins: no room for 9 GB. Try" in failure(run)


def test_weights_that_were_bad_before_are_named(device: Device) -> None:
    run = trainer(device)
    scaled(run, "h.0.ln_2.weight", np.nan)
    scaled(run, "ln_f.bias", np.nan)
    message = failure(run)
    assert (
        "Before that, a weight was not finite already: h.0.ln_2.weight holds 16 NaN among "
        "16 numbers (1 more tensors besides). Try"
    ) in message


@pytest.mark.usefixtures("fused")  # a kernel is named, or stands in for one
def test_a_validation_names_it_too(device: Device) -> None:
    run = trainer(device)
    scaled(run, "h.1.mlp.c_fc.weight", 1e39)
    with pytest.raises(NumericsError, match=r"validation: the loss over 32 tokens is nan\. The fi"):
        run.evaluate()


def test_a_bad_number_is_neither_saved_nor_loaded(device: Device, tmp_path: Path) -> None:
    run = trainer(device)
    run.step()
    good = run.snapshot()
    scaled(run, "wpe.weight", np.inf)
    with pytest.raises(
        NumericsError, match=r"step-000001.safetensors was not saved: wpe.weight ho"
    ):
        save(run, tmp_path)
    assert not list(tmp_path.iterdir())
    bad = dict(good.tensors)
    moment = next(name for name in bad if name.endswith("m.ln_f.weight"))
    bad[moment] = np.full(16, np.inf, np.float32)
    checkpoint.save(tmp_path / "bad.safetensors", Checkpoint(bad, good.meta))
    before = run.model.state()["ln_f.weight"]
    with pytest.raises(
        NumericsError, match=rf"this checkpoint: {moment} holds 16 Inf among 16 num"
    ):
        run.restore(checkpoint.load(tmp_path / "bad.safetensors"))
    np.testing.assert_array_equal(run.model.state()["ln_f.weight"], before)
