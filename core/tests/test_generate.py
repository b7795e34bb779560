"""Generation: what is kept against what is computed anew, alone against in company, text and stops.

Read next: `test_generate_drawing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinzler import capture
from rinzler.autograd import is_recording
from rinzler.config import GPTConfig, Sampling
from rinzler.data import BPETokenizer, ByteTokenizer
from rinzler.errors import ConfigError, NumericsError, OutOfMemoryError
from rinzler.generate import (
    Decoder,
    Decoders,
    cache_bytes,
    generate,
    generate_ids,
    generate_many,
    naive,
)
from rinzler.generate.sequences import grow
from rinzler.generate.texts import until
from rinzler.gpt import GPT
from rinzler.ops import Device, no_fused
from rinzler.ops.recording import Function, record

SHAPE = GPTConfig(vocab_size=256, context=16, d_model=16, layers=2, heads=2, dropout=0.2)
WAYS = [
    Sampling(temperature=0.0),
    Sampling(temperature=1.0, seed=4),
    Sampling(top_k=40, top_p=0.9, min_p=0.01, repetition_penalty=1.3),
]


def sharp(device: Device, config: GPTConfig = SHAPE, seed: int = 1) -> GPT:
    """A model that prefers some ids, where one that has learnt nothing finds all alike."""
    model = GPT(config, seed=seed, device=device)
    rng = np.random.default_rng(seed)
    state = model.state()
    model.load({k: v + 0.3 * rng.normal(size=v.shape).astype(v.dtype) for k, v in state.items()})
    return model


# --- what is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", WAYS)
@pytest.mark.parametrize("prompt", [[], [7], list(range(16)), list(range(100, 150))])
def test_the_same_ids_as_the_naive_way(
    device: Device, sampling: Sampling, prompt: list[int]
) -> None:
    model = sharp(device)
    expected = list(islice(naive.naive_ids(model, prompt, sampling), 60))
    assert list(generate_ids(model, prompt, replace(sampling, tokens=60))) == expected
    assert len(set(expected)) > 2


def test_past_the_context_the_newer_half_is_kept(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive way, watched: which ids the model has in sight at each token."""
    windows: list[list[int]] = []
    real = naive.logits

    def noting(model: GPT, window: list[int]) -> np.ndarray:
        windows.append(window)
        return real(model, window)

    monkeypatch.setattr(naive, "logits", noting)
    ids = list(islice(naive.naive_ids(sharp(device), [1, 2, 3], Sampling()), 40))
    assert [len(window) for window in windows] == [
        *range(3, 17),
        *[*range(8, 17)] * 2,
        *range(8, 16),
    ]
    for count, window in enumerate(windows):
        assert window == [1, 2, 3, *ids[:count]][-len(window) :]


def test_between_two_ids_the_model_is_as_it_was(device: Device) -> None:
    """Whoever takes an id may train before the next: modes and recording are not held."""
    model = sharp(device)
    model.h[0].mlp.eval()
    ids = generate_ids(model, [1], Sampling(tokens=30))
    for _ in islice(ids, 5):
        assert is_recording()
        assert model.training
        assert not model.h[0].mlp.drop.training
    model.eval()
    next(ids)
    assert not any(module.training for module in model.modules())


def test_a_failure_leaves_the_mode_too(device: Device) -> None:
    model = sharp(device)
    state = model.state()
    model.load({**state, "wte.weight": np.full_like(state["wte.weight"], np.nan)})
    with pytest.raises(NumericsError, match="token 1 of the text: of 256 logits, 256 are not"):
        next(generate_ids(model, [1]))
    assert model.training
    assert is_recording()


def test_weights_that_change_meanwhile_count(device: Device) -> None:
    """A recorded step reads the weights where they are."""
    model = sharp(device)
    decoder = Decoder(model, 1)
    decoder.read(0, [1, 2])
    place = np.array([2])
    for _ in range(4):
        before = decoder.step(np.array([3]), place)
    model.load({name: 1.5 * value for name, value in model.state().items()})
    assert not np.array_equal(decoder.step(np.array([3]), place), before)


