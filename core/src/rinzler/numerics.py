"""What the bits of a run depend on, as a small record: its numerics fingerprint.

The same step gives the same bits on the same backend, kernels, CPU and versions. On others a sum is
taken in another order, and after some steps every number differs in its last digits. That is no
error, but a run that goes on should say it, so a checkpoint keeps the record of what computed it.
Leaves out: the number of threads, which no backend's bits may depend on.
Read next: `trainer.py`, which puts it into snapshots.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from rinzler.errors import BackendError
from rinzler.gpt import GPT
from rinzler.ops import fused
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code

Numerics = dict[str, str]


def numerics_of(model: GPT) -> Numerics:
    """Names and values, among them "backend". Raises BackendError where asking fails."""
    from rinzler import __version__

    backend = model.device.backend
    try:
        with plugin_code():
            told = {str(name): _on_one_line(value) for name, value in backend.numerics().items()}
    except PLUGIN_ERRORS as error:
        raise BackendError(
            f'backend "{backend.name}": asking what its bits depend on raised {one_line(error)}. '
            "Upgrade it, or take another: rinzler backends"
        ) from error
    return {
        "backend": backend.name,
        "dtype": model.dtype,
        "ops": "fused where there are kernels" if fused() else "defaults (RINZLER_NO_FUSED)",
        "rinzler": __version__,
        # The rate and Adam's corrections come from the C library's cosine and powers.
        "system": " ".join((platform.system(), platform.machine(), *platform.libc_ver())).strip(),
        **told,
    }


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What is not as it was: "cpu: znver3 → znver4"; empty if all is."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    missing = "not there"
    parts = [f"{name}: {before.get(name, missing)} → {now.get(name, missing)}" for name in names]
    return "; ".join(parts)


def _on_one_line(value: object) -> str:
    return " ".join(str(value).split())
