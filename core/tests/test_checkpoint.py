"""What goes into a checkpoint comes out, bit for bit, and everything else is said in words."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import rinzler.checkpoint as ck
from rinzler.checkpoint.format import decode, encode
from rinzler.errors import CheckpointError

META = {"step": 500, "model": {"layers": 4, "bias": False}, "text": "Größe\n", "rate": 3e-4}


def example() -> ck.Checkpoint:
    rng = np.random.default_rng(7)
    tensors = {
        "wte.weight": rng.standard_normal((5, 3)).astype(np.float32),
        "h.0.ln_1.bias": np.zeros(3, np.float32),
        "optimizer.m": rng.standard_normal(18),
        "ids": np.arange(-2, 5, dtype=np.int32),
    }
    return ck.Checkpoint(tensors, META)


def test_round_trip_is_exact(assert_same, tmp_path: Path) -> None:
    path = ck.path_for_step(tmp_path, 500)
    size = ck.save(path, example())
    assert size == path.stat().st_size
    assert_same(ck.load(path), example())
    assert [file.name for file in tmp_path.iterdir()] == ["step-000500.safetensors"]


@pytest.mark.parametrize(
    "array",
    [
        np.float32(-0.0),
        np.array(2.5),
        np.zeros((3, 0, 2), np.float32),
        np.frombuffer(struct.pack("<4I", 0x7FC00001, 0xFFC12345, 0x7F800001, 1), np.float32),
        np.array([np.inf, -np.inf, 5e-324, -0.0]),
        np.arange(6, dtype=np.int32).reshape(2, 3).T,
        np.arange(10, dtype=np.float64)[::-3],
        np.arange(4, dtype=">f4"),
        np.array([1.5, 65504], np.float16),
        np.array([-(2**63), 2**63 - 1]),
        np.arange(3, dtype=np.uint8),
    ],
    ids=lambda array: f"{array.dtype.str}-{array.shape}",
)
def test_every_kind_of_array(assert_same, tmp_path: Path, array: np.ndarray) -> None:
    checkpoint = ck.Checkpoint({"x": array, "größe 重み \x1f": np.ones(2)}, {})
    ck.save(tmp_path / "x.safetensors", checkpoint)
    assert_same(ck.load(tmp_path / "x.safetensors"), checkpoint)


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    ck.save(first, example())
    ck.save(second, ck.load(first))
    assert first.read_bytes() == second.read_bytes()
    turned = ck.Checkpoint(dict(reversed(example().tensors.items())), dict(reversed(META.items())))
    ck.save(second, turned)
    assert first.read_bytes() == second.read_bytes()


def test_a_digest_of_ones_own_is_left_alone() -> None:
    meta = {"digest": "0" * 64, "more": f'"digest":"{"0" * 64}"'}
    data = b"".join(encode(ck.Checkpoint({"x": np.ones(1)}, meta)))
    assert decode(data, "memory").meta == meta


def test_the_bytes_are_those_of_the_safetensors_library() -> None:
    from safetensors.numpy import save

    tensors = {name: np.full(3, 1, name) for name in ck.DTYPES}
    tensors |= {'größe\x1f\x7f"/': np.zeros((2, 0), np.float32), "0": np.array(2.5)}
    data = b"".join(encode(ck.Checkpoint(tensors, META)))
    with_metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    assert save(tensors, metadata=with_metadata) == data


def test_arrays_are_views_that_nobody_can_change(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    ck.save(path, example())
    for array in ck.load(path).tensors.values():
        assert not array.flags.writeable
        assert not array.flags.owndata
        assert array.flags.aligned


def test_another_tool_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    ck.save(path, example())
    np.testing.assert_array_equal(load_file(path)["wte.weight"], example().tensors["wte.weight"])
    with safe_open(path, framework="numpy") as file:
        record = json.loads(file.metadata()["rinzler"])
    assert (record["format"], record["meta"]) == ("rinzler-checkpoint-1", META)


def test_digests_can_be_checked_without_this_package(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    ck.save(path, example())
    data = path.read_bytes()
    header = data[: 8 + int.from_bytes(data[:8], "little")]
    record = json.loads(json.loads(header[8:])["__metadata__"]["rinzler"])
    unsealed = header.replace(record["digest"].encode(), b"0" * 64)
    assert hashlib.sha256(unsealed).hexdigest() == record["digest"]
    payload = b"float32 [3]\n" + bytes(12)
    assert hashlib.sha256(payload).hexdigest() == record["sha256"]["h.0.ln_1.bias"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
ARRAYS = hnp.arrays(
    st.sampled_from(["<f4", "<f8", "<i4", "<f2", "<i8", "u1"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda n: n != "__metadata__")


@given(
    tensors=st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3),
    meta=st.dictionaries(st.text(st.characters()), JSON, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_any_content_comes_back(
    assert_same, tensors: dict[str, np.ndarray], meta: dict[str, object]
) -> None:
    data = b"".join(encode(ck.Checkpoint(tensors, meta)))
    back = decode(data, "memory")
    assert_same(back, ck.Checkpoint(tensors, meta))
    assert b"".join(encode(back)) == data


@pytest.mark.parametrize(
    ("tensors", "meta", "words"),
    [
        ({}, {}, "it holds no tensors"),
        ({"__metadata__": np.ones(1)}, {}, 'a tensor is named "__metadata__"'),
        ({"x": np.array(["a"])}, {}, 'tensor "x" is <U1, and a checkpoint holds float16'),
        ({"x": np.ones(1, complex)}, {}, 'tensor "x" is complex128'),
        ({"x": np.ones(1)}, {"a": math.nan}, "its meta cannot be written as JSON"),
        ({"x": np.ones(1)}, {"a": np.int64(1)}, "its meta cannot be written as JSON"),
        ({"x": np.ones(1)}, {"a": (1, 2)}, "JSON would change meta['a']: no tuples"),
        ({"x": np.ones(1)}, {"a": {1: 2}}, "JSON would change meta['a']"),
        ({"x": np.ones(1)}, {1: 2}, "JSON would change meta[1]"),
        ({"\ud800": np.ones(1)}, {}, "surrogates not allowed"),
        ({"x" * 1001: np.ones(1)}, {}, "has 1,001 characters, 1,000 is the limit"),
        ({"x": np.ones((1,) * 33)}, {}, "has 33 axes, and 32 is the limit"),
        ({"x": np.ones(1)}, {"a": [0] * 400_000}, "400,000 is the limit"),
        (dict.fromkeys(map(str, range(20_001)), np.ones(1)), {}, "20,000 is the limit"),
        ({"x": np.ones(1)}, {"a": "x" * (4 << 20)}, "4,194,304 is the limit"),
    ],
)
def test_what_cannot_be_stored_is_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], meta: dict[str, object], words: str
) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(CheckpointError) as caught:
        ck.save(path, ck.Checkpoint(tensors, meta))
    text = str(caught.value)
    assert text.startswith(f"{path} was not saved: ")
    assert words in text
    assert text.endswith("Nothing was written")
    assert isinstance(caught.value.__cause__, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"x": np.ones(3, np.float32)}, path, metadata=metadata)
        with pytest.raises(CheckpointError) as caught:
            ck.load(path)
        assert str(caught.value) == (
            f'{path} is a safetensors file, but its metadata has no entry "rinzler": Rinzler did '
            "not write it. For its tensors alone call safetensors.numpy.load_file"
        )


def test_a_newer_format_asks_for_a_newer_rinzler(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    record = json.dumps({"format": "rinzler-checkpoint-2", "parts": []})
    save_file({"x": np.ones(3, np.float32)}, path, metadata={"rinzler": record})
    with pytest.raises(CheckpointError) as caught:
        ck.load(path)
    assert str(caught.value) == (
        f"{path} has the format 'rinzler-checkpoint-2', and this Rinzler reads "
        "'rinzler-checkpoint-1'. If it comes from a newer Rinzler: pip install --upgrade rinzler"
    )


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    with pytest.raises(CheckpointError, match="cannot be read: ENOENT, No such file") as caught:
        ck.load(path)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert str(path) in str(caught.value)
    with pytest.raises(CheckpointError, match=r"Name a file step-NNNNNN\.safetensors of a run"):
        ck.load(tmp_path)


def test_step_names(tmp_path: Path) -> None:
    for step in (0, 500, 999_999, 1_000_000, 10**17):
        assert ck.step_of(ck.path_for_step(tmp_path, step)) == step
    assert ck.path_for_step(tmp_path, 500).name == "step-000500.safetensors"
    strange = ("step-500.safetensors", "step-0000500.safetensors", "step-000500.safetensors.tmp")
    for name in (*strange, "step--00500.safetensors", "step-٠٠٠٥٠٠.safetensors", "best"):
        assert ck.step_of(tmp_path / name) is None, name


def test_newest_is_the_highest_step_that_verifies(tmp_path: Path) -> None:
    for step in (900, 1000, 999_999, 1_000_000):  # as text, 1000000 comes before 999999
        ck.save(ck.path_for_step(tmp_path, step), example())
    ck.path_for_step(tmp_path, 900).touch()  # the newest by its time
    (tmp_path / "notes.txt").write_text("not one of them", encoding="utf-8")
    assert ck.newest(tmp_path) == (ck.path_for_step(tmp_path, 1_000_000), [])

    last, before = (ck.path_for_step(tmp_path, step) for step in (1_000_000, 999_999))
    last.write_bytes(last.read_bytes()[:-40])
    flipped = bytearray(before.read_bytes())
    flipped[-1] ^= 4
    before.write_bytes(flipped)
    path, skipped = ck.newest(tmp_path)
    assert path == ck.path_for_step(tmp_path, 1000)
    size = last.stat().st_size
    assert f"skipped {last} is damaged" in skipped[0]
    assert f"it is incomplete, {size:,} of {size + 40:,} bytes" in skipped[0]
    assert f"skipped {before} is damaged" in skipped[1]
    assert "does not match its digest" in skipped[1]


def test_newest_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        ck.newest(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} has no checkpoint that can be used: 0 files are named "
        "step-NNNNNN.safetensors. Name the folder of another run, or train anew"
    )
    bad = ck.path_for_step(tmp_path, 3)
    bad.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"1 files? are named(.|\n)*skipped .* 0 bytes"):
        ck.newest(tmp_path)
    with pytest.raises(CheckpointError, match=r"ENOENT.*Name the folder of a run"):
        ck.newest(tmp_path / "none")