def test_one_upload_of_each_input_and_one_download_a_token(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    ids = generate_ids(sharp(device), [1, 2, 3], Sampling(tokens=16))
    list(islice(ids, 5))  # recorded by now
    for name in ("upload", "download"):
        real = getattr(device.backend, name)
        monkeypatch.setattr(
            device.backend, name, lambda *a, name=name, real=real: (moved.append(name), real(*a))
        )
    list(islice(ids, 7))
    assert moved == ["upload", "upload", "download"] * 7


def test_caches_are_as_large_as_is_said(device: Device) -> None:
    model = sharp(device)
    before = device.memory.stats.live
    decoder = Decoder(model, 5)
    taken = device.memory.stats.live - before
    said = cache_bytes(model, 5)
    assert said == 2 * 2 * 5 * 16 * 16 * 4  # k and v, layers, B, T, C, float32
    assert said <= taken <= said + 3 * 256  # and the ids
    del decoder
    assert device.memory.stats.live == before


def test_caches_that_do_not_fit(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sharp(device)
    real = device.backend.alloc

    def scarce(nbytes: int) -> object:
        if nbytes > 1 << 20:
            raise MemoryError
        return real(nbytes)

    monkeypatch.setattr(device.backend, "alloc", scarce)
    with pytest.raises(OutOfMemoryError) as caught:
        Decoder(model, 4096)
    assert str(caught.value).startswith(
        "the keys and values of 4096 texts at once take 16.0 MiB. Generate fewer at a time: "
        "give less to --prompt and --num-samples. backend 'numpy' has no 4.0 MiB left"
    )
    assert isinstance(caught.value.__cause__, OutOfMemoryError)


# --- one tape for many texts --------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """One entry for each time that a step was recorded."""
    found: list[Device] = []

    def noting(function: Function, device: Device) -> object:
        found.append(device)
        return record(function, device)

    monkeypatch.setattr(capture, "record", noting)
    return found


def test_texts_share_what_was_recorded(device: Device, recorded: list[Device]) -> None:
    """Prompts of any length, windows that start over: the ids that each has on its own."""
    model, settings = sharp(device), Sampling(tokens=20, seed=2)
    prompts = prompts_of(6)
    alone = [list(generate_ids(model, prompt, settings)) for prompt in prompts]
    assert len(recorded) == 2 * 6
    recorded.clear()
    decoders = Decoders(model)
    shared = [list(generate_ids(model, prompt, settings, decoders=decoders)) for prompt in prompts]
    assert shared == alone
    assert len(recorded) == 2  # a step is recorded twice, and compared


def test_groups_of_texts_share_it_too(device: Device, recorded: list[Device]) -> None:
    model, prompts = sharp(device), ["a", "bc", "d", "ef", "g"]
    pieces = list(generate_many(model, ByteTokenizer(), prompts, Sampling(tokens=5), at_once=2))
    assert len(pieces) == 5 * 5
    assert len(recorded) == 2 + 2  # pairs of texts, and the last one alone


def test_texts_at_the_same_time_have_a_decoder_each(device: Device) -> None:
    model, settings = sharp(device), Sampling(tokens=20, seed=2)
    decoders = Decoders(model)
    one, other = [1, 2, 3], [9, 8]
    alone = [list(generate_ids(model, prompt, settings)) for prompt in (one, other)]
    pair = [generate_ids(model, each, settings, decoders=decoders) for each in (one, other)]
    assert list(zip(*pair, strict=True)) == list(zip(*alone, strict=True))


def test_a_tape_of_defaults_is_for_them_alone(device: Device, recorded: list[Device]) -> None:
    model, settings = sharp(device), Sampling(tokens=9)
    decoders = Decoders(model)
    for forced in (False, True, False, True):
        with no_fused(forced):
            list(generate_ids(model, [1], settings, decoders=decoders))
    assert len(recorded) == 4


def test_after_an_error_a_decoder_is_not_used_again(device: Device, recorded: list[Device]) -> None:
    model, settings = sharp(device), Sampling(tokens=9)
    decoders, state = Decoders(model), model.state()
    list(generate_ids(model, [1], settings, decoders=decoders))
    model.load({**state, "wte.weight": np.full_like(state["wte.weight"], np.nan)})
    with pytest.raises(NumericsError):
        list(generate_ids(model, [1], settings, decoders=decoders))
    model.load(state)
    expected = list(generate_ids(model, [1], settings))
    recorded.clear()
    assert list(generate_ids(model, [1], settings, decoders=decoders)) == expected
    assert len(recorded) == 2


def test_free_decoders_go_where_memory_is_short(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = sharp(device)
    decoders, before = Decoders(model), device.memory.stats.live
    for sequences in (1, 2, 3, 4, 5, 6):  # more than are kept
        decoders.give_back(decoders.take(model, sequences))
    held = device.memory.stats.live - before
    assert sum(cache_bytes(model, each) for each in (3, 4, 5, 6)) <= held
    assert held < sum(cache_bytes(model, each) for each in (2, 3, 4, 5, 6))
    real = device.empty

    def scarce(shape: tuple[int, ...], dtype: str = "float32") -> object:
        if device.memory.stats.live > before + held // 2:
            raise OutOfMemoryError("there is no more")
        return real(shape, dtype)

    monkeypatch.setattr(device, "empty", scarce)
    taken = decoders.take(model, 7)
    assert device.memory.stats.live - before < cache_bytes(model, 8)
    with pytest.raises(OutOfMemoryError, match="the keys and values of 64 texts"):
        decoders.take(model, 64)
    assert taken.sequences == 7


def test_decoders_of_another_model_are_refused(device: Device) -> None:
    message = "of another model than the one that is to write: make Decoders"
    with pytest.raises(ConfigError, match=message):
        next(generate_ids(sharp(device), [1], decoders=Decoders(sharp(device))))


# --- in company -------------------------------------------------------------------------------


def prompts_of(count: int, seed: int = 3) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, rng.integers(1, 25)).tolist() for _ in range(count)]


@pytest.mark.parametrize("sampling", WAYS)
def test_in_company_a_text_is_what_it_is_alone(device: Device, sampling: Sampling) -> None:
    """Lengths from 1 to beyond the context, and windows that start over at different times."""
    model = sharp(device)
    prompts = prompts_of(20)
    together = list(islice(grow(model, prompts, sampling, [0] * 20), 40))
    for b, prompt in enumerate(prompts):
        alone = list(generate_ids(model, prompt, replace(sampling, tokens=40)))
        assert [column[b] for column in together] == alone


def test_samples_differ_and_do_not_depend_on_how_many_there_are(device: Device) -> None:
    model, settings = sharp(device), Sampling(tokens=12, num_samples=5, stop=("q",))
    texts: dict[tuple[int, int, int], str] = {}
    for samples, at_once in ((5, 32), (5, 2), (2, 32)):
        for prompts in (["a", "bcd"], ["bcd"]):
            now = replace(settings, num_samples=samples)
            pieces = generate_many(model, ByteTokenizer(), prompts, now, at_once=at_once)
            found: dict[int, str] = {}
            for piece in pieces:
                found[piece.number] = found.get(piece.number, "") + piece.text
            for number, text in found.items():
                prompt, sample = divmod(number, samples)
                key = (len(prompts[prompt]), sample, 0)
                assert texts.setdefault(key, text) == text
    assert len(texts) == 10
    assert len(set(texts.values())) == 10


# --- text -------------------------------------------------------------------------------------


class Given:
    """Stands where a model's ids come from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *columns: list[int]) -> None:
        def ids(*_: object) -> Iterator[list[int]]:
            yield from columns

        monkeypatch.setattr("rinzler.generate.texts.grow", ids)


def test_a_character_comes_whole_or_not_at_all(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    Given(monkeypatch, *[[byte] for byte in "aü🙂".encode()], [0xE2], [0x82])
    pieces = list(generate(sharp(device), ByteTokenizer(), "x", Sampling(tokens=9)))
    assert pieces == ["a", "", "ü", "", "", "", "🙂", "", "\ufffd"]


def test_how_a_text_ends(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = zip(b"abcdef", b"aendxy", b"xenxen", strict=True)
    Given(monkeypatch, *[list(column) for column in columns])
    sampling = Sampling(tokens=6, stop=("end", "b"))
    pieces = list(generate_many(sharp(device), ByteTokenizer(), ["x", "y", "z"], sampling))
    texts = ["", "", ""]
    for piece in pieces:
        texts[piece.number] += piece.text
    assert texts == ["a", "a", "xenxen"]
    last = {piece.number: (piece.tokens, piece.ended) for piece in pieces}
    assert last == {0: (2, "stop"), 1: (4, "stop"), 2: (6, "tokens")}
    assert [piece.ended != "" for piece in pieces].count(True) == 3
    assert [piece.text for piece in pieces if piece.number == 2] == ["x", "", "", "enx", "", "en"]


def test_stop_ids(device: Device) -> None:
    model, settings = sharp(device), Sampling(tokens=50, temperature=0)
    ids = list(generate_ids(model, [1], settings))
    stop = ids[20]
    assert list(generate_ids(model, [1], settings, stop_ids=(stop,))) == ids[: ids.index(stop)]


def test_text_of_merges(device: Device) -> None:
    tokenizer = BPETokenizer(((116, 104), (257, 101)))
    model = sharp(device, replace(SHAPE, vocab_size=259))
    sampling = Sampling(tokens=40)
    ids = list(generate_ids(model, tokenizer.encode("the moth").tolist(), sampling))
    pieces = list(generate(model, tokenizer, "the moth", sampling))
    assert len(pieces) == 40
    assert "".join(pieces) == tokenizer.decode(ids)


short = st.text("ab", min_size=1, max_size=4)


def naive_until(text: str, stops: list[str]) -> str:
    """Character by character: the first stop that is complete."""
    for end in range(len(text) + 1):
        lengths = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if lengths:
            return text[: end - max(lengths)]
    return text


@given(st.lists(st.text("abc", max_size=5), max_size=8), st.lists(short, max_size=3))
def test_stops_however_the_pieces_are_cut(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    expected = naive_until(text, stops)
    found = list(until(pieces, stops))
    assert "".join(piece for piece, _ in found) == expected
    stopped = any(stop in text for stop in stops)
    assert [ended for _, ended in found].count(True) == stopped
    assert found[-1][1] == stopped
    if not stopped:
        assert len(found) == len(pieces) + 1
    # Nothing is held back for longer than it must be.
    written = ""
    for given_so_far, (piece, _) in zip(range(1, len(pieces) + 1), found, strict=False):
        written += piece
        arrived = "".join(pieces[:given_so_far])
        waiting = arrived[len(written) :]
        assert stopped or not waiting or any(stop.startswith(waiting) for stop in stops)
