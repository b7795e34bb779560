"""Every error that Rinzler raises on purpose.

One rule for all of them: the message names the thing, what was got, what was expected, and the
next command or call to type; the cause is chained (`raise ... from cause`). A command prints the
message without a traceback and leaves with `exit_code`.

Read next: `scalar.py`, the first rung of the ladder.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_USAGE = 2  # the request cannot be carried out as it was typed
EXIT_ENVIRONMENT = 3  # something on this machine is missing, broken or full
EXIT_GUARD = 4  # a guard stopped the run before it did harm
EXIT_INTERRUPTED = 130  # SIGINT, after saving


class RinzlerError(Exception):
    """The root: catch this to catch all that Rinzler reports."""

    exit_code = EXIT_USAGE


class ShapeError(RinzlerError, ValueError):
    """An operand has the wrong shape; the message names the op and the operand."""


class DtypeError(RinzlerError, TypeError):
    """An operand has the wrong dtype, or a device cannot hold it."""


class DeviceError(RinzlerError):
    """Tensors of two devices met in one call."""


class GradientError(RinzlerError, RuntimeError):
    """backward() was asked for something that has no gradient, or has it no longer."""


class CaptureError(RinzlerError, RuntimeError):
    """A step cannot be replayed as it was recorded; the message says which line is the reason."""

    exit_code = EXIT_ENVIRONMENT  # on a command line the step is Rinzler's own; the backend is not


class ConfigError(RinzlerError, ValueError):
    """Settings that contradict each other or lie out of range."""


class DataError(RinzlerError):
    """A text that cannot be trained on: missing, empty, not UTF-8, too short."""


class BackendError(RinzlerError):
    """A backend that was asked for cannot be used."""

    exit_code = EXIT_ENVIRONMENT


class OutOfMemoryError(BackendError):
    """A device could not allocate; the message says how much was asked for."""


class PluginError(RinzlerError):
    """A plugin is broken, and the settings say that this must not pass."""

    exit_code = EXIT_ENVIRONMENT


class CheckpointError(RinzlerError):
    """A checkpoint that is missing, incomplete, damaged, or of something else."""

    exit_code = EXIT_ENVIRONMENT


class DivergenceError(RinzlerError):
    """The gap between validation and training loss is larger than the settings allow."""

    exit_code = EXIT_GUARD


class NumericsError(RinzlerError):
    """No finite number where one is needed: a loss, a gradient, a logarithm of 0, a distribution.

    Raised before anything was changed: weights and moments are as they were.
    """

    exit_code = EXIT_GUARD
