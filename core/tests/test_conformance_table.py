"""The case table itself: that it is complete, stable, and says what it is meant to say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rinzler.conformance.case import Case, case, floats, ids, integers, shape_name, signed
from rinzler.conformance.cases import CASES, cases_of
from rinzler.conformance.oracle import REFERENCES, expected
from rinzler.ops import OPS

REQUIRED = [
    *("fill", "move", "take_rows", "add_rows"),
    *("add", "sub", "mul", "div", "maximum", "less", "where"),
    *("exp", "log", "sqrt", "tanh"),
    *("sum_rows", "max_rows", "matmul"),
]


def test_the_required_kernels_are_these_eighteen() -> None:
    assert sorted(row.name for row in OPS.values() if row.required) == sorted(REQUIRED)
    assert len(REQUIRED) == 18


@pytest.mark.parametrize("op", OPS)
def test_every_row_has_cases_and_a_reference(op: str) -> None:
    assert len(cases_of(op)) >= 8
    assert op in REFERENCES


@pytest.mark.parametrize("op", OPS)
def test_the_cases_of_a_row_cover_one_element_odd_sizes_and_tile_edges(op: str) -> None:
    tags = {tag for case in cases_of(op) for tag in case.tags}
    # Where fixed operands hide it from the shapes (a key of four words), a mark says "one".
    assert tags >= {"one", "odd", "tile"}


@pytest.mark.parametrize("op", OPS)
def test_every_row_explains_itself(op: str) -> None:
    row = OPS[op]
    parts = [line.split()[0] for line in row.doc.splitlines() if line.strip()]
    assert [word for word in parts if word in ("Forward", "Gradient", "Hazard")] == [
        "Forward",
        "Gradient",
        "Hazard",
    ]


@pytest.mark.parametrize("op", OPS)
def test_rows_name_their_own_operands(op: str) -> None:
    row = OPS[op]
    assert set(row.saves) <= {*row.inputs, *row.outputs}
    assert all(index < len(row.outputs) for index in row.updates)
    assert all(index < len(row.inputs) for index in row.inplace)


def test_nothing_is_in_the_table_that_is_no_op() -> None:
    assert set(REFERENCES) == set(OPS)
    assert {case.op for case in CASES} == set(OPS)


def test_ids_are_unique_and_readable() -> None:
    counts = Counter(case.id for case in CASES)
    assert [name for name, count in counts.items() if count > 1] == []
    assert all(" " not in case.id and len(case.id) < 80 for case in CASES)


def test_matmul_has_every_combination_of_flags_in_2_and_3_dimensions() -> None:
    flags = {
        (
            case.attrs["ta"],
            case.attrs["tb"],
            case.attrs["accumulate"],
            "batch" in case.tags,
        )
        for case in cases_of("matmul")
    }
    assert len(flags) == 16


@pytest.mark.parametrize(
    ("op", "mark"),
    [
        ("add", "one-element b"),
        ("add_rows", "repeats"),
        ("adamw", "extreme"),
        ("attention_cached", "several"),
        ("cross_entropy", "extreme"),
        ("layer_norm", "absent"),
        ("layer_norm_bwd", "absent"),
        ("linear", "absent"),
        ("linear_bwd", "absent"),
        ("maximum", "extreme"),
        ("max_rows", "extreme"),
        ("move", "int32"),
        ("permute", "int32"),
        ("sum_rows", "large"),
        ("where", "extreme"),
    ],
)
def test_the_hard_cases_are_there(op: str, mark: str) -> None:
    assert any(mark in case.tags for case in cases_of(op))


def test_cross_entropy_has_fewer_as_many_and_more_columns_than_rows() -> None:
    shapes = [case.ins[0].shape for case in cases_of("cross_entropy") if case.ins[0]]
    assert {np.sign(v - n) for n, v in shapes} == {-1, 0, 1}
    assert any(v == 1 for _, v in shapes)


def test_a_case_gives_the_same_numbers_every_time_and_in_every_dtype() -> None:
    row = case("add", "example", floats((5, 7)), floats((5, 7)))
    once, _ = row.data("float64")
    again, _ = row.data("float64")
    single, _ = row.data("float32")
    for a, b, c in zip(once, again, single, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a.astype(np.float32), c)
    assert not np.array_equal(once[0], once[1])
    other, _ = case("add", "other", floats((5, 7)), floats((5, 7))).data("float64")
    assert not np.array_equal(once[0], other[0])


def test_values_are_never_so_small_that_a_kernel_could_lose_them_unseen() -> None:
    values = signed(np.random.default_rng(0), (1000,), [])
    assert abs(values).min() >= 0.5
    assert {-1.0, 1.0} == set(np.sign(values))


def test_drawn_ids_include_the_last_one() -> None:
    (drawn,), _ = case("take_rows", "example", integers((33,), ids(7))).data("float32")
    assert drawn.dtype == np.int32
    assert drawn.max() == 6
    assert drawn.min() >= 0


def test_tags_follow_from_shapes() -> None:
    def tags(*shape: int) -> frozenset[str]:
        return Case("exp", shape_name(shape), (floats(shape),)).tags

    assert tags() == {"one"}
    assert tags(1, 1) == {"one"}
    assert tags(7) == {"odd"}
    assert tags(32, 2) == {"tile"}
    assert tags(33, 1031) == {"odd", "tile", "large"}
    assert tags(2, 64) == set()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_bounds_are_numbers_and_mean_something(op: str, dtype: str) -> None:
    """A bound of the size of the result would let anything pass."""
    loosest = 1e-2 if dtype == "float32" else 1e-10
    for row in cases_of(op):
        ins, reads = row.data(dtype)
        for answer in expected(row, dtype, ins, reads):
            if answer is None or answer.bound is None:
                continue
            assert np.isfinite(answer.bound).all(), row.id
            assert (answer.bound >= 0).all(), row.id
            values = abs(answer.values[np.isfinite(answer.values)])
            size = max(values.max(initial=0.0), 1.0)
            assert answer.bound.max() <= loosest * size, row.id
