"""What Rinzler reads to learn that the numba backend exists; importing it imports no numba.

Read next: `backend.py`.
"""

from rinzler.plugins import BackendInfo, hookimpl


@hookimpl
def rinzler_backends() -> list[BackendInfo]:
    return [
        BackendInfo(
            "numba",
            factory="rinzler_numba.backend:NumbaBackend",
            priority=50,
            requires=("numba",),
            summary="compiled for this CPU: float32 on all cores",
            install_hint="pip install rinzler-numba",
        )
    ]
