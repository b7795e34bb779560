"""The backend as a whole: what it says of itself, what it refuses, what it does without."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import numba
import pytest

from rinzler.ops import OPS, Device
from rinzler_numba import cpu, facts
from rinzler_numba.backend import NumbaBackend
from rinzler_numba.compiling import KERNELS
from rinzler_numba.threads import pool


def test_the_device_says_what_it_is() -> None:
    caps = NumbaBackend().caps
    assert caps.dtypes == ("float32", "int32")
    assert caps.alignment == 64
    assert caps.deterministic
    assert "thread" in caps.device_text
    assert caps.device_text.endswith(f"numba {numba.__version__} for {cpu.target()}")


def test_every_kernel_computes_an_op_of_the_table(device: Device) -> None:
    kernels = set(device.backend.kernels)
    assert kernels <= set(OPS)
    assert {name for name, row in OPS.items() if row.required} <= kernels


def test_every_kernel_can_be_recorded(device: Device) -> None:
    assert [
        op for op, kernel in device.backend.kernels.items() if not hasattr(kernel, "plan")
    ] == []


def test_warming_up_compiles_every_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    for name, kernel in KERNELS.items():
        monkeypatch.setattr(kernel, "compile", lambda name=name: compiled.append(name))
    steps = NumbaBackend().warmup()
    for call in steps.values():
        call()
    assert compiled == list(steps) == list(KERNELS)
    assert {"launcher.run_together", "linear.linear", "update.adamw"} <= set(steps)


def test_importing_the_plugin_imports_no_numba(python) -> None:
    code = "import sys, rinzler_numba.plugin as p\n"
    code += "print(p.rinzler_backends()[0].name, 'numba' in sys.modules, 'numpy' in sys.modules)"
    assert python(code).split() == ["numba", "False", "False"]


FACTS = """
import json
print("FACTS", json.dumps([[f.name, f.value, f.advice] for f in device.backend.facts()]))
"""


def facts_of(python, work: str, **variables: str) -> dict[str, tuple[str, str]]:
    output = python(work + FACTS, **variables)
    line = output[output.index("FACTS ") + 6 :]
    return {name: (value, advice) for name, value, advice in json.loads(line)}


def test_what_doctor_shows(python, work: str, tmp_path) -> None:
    found = facts_of(python, work, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_NUM_THREADS="2")
    assert list(found) == [
        *("threads", "products", "compiler", "cache", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR")
    ]
    assert found["threads"][0].startswith("2 of 2, started by ")
    assert re.fullmatch(r"own kernels, \d+ x \d+ numbers .*; no BLAS.*", found["products"][0])
    assert " LLVM " in found["compiler"][0]
    assert re.match(rf"0 of \d+ kernels compiled, in {tmp_path}", found["cache"][0])
    assert found["cache"][0].endswith("(0.0 MB in all)")
    assert found["products"][1] == found["compiler"][1] == found["cache"][1] == ""
    assert found["NUMBA_NUM_THREADS"][0] == "2 (the most threads that --threads can ask for)"


def test_what_variables_cost_is_said(python, work: str) -> None:
    found = facts_of(
        python,
        work,
        NUMBA_OPT="1",
        NUMBA_CPU_NAME="generic",
        NUMBA_THREADING_LAYER="workqueue",
        OMP_NUM_THREADS="1",
    )
    value, advice = found["compiler"]
    assert "for generic (NUMBA_CPU_NAME=generic, NUMBA_OPT=1)" in value
    assert advice.startswith("NUMBA_CPU_NAME and NUMBA_OPT changes the code that is made")
    assert found["threads"][0].startswith("1 of ")
    assert found["threads"][0].endswith(", started by workqueue")
    assert found["threads"][1].endswith("unset NUMBA_THREADING_LAYER")
    assert found["OMP_NUM_THREADS"][0] == "1 (how many threads there are without --threads)"


@pytest.mark.parametrize(
    ("features", "shown"),
    [
        ("+sse2,+avx2,+avx512f", "thiscpu (AVX-512)"),
        ("+sse2,+avx2,-avx512f", "thiscpu (AVX2)"),
        ("+sse2", "thiscpu"),
    ],
)
def test_the_target_names_its_vectors(
    features: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CPU_NAME", "thiscpu")
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert cpu.target() == shown


@pytest.mark.parametrize("layer", ["tbb", "omp"])
def test_quick_layers_need_no_advice(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "layer", layer)
    assert facts._threads().advice == ""


def test_a_slow_layer_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "layer", "workqueue")
    monkeypatch.delenv("NUMBA_THREADING_LAYER", raising=False)
    assert facts._threads().advice.endswith("pip install tbb")


def test_disabled_compilation_is_an_error_with_a_way_out(python) -> None:
    code = """
from rinzler.errors import BackendError
from rinzler.plugins import choose_backend, open_device
try:
    open_device("numba")
except BackendError as error:
    print(error)
print(choose_backend("auto").name)
"""
    output = python(code, NUMBA_DISABLE_JIT="1").splitlines()
    assert "NUMBA_DISABLE_JIT is set" in output[0]
    assert "unset it, or use --backend numpy" in output[0]
    assert output[-1] == "numpy"


README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_the_ops_that_are_overridden(device: Device) -> None:
    section = README[README.index("## What it overrides") : README.index("## Determinism")]
    taken, left = section.split("It leaves to their defaults")
    fused = {op for op in device.backend.kernels if not OPS[op].required}
    assert sorted(re.findall(r"`(\w+)`", taken)) == sorted(fused)
    assert sorted(re.findall(r"`(\w+)`", left)) == sorted(set(OPS) - set(device.backend.kernels))
    assert f"All {sum(row.required for row in OPS.values())} required kernels" in section


def test_the_readme_lists_every_file_once() -> None:
    section = README[README.index("## Reading order") : README.index("## What it overrides")]
    listed = re.findall(r"`(\w+\.py)`", section)
    importlib.import_module("rinzler_numba.plugin")  # all others come with the backend
    loaded = [name for name in sys.modules if name.startswith("rinzler_numba.")]
    assert sorted(listed) == sorted(name.rpartition(".")[2] + ".py" for name in loaded)


def test_the_readme_names_every_variable_that_is_looked_at() -> None:
    for variable in (*facts.LIMITS, "NUMBA_DISABLE_JIT"):
        assert f"`{variable}`" in README


def test_bits_depend_on_the_cpu_and_on_no_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = facts.numerics()
    assert before["compiler"].startswith(f"numba {numba.__version__}, LLVM ")
    assert cpu.target() in before["compiler"]
    monkeypatch.setattr(pool, "count", pool.count + 1)
    assert facts.numerics() == before
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+sse2")
    changed = facts.numerics()
    assert changed["features"] != before["features"]
