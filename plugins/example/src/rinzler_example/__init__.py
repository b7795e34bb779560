"""A backend for Rinzler. `plugin.py` announces it, `backend.py` is it, `kernels.py` computes."""
