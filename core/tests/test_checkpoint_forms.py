"""The two other forms of a checkpoint hold the same bits, and refuse the same damage."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rinzler.checkpoint as ck
from rinzler.checkpoint import raw, text
from rinzler.errors import CheckpointError
from rinzler.files import FileSystem

META = {"step": 500, "model": {"layers": 4, "bias": False}, "text": "Größe\n\ud800", "rate": 3e-4}
ODD = struct.pack("<6I", 0x7FC00001, 0xFFC12345, 0x7F800001, 1, 0x80000000, 0xFF800000)
ODD64 = struct.pack("<4Q", 0x7FF0000000000001, 0xFFF8000000000000, 1, 0x8000000000000000)


def example() -> ck.Checkpoint:
    rng = np.random.default_rng(7)
    tensors = {
        "wte.weight": rng.standard_normal((5, 3)).astype(np.float32),
        "odd": np.frombuffer(ODD, np.float32),
        "odd64": np.frombuffer(ODD64, np.float64),
        "every half": np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256),
        "größe 重み \x1f": np.array(2.5),
        "none": np.zeros((3, 0, 2), np.float32),
        "wide": np.arange(9000, dtype=np.int32),
        "limits": np.array([-(2**63), 2**63 - 1]),
        "limits32": np.array([-(2**31), 2**31 - 1], np.int32),
        "bytes": np.arange(256, dtype=np.uint8),
        "last": np.array([np.inf, 5e-324, np.finfo(np.float64).max, 0.1]),
        "last32": np.array([np.finfo(np.float32).max, np.finfo(np.float32).tiny, 1e-45], "f4"),
    }
    return ck.Checkpoint(tensors, META)


@pytest.fixture(params=[".json", ".bin"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"model{request.param}"


def test_it_comes_back_bit_for_bit(assert_same, path: Path) -> None:
    size = ck.save(path, example())
    files = list(path.parent.iterdir())
    assert size == sum(file.stat().st_size for file in files)
    assert len(files) == (2 if path.suffix == ".bin" else 1)
    back = ck.load(path)
    assert_same(back, example())
    before = [file.read_bytes() for file in files]
    ck.save(path, back)
    assert [file.read_bytes() for file in files] == before


ARRAYS = hnp.arrays(
    st.sampled_from(["<f4", "<f8", "<i4", "<f2", "<i8", "u1"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]))


@given(tensors=st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_content_comes_back(assert_same, tensors: dict[str, np.ndarray]) -> None:
    given = ck.Checkpoint(tensors, META)
    assert_same(text.decode(b"".join(text.encode(given)), "memory"), given)
    sidecar, chunks = raw.encode(given)
    assert_same(raw.decode(sidecar, b"".join(chunks), "memory"), given)


def test_every_float_of_a_sample_comes_back_through_decimal(assert_same) -> None:
    bits = np.random.default_rng(3).integers(0, 1 << 32, 50_000, dtype=np.uint32)
    given = ck.Checkpoint({"x": bits.view(np.float32)}, {})
    assert_same(text.decode(b"".join(text.encode(given)), "memory"), given)


def test_a_person_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    values = np.array([[0.1, -0.0], [math.nan, math.inf]], np.float32)
    ck.save(path, ck.Checkpoint({"x": values, "n": np.arange(2)}, {"step": 3, "a": [1, 2]}))
    shown = re.sub(r"[0-9a-f]{64}", "SHA", path.read_text(encoding="utf-8"))
    assert shown == (
        '{\n"format": "rinzler-checkpoint-json-1",\n"digest": "SHA",\n"meta": {\n'
        '  "a": [1, 2],\n  "step": 3\n},\n"tensors": {\n'
        '"n": {"dtype": "int64", "shape": [2], "sha256": "SHA", "values": [\n0, 1]},\n'
        '"x": {"dtype": "float32", "shape": [2, 2], "sha256": "SHA", "values": [\n'
        '0.1, -0.0,\n"nan:7fc00000", "Infinity"]}\n}}\n'
    )


def test_another_tool_may_lay_it_out_anew(assert_same, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    ck.save(path, example())
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=3), encoding="utf-8")
    assert_same(ck.load(path), example())
    path = tmp_path / "model.bin"
    ck.save(path, example())
    sidecar = tmp_path / "model.bin.json"
    record = json.loads(sidecar.read_bytes())
    sidecar.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
    assert_same(ck.load(path), example())


def test_the_raw_form_is_what_its_description_says(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    ck.save(path, example())
    record = json.loads((tmp_path / "model.bin.json").read_bytes())
    data = path.read_bytes()
    assert record["bytes"] == len(data)
    for place in record["tensors"]:
        expected = example().tensors[place["name"]]
        piece = data[place["offset"] : place["offset"] + place["bytes"]]
        assert piece == expected.tobytes()
        assert place["offset"] % expected.itemsize == 0


def refuse(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        ck.load(path)
    return str(caught.value)


def small(path: Path) -> Path:
    ck.save(path, ck.Checkpoint({"x": np.array([1.5, 2.0], np.float32), "y": np.arange(2)}, META))
    return path


# Each change stands for a kind of damage; the digest of the whole is put right where it matters.
CHANGES: dict[str, tuple[Any, Any, str]] = {
    "values cut": ("[\n1.5, 2.0]", "[\n1.5]", "a list has 1 values, expected 2"),
    "values more": ("[\n1.5, 2.0]", "[\n1.5, 2.0, 3.0]", "has not the 2 values"),
    "values none": ("[\n1.5, 2.0]", "[]", "incomplete: a list of 2 values"),
    "values blank": ("[\n1.5, 2.0]", "[      ]", "a list has 0 values"),
    "comma at the end": ("1.5, 2.0]", "1.5, 2.0, ]", "Expecting value"),
    "no end": ("2.0]}", "2.0 }", "Expecting ',' delimiter"),
    "an integer": ("[\n1.5, 2.0]", "[\n1, 2.0]", "a value is no float32"),
    "a float": ("[\n0, 1]", "[\n0.0, 1]", "a value is no whole number of int64"),
    "a bool": ("[\n0, 1]", "[\nfalse, 1]", "a value is no whole number of int64"),
    "too large": ("[\n0, 1]", "[\n0, 9223372036854775808]", "a value is no whole number"),
    "another value": ("1.5, 2.0", "1.25, 2.0", 'tensor "x" does not match its digest'),
    "beyond the range": ("1.5, 2.0", "1.5, 1e39", "beyond the range of float32"),
    "beyond every float": ("1.5, 2.0", "1.5, 1e999", "beyond the range of float32"),
    "NaN": ("1.5, 2.0", "1.5, NaN", "NaN, which is not JSON"),
    "nan without bits": ("1.5, 2.0", '1.5, "nan"', "'nan', which is no number"),
    "nan that is one": ("1.5, 2.0", '1.5, "nan:3f800000"', "which is no number"),
    "nan of another size": ("1.5, 2.0", '1.5, "nan:7e00"', "which is no number"),
    "a list inside": ("1.5, 2.0", "1.5, [2.0]", "delimiter"),
    "dtype": ('"float32"', '"float33"', "has no dtype of float16"),
    "dtype a number": ('"float32"', "32", "expected one of"),
    "shape": ('"shape": [2]', '"shape": 2', "has no shape of at most"),
    "a size too large": ('32", "shape": [2]', f'32", "shape": [{2**61}]', "larger than"),
    "much content": ('32", "shape": [2]', '32", "shape": [16777217]', "more than 67,108,864 bytes"),
    "an entry more": ('"dtype": "float32"', '"a": "", "dtype": "float32"', "entries a, dtype"),
    "an entry twice": ('"dtype": "float32"', '"dtype": "", "dtype": "float32"', "its dtype twice"),
    "a name twice": ('"y": {', '"x": {', "stands twice in it"),
    "no values": (', "values": [\n1.5, 2.0]', "", "has no values"),
    "format": ("json-1", "json-2", "has the format 'rinzler-checkpoint-json-2', and this Rinzler"),
    "meta": ('"step": 500', '"step": 501', "its description does not match its digest"),
    "meta NaN": ('"step": 500', '"step": NaN', "NaN, which is not JSON"),
    "meta minus nothing": ('"step": 500', '"step": -0', "holds -0, which is not a whole number"),
    "meta twice": ('"step": 500', '"step": 500, "step": 500', "a key stands twice"),
    "meta a list": ('"meta": {', '"meta": [], "more": {', "expected one of"),
    "after the end": ("}}\n", "}}\n{}", "something follows after its end"),
    "not ASCII": ("step", "stäp", "'ascii' codec"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_damaged_text_is_refused(change: str, tmp_path: Path) -> None:
    path = small(tmp_path / "model.json")
    before, after, message = CHANGES[change]
    whole = path.read_text(encoding="utf-8")
    assert before in whole
    path.write_text(whole.replace(before, after), encoding="utf-8")
    assert message in refuse(path)


def test_text_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    for content, message in {
        "": "it has '' at byte 0, expected one of {",
        "[]": "it has '[' at byte 0",
        "{}": "it has the entries of none",
        '{"tensors": {}}': "it has the entries tensors",
        '{"meta": ' + "[" * 100_000: "recursion",
        '{"meta": "' + "a" * (3 << 20) + '"}': "Unterminated string",
        '{"tensors": {"' + "a" * 1001 + '": {}}}': "has 1,001 characters",
        "1" * 5000: "it has '1' at byte 0",
    }.items():
        path.write_text(content, encoding="utf-8")
        assert message in refuse(path), content[:40]


PLACES: dict[str, tuple[Any, str]] = {
    "overlap": ({"offset": 8}, "overlaps another"),
    "hole": ({"offset": 24}, "overlaps another, or bytes before it are lost"),
    "unaligned": ({"offset": 17}, "begins where no float32 may begin"),
    "negative": ({"offset": -8}, "has no place that could be one"),
    "no number": ({"offset": 16.0}, "has no name, or no place"),
    "size": ({"bytes": 4}, "a place of another size than its shape says"),
    "shape": ({"shape": [4]}, "a place of another size than its shape says"),
    "more": ({"more": 1}, "has the entries bytes, dtype, more"),
    "name": ({"name": "y"}, "a tensor stands twice"),
    "no name": ({"name": 5}, "has no name, or no place"),
    "digest": ({"sha256": "0" * 64}, 'tensor "x" does not match its digest'),
    "digest none": ({"sha256": None}, 'tensor "x" does not match its digest'),
    "dtype": ({"dtype": "int32"}, 'tensor "x" does not match its digest'),
}


@pytest.mark.parametrize("change", PLACES)
def test_a_description_that_does_not_fit_is_refused(change: str, tmp_path: Path) -> None:
    path = small(tmp_path / "model.bin")
    sidecar = tmp_path / "model.bin.json"
    record = json.loads(sidecar.read_bytes())
    record["tensors"][1] |= PLACES[change][0]
    sidecar.write_text(json.dumps(record | {"digest": raw.seal(record)}), encoding="utf-8")
    assert PLACES[change][1] in refuse(path)


def test_the_two_files_belong_together(tmp_path: Path) -> None:
    path = small(tmp_path / "model.bin")
    data, sidecar = path.read_bytes(), tmp_path / "model.bin.json"
    path.write_bytes(data[:-1])
    assert "it is incomplete or too long, 23 bytes, not 24" in refuse(path)
    path.write_bytes(data[:-1] + b"\1")
    assert 'tensor "x" does not match its digest' in refuse(path)
    path.write_bytes(data)
    sidecar.write_bytes(sidecar.read_bytes().replace(b"500", b"501"))
    assert "its description does not match its digest" in refuse(path)
    sidecar.unlink()
    assert refuse(path).startswith(f"{sidecar} cannot be read: ENOENT")
    assert refuse(path).endswith("is of use only together with what describes it, model.bin.json")


def test_the_description_stands_for_both(assert_same, tmp_path: Path) -> None:
    path = small(tmp_path / "model.bin")
    assert_same(ck.load(tmp_path / "model.bin.json"), ck.load(path))
    with pytest.raises(CheckpointError, match=r"that name describes model\.bin, which is the one"):
        ck.save(tmp_path / "model.bin.json", example())


def test_a_failed_save_leaves_files_that_are_not_taken_for_whole(tmp_path: Path) -> None:
    class Second(FileSystem):
        calls = 0

        def create(self, path: Path) -> int:
            self.calls += 1
            if self.calls == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().create(path)

    path = small(tmp_path / "model.bin")
    with pytest.raises(CheckpointError, match=r"model\.bin\.json was not saved: ENOSPC"):
        ck.save(path, example(), Second())
    assert "it is incomplete or too long" in refuse(path)


def test_a_large_model_is_not_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    large = ck.Checkpoint({"x": np.zeros((64 << 18) + 1, np.float32)}, {})
    with pytest.raises(CheckpointError) as caught:
        ck.save(path, large)
    assert str(caught.value) == (
        f"{path} was not saved: its tensors have 67,108,868 bytes, and 67,108,864 is the limit of "
        "the JSON form. Name a file that ends in .bin or .safetensors. Nothing was written"
    )
    with pytest.raises(CheckpointError, match="its meta needs"):
        ck.save(path, ck.Checkpoint({"x": np.zeros(1)}, {"a": "x" * (2 << 20)}))
    assert list(tmp_path.iterdir()) == []
