"""Modules: names, flat buffers, loading, dropout, and a model whose shape is checked."""

from __future__ import annotations

import numpy as np
import pytest

import rinzler
from rinzler import GPT, GPTConfig, Tensor
from rinzler.errors import CheckpointError, ConfigError, ShapeError
from rinzler.nn import (
    Dropout,
    DropoutKey,
    Embedding,
    Initializer,
    LayerNorm,
    Linear,
    LinearGELU,
    Module,
)

TINY = GPTConfig(vocab_size=11, context=6, d_model=12, layers=2, heads=3)


class Net(Module):
    def __init__(self) -> None:
        init = Initializer(seed=5, dtype="float64")
        self.first = LinearGELU(3, 7, init=init)
        self.norm = LayerNorm(7, init=init)
        self.second = Linear(7, 2, init=init)

    def __call__(self, x: Tensor) -> Tensor:
        return self.second(self.norm(self.first(x)))


def test_names_are_the_paths_of_attributes() -> None:
    names = ["first.weight", "first.bias", "norm.weight", "norm.bias"]
    assert list(Net().parameters()) == [*names, "second.weight", "second.bias"]


def test_gpt_names_are_those_of_gpt2_files() -> None:
    names = list(GPT(TINY).parameters())
    assert names[:2] == ["wte.weight", "wpe.weight"]
    block = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias"]
    block += ["attn.c_proj.weight", "attn.c_proj.bias", "ln_2.weight", "ln_2.bias"]
    block += ["mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"]
    assert names[2:14] == [f"h.0.{name}" for name in block]
    assert names[-2:] == ["ln_f.weight", "ln_f.bias"]
    untied = GPTConfig(**{**TINY.to_json(), "tie_weights": False, "bias": False})
    names = list(GPT(untied).parameters())
    assert names[-1] == "lm_head.weight"
    assert not [name for name in names if name.endswith(".bias")]


def test_flat_order_is_decayed_then_not_and_views_stay_views() -> None:
    model = Net()
    flat = model.flat()
    assert flat is model.flat()
    assert list(flat.starts)[:2] == ["first.weight", "second.weight"]
    assert flat.count == 3 * 7 + 7 + 7 + 7 + 7 * 2 + 2
    assert all(start % 8 == 0 for start in flat.starts.values())  # 64 bytes of float64
    model.second.weight.array.fill(2.5)
    start = flat.starts["second.weight"]
    np.testing.assert_array_equal(flat.data.numpy()[start : start + 14], 2.5)


def test_flattening_keeps_values_and_gradients() -> None:
    model = Net()
    before = model.state()
    model(Tensor(np.ones((4, 3)))).sum().backward()
    gradients = {}
    for name, p in model.parameters().items():
        assert p.grad is not None
        gradients[name] = p.grad.numpy()
    model.flat()
    for name, p in model.parameters().items():
        np.testing.assert_array_equal(p.numpy(), before[name])
        assert p.grad is not None
        np.testing.assert_array_equal(p.grad.numpy(), gradients[name])
    model(Tensor(np.ones((4, 3)))).sum().backward()
    for name, p in model.parameters().items():
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), 2 * gradients[name], rtol=1e-13, atol=1e-13)
    model.zero_grad()
    assert not model.flat().grad.numpy().any()


def test_a_model_without_parameters_cannot_be_trained() -> None:
    with pytest.raises(ConfigError, match="this module has no parameters"):
        Module().flat()
    with pytest.raises(NotImplementedError, match="Module has no formula"):
        Module()(1)


def test_loading_checks_all_before_it_changes_any() -> None:
    model = Net()
    state = model.state()
    with pytest.raises(CheckpointError, match=r"missing \['norm.bias'\]"):
        model.load({name: x for name, x in state.items() if name != "norm.bias"})
    wrong = {name: np.zeros_like(x) for name, x in state.items()} | {"norm.bias": np.zeros(3)}
    with pytest.raises(CheckpointError, match=r"norm.bias has shape \(3,\), expected \(7,\)"):
        model.load(wrong)
    for name, values in model.state().items():
        np.testing.assert_array_equal(values, state[name])


def test_equal_seeds_make_equal_models_whatever_ran_before() -> None:
    first = GPT(TINY, seed=3).state()
    Linear(4, 4)
    second = GPT(TINY, seed=3).state()
    other = GPT(TINY, seed=4).state()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    assert not np.array_equal(first["wte.weight"], other["wte.weight"])


