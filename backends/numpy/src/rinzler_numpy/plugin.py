"""What Rinzler reads to learn that the numpy backend exists; importing it imports no kernel.

The priority is the lowest of all: numpy is the backend to read and to compare with, and `auto`
takes it only where nothing faster is ready. Read next: `backend.py`.
"""

from rinzler.plugins import BackendInfo, hookimpl


@hookimpl
def rinzler_backends() -> list[BackendInfo]:
    return [
        BackendInfo(
            "numpy",
            factory="rinzler_numpy.backend:NumpyBackend",
            priority=0,
            summary="the readable reference: float32 and float64, runs everywhere",
        )
    ]
