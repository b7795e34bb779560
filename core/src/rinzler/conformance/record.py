"""Record the curve that the tier `train` compares with.

`python -m rinzler.conformance.record BACKEND` takes a backend that holds float64, and writes
`tiers/curve.json`. It is run again when the model, the optimizer or the initial weights change on
purpose, and the difference then belongs into the commit. Read next: `tiers/train.py`.
"""

from __future__ import annotations

import json
import sys

from rinzler.conformance.tiers.train import CURVE, trained
from rinzler.plugins import open_device


def text_of(backend: str) -> str:
    """The curve as JSON; digits enough to give the same doubles back."""
    steps = trained(open_device(backend), "float64", fused=False, captured=False)
    rows = ",\n".join(f"    {json.dumps(step)}" for step in steps)
    return f'{{\n  "dtype": "float64",\n  "steps": [\n{rows}\n  ]\n}}\n'


if __name__ == "__main__":
    CURVE.write_text(text_of(sys.argv[1]), encoding="utf-8")
