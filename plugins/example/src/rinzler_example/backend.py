"""The backend: five storage methods, and the table of kernels.

A buffer is whatever this backend can allocate. A handle is what kernels get for an array in it:
here a numpy array over the buffer's bytes. Calls behave as if run in the order they were made.
"""

import numpy as np

from rinzler.ops import Backend as Protocol
from rinzler.ops import Caps
from rinzler_example.kernels import KERNELS


class Backend(Protocol):
    name = "example"
    caps = Caps(dtypes=("float32", "int32"), device_text="numpy, until it is replaced")
    kernels = KERNELS

    def alloc(self, nbytes):
        """A buffer of at least so many bytes. Raise MemoryError where there is no room."""
        return np.empty(nbytes, np.uint8)

    def view(self, buffer, offset, shape, dtype):
        """The handle of an array of this shape and dtype that begins at a byte of the buffer."""
        return np.frombuffer(buffer, dtype, int(np.prod(shape)), offset).reshape(shape)

    def upload(self, handle, host):
        handle[...] = host

    def download(self, handle, host):
        host[...] = handle

    def synchronize(self):
        """Return when all earlier calls are done: here each is done when it returns."""
