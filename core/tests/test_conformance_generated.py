"""Generated cases: every op has them, an id makes one again, and their sizes are the hard ones."""

from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np
import pytest

from rinzler.conformance.case import Case
from rinzler.conformance.drawn import DRAWS, generated, parsed, spread
from rinzler.conformance.oracle import REFERENCES
from rinzler.conformance.run import run_case
from rinzler.errors import ConfigError
from rinzler.ops import OPS, Device


def shapes_of(case: Case) -> list[tuple[int, ...]]:
    return [x.shape for x in (*case.ins, *case.reads.values()) if x is not None]


def test_every_op_has_a_generator_and_no_other_name_has() -> None:
    assert set(DRAWS) == set(OPS) == set(REFERENCES)


@pytest.mark.parametrize("op", OPS)
def test_an_id_makes_the_case_again(op: str, device: Device) -> None:
    once, again, other = generated(op, 7), generated(op, 7), generated(op, 8)
    assert once.id == again.id == f"{op}/gen-7"
    assert parsed(once.id) == (op, 7)
    (ins, reads), (same_ins, same_reads) = (each.data("float32") for each in (once, again))
    for a, b in zip([*ins, *reads.values()], [*same_ins, *same_reads.values()], strict=True):
        assert (a is None and b is None) or a.tobytes() == b.tobytes()
    assert once.attrs_for("float32").keys() == again.attrs_for("float32").keys()
    assert other.id != once.id
    assert run_case(device, once, "float64").ok


def test_no_array_is_empty_and_no_rank_too_high() -> None:
    for case in spread(2200):
        for shape in shapes_of(case):
            assert prod(shape) > 0, case.id
            assert len(shape) <= 5, case.id


def test_sizes_are_edges_and_values_are_odd() -> None:
    sizes, special = Counter[int](), Counter[str]()
    for case in spread(4400):
        for shape in shapes_of(case):
            sizes.update(shape)
        for host in case.data("float32")[0]:
            if host is not None and host.dtype.kind == "f":
                special["nan"] += bool(np.isnan(host).any())
                special["inf"] += bool(np.isinf(host).any())
    for size in (1, 2, 7, 31, 32, 33, 127, 128, 129, 1023, 1024, 1025):
        assert sizes[size] > 5, size
    assert min(special["nan"], special["inf"]) > 100


def test_cases_are_shared_out_evenly() -> None:
    shares = Counter(case.op for case in spread(1000))
    assert sum(shares.values()) == 1000
    assert max(shares.values()) - min(shares.values()) == 1


def test_what_is_no_generated_case() -> None:
    assert parsed("matmul/33x7x31-ta") is None
    assert parsed("matmul/gen-x") is None
    with pytest.raises(ConfigError, match="there is no op 'matmull'; the ops are fill, add"):
        parsed("matmull/gen-1")
