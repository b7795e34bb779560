"""Rinzler's fast CPU backend: kernels that numba compiles for the machine at hand.

Importing this package imports no numba; `backend.py` does, when the backend is opened.
Read first: `native.py`, what a kernel is; then `activation.py`, the smallest kernels.
"""

__version__ = "0.1.0"
