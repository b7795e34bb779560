"""The kernels with every barrier and without each feature, against cases of the conformance kit.

As they are, `test_vulkan_conformance.py` checks them. All of it runs under the validation layer
with synchronization checks, which must stay silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from vulkan_testing import settings

from rinzler.conformance.cases import CASES
from rinzler.conformance.run import run_case
from rinzler.ops import Device
from rinzler_vulkan import backend as families
from rinzler_vulkan.caps import FEATURES
from rinzler_vulkan.elementwise import binary, unary, where
from rinzler_vulkan.hazards import Hazards
from rinzler_vulkan.movement import fill

OPS = {op for family in families.FAMILIES for op in family.KERNELS}
OURS = [case for case in CASES if case.op in OPS]


@pytest.fixture(scope="module", params=["barriers", *FEATURES])
def altered(driver: None, request: pytest.FixtureRequest) -> Any:
    changes: Any = {"without": frozenset({request.param})}
    if request.param == "barriers":
        changes = {"barriers": "all"}
    made = families.VulkanBackend(settings(**changes))
    yield made
    made.close()
    assert not made.instance.messages


def test_other_settings_give_the_same_numbers(altered: Any, device: Device) -> None:
    """Every third case: the bits of the plain device where only barriers or copies differ."""
    other = Device(altered)
    plain: Any = device.backend
    ours, theirs = (each.device.caps for each in (plain, altered))
    same_order = (ours.barrier_free, ours.shuffle) == (theirs.barrier_free, theirs.shuffle)
    for case in OURS[::3]:
        result = run_case(other, case, "float32")
        assert result.ok, f"\n{result}"
        if same_order:  # invocations that share a row sum in another order than a lone one
            assert result.ratio == run_case(device, case, "float32").ratio


def test_operands_past_the_range_are_taken_in_pieces(
    device: Device, backend: Any, rng: np.random.Generator
) -> None:
    caps = replace(backend.device.caps, max_range=256 * 4)
    n = 3 * 256 + 7
    host = [rng.standard_normal(n).astype(np.float32) for _ in range(2)]
    a, b = (device.array(x) for x in host)
    y = device.empty((n,), "float32")
    run = backend.recorder.run
    run("add", binary(0, caps, y.handle, a.handle, b.handle))
    assert (y.numpy() == host[0] + host[1]).all()
    one = device.array(np.array([2.5], np.float32))
    run("mul", binary(2, caps, y.handle, a.handle, one.handle))
    assert (y.numpy() == host[0] * np.float32(2.5)).all()
    run("sqrt", unary(2, caps, y.handle, device.array(abs(host[0])).handle))
    np.testing.assert_allclose(y.numpy(), np.sqrt(abs(host[0])), rtol=1e-6)
    run("where", where(caps, y.handle, a.handle, one.handle, b.handle))
    assert (y.numpy() == np.where(host[0] != 0, np.float32(2.5), host[1])).all()
    calls = fill(caps, y.handle, value=-3.0)
    assert len(calls) == 4
    run("fill", calls)
    assert (y.numpy() == -3).all()


def test_the_layer_would_see_a_missing_barrier(opened: Callable[..., Any]) -> None:
    """The silence of the layer means something: without barriers it is not silent."""
    backend = opened()
    device = Device(backend)
    x = device.array(np.ones(1000, np.float32))

    class Careless(Hazards):
        def take(self, accesses: Any) -> bool:
            return False

    backend.recorder.encoder.hazards = Careless()
    y = x.device.empty((1000,), "float32")
    for _ in range(2):
        backend.kernels["add"](y.handle, x.handle, x.handle)
        backend.kernels["mul"](x.handle, y.handle, y.handle)
    backend.synchronize()
    assert any("SYNC-HAZARD" in message for message in backend.instance.messages)
    backend.instance.messages.clear()
