"""What Rinzler reads to learn that this backend exists. It imports nothing that takes time."""

from rinzler.plugins import BackendInfo, hookimpl


@hookimpl
def rinzler_backends() -> BackendInfo:
    return BackendInfo(
        "example",
        factory="rinzler_example.backend:Backend",
        summary="a backend that is being written",
        requires=(),  # what it imports besides numpy: Rinzler looks for it before it opens it
        install_hint="pip install rinzler-example",
    )