def test_layers_without_an_initializer_differ_and_repeat_under_a_seed() -> None:
    rinzler.seed(1)
    a, b = Linear(4, 4), Linear(4, 4)
    rinzler.seed(1)
    c = Linear(4, 4)
    assert not np.array_equal(a.weight.numpy(), b.weight.numpy())
    np.testing.assert_array_equal(a.weight.numpy(), c.weight.numpy())
    rinzler.seed(0)


def test_initial_weights_have_the_spread_they_should() -> None:
    model = GPT(GPTConfig(vocab_size=257, context=64, d_model=96, layers=3, heads=4))
    state = model.state()
    assert state["wte.weight"].std() == pytest.approx(0.02, rel=0.05)
    assert state["h.1.mlp.c_fc.weight"].std() == pytest.approx(0.02, rel=0.05)
    assert state["h.1.mlp.c_proj.weight"].std() == pytest.approx(0.02 / 6**0.5, rel=0.05)
    assert not state["h.1.mlp.c_proj.bias"].any()
    np.testing.assert_array_equal(state["ln_f.weight"], 1.0)


def test_repeated_ids_sum_their_gradients() -> None:
    table = Embedding(5, 3, init=Initializer(dtype="float64"))
    table(Tensor([[1, 1, 4], [1, 0, 4]])).sum().backward()
    assert table.weight.grad is not None
    np.testing.assert_array_equal(
        table.weight.grad.numpy(), np.array([1.0, 3.0, 0.0, 0.0, 2.0])[:, None] * np.ones(3)
    )


def test_linear_takes_two_and_three_dimensions() -> None:
    layer = Linear(4, 6, init=Initializer(dtype="float64"))
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    w, b = layer.weight.numpy(), np.zeros(6)
    np.testing.assert_allclose(layer(Tensor(x)).numpy(), x @ w + b, rtol=1e-12)
    np.testing.assert_allclose(layer(Tensor(x[0])).numpy(), x[0] @ w + b, rtol=1e-12)


def test_dropout_masks_depend_on_the_step_and_the_site_alone() -> None:
    key = DropoutKey(seed=7)
    x = Tensor(np.ones((40, 50)))
    layers = [Dropout(0.25, key, site=site) for site in (0, 1)]
    key.set(3, 1)
    first = [layer(x).numpy() for layer in layers]
    key.set(4)
    assert not np.array_equal(layers[0](x).numpy(), first[0])
    key.set(3, 1)
    np.testing.assert_array_equal(layers[0](x).numpy(), first[0])
    assert not np.array_equal(first[0], first[1])
    assert set(np.unique(first[0])) == {0.0, 1 / 0.75}
    assert (first[0] == 0).mean() == pytest.approx(0.25, abs=0.04)


def test_dropout_alone_takes_a_fresh_mask_and_rests_in_evaluation() -> None:
    layer = Dropout(0.5)
    x = Tensor(np.ones((30, 30)))
    assert not np.array_equal(layer(x).numpy(), layer(x).numpy())
    layer.eval()
    assert layer(x) is x
    with pytest.raises(ConfigError, match=r"dropout is 1.0, expected 0 ≤ p < 1"):
        Dropout(1.0)


def test_a_position_never_sees_what_comes_later() -> None:
    model = GPT(TINY, dtype="float64")
    ids = np.random.default_rng(1).integers(0, 11, (2, 6))
    before = model(model.ids(ids)).numpy()
    ids[:, 4:] = (ids[:, 4:] + 1) % 11
    after = model(model.ids(ids)).numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert np.abs(before[:, 4:] - after[:, 4:]).max() > 1e-6


def test_the_first_loss_is_that_of_guessing_evenly() -> None:
    model = GPT(GPTConfig(vocab_size=101, context=16, d_model=32, layers=2, heads=2))
    ids, targets = np.random.default_rng(2).integers(0, 101, (2, 4, 16))
    loss = model.loss(model.ids(ids), model.ids(targets)).item()
    assert loss == pytest.approx(model.config.initial_loss, abs=0.1)


REFUSALS = [
    ({"heads": 5}, r"heads 5 does not divide d_model 12 \(2.4 each\); use 3, 4 or 6 heads"),
    ({"layers": 0}, "layers is 0, expected a whole number of at least 1"),
    ({"context": 1.5}, "context is 1.5"),
    ({"dropout": 1.0}, "dropout is 1.0"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_impossible_shapes_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GPTConfig(**{**TINY.to_json(), **change})


def test_ids_beyond_the_context_or_the_vocabulary_are_refused() -> None:
    model = GPT(TINY)
    with pytest.raises(ShapeError, match=r"T from 1 to the context, 6"):
        model(model.ids(np.zeros((1, 7))))
    with pytest.raises(ShapeError, match="take_rows: ids holds ids from 0 to 11"):
        model(model.ids(np.array([[0, 11]])))
