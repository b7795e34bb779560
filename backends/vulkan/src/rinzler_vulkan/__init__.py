"""Rinzler's GPU backend: a whole training step on any device with a Vulkan 1.3 driver.

Weights, activations, gradients and optimizer state live on the device. A step is recorded once and
replayed by one submit; only the batch goes in and the loss comes out. Rinzler finds the backend by
its entry point; nothing needs to import it. The README has the map of all modules.
Read next: `plugin.py`, then `backend.py`.
"""

__version__ = "0.1.0"
