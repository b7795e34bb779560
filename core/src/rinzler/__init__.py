"""Rinzler: a GPT built from first principles, every layer legible.

The rungs, in reading order: `scalar`, `ops`, `autograd`, `tensor`, `functional`, `nn`, `optim`,
`schedule`, `data`, `gpt`, `generate`, `checkpoint`, `planner`, `capture`, `step`, `train`. Names
below are imported when they are first used, so that `import rinzler` costs next to nothing and no
backend is touched before it must.
"""

# Commands pass here before they can answer Ctrl-C, and `typing` alone takes ten times as long as
# all of this. Type checkers know the name, wherever it comes from.
TYPE_CHECKING = False
if TYPE_CHECKING:  # what a type checker and an editor see; a test holds it equal to _HOME
    from typing import Any

    from rinzler.autograd import no_grad as no_grad
    from rinzler.capture import Captured as Captured
    from rinzler.errors import RinzlerError as RinzlerError
    from rinzler.functional import attention as attention
    from rinzler.functional import concat as concat
    from rinzler.functional import cross_entropy as cross_entropy
    from rinzler.functional import embedding as embedding
    from rinzler.functional import layer_norm as layer_norm
    from rinzler.functional import linear as linear
    from rinzler.functional import linear_gelu as linear_gelu
    from rinzler.functional import matmul as matmul
    from rinzler.functional import maximum as maximum
    from rinzler.functional import where as where
    from rinzler.gpt import GPT as GPT
    from rinzler.gpt import GPTConfig as GPTConfig
    from rinzler.nn import Dropout as Dropout
    from rinzler.nn import Embedding as Embedding
    from rinzler.nn import LayerNorm as LayerNorm
    from rinzler.nn import Linear as Linear
    from rinzler.nn import LinearGELU as LinearGELU
    from rinzler.nn import Module as Module
    from rinzler.nn import Parameter as Parameter
    from rinzler.nn import seed as seed
    from rinzler.ops import no_fused as no_fused
    from rinzler.optim import SGD as SGD
    from rinzler.optim import Adam as Adam
    from rinzler.optim import AdamW as AdamW
    from rinzler.optim import RMSprop as RMSprop
    from rinzler.optim import SGDMomentum as SGDMomentum
    from rinzler.optim import clip_grad_norm as clip_grad_norm
    from rinzler.optim import measure as measure
    from rinzler.plugins import use as use
    from rinzler.scalar import Value as Value
    from rinzler.schedule import CosineWithWarmup as CosineWithWarmup
    from rinzler.schedule import LinearWarmup as LinearWarmup
    from rinzler.tensor import Tensor as Tensor

__version__ = "0.1.0"

_HOME = {
    "Value": "scalar",
    "no_fused": "ops",
    "use": "plugins",
    "no_grad": "autograd",
    "Tensor": "tensor",
    "attention": "functional",
    "concat": "functional",
    "cross_entropy": "functional",
    "embedding": "functional",
    "layer_norm": "functional",
    "linear": "functional",
    "linear_gelu": "functional",
    "matmul": "functional",
    "maximum": "functional",
    "where": "functional",
    "Dropout": "nn",
    "Embedding": "nn",
    "LayerNorm": "nn",
    "Linear": "nn",
    "LinearGELU": "nn",
    "Module": "nn",
    "Parameter": "nn",
    "seed": "nn",
    "SGD": "optim",
    "SGDMomentum": "optim",
    "RMSprop": "optim",
    "Adam": "optim",
    "AdamW": "optim",
    "clip_grad_norm": "optim",
    "measure": "optim",
    "LinearWarmup": "schedule",
    "CosineWithWarmup": "schedule",
    "Captured": "capture",
    "GPT": "gpt",
    "GPTConfig": "gpt",
    "RinzlerError": "errors",
}

__all__ = [*_HOME, "__version__"]  # noqa: PLE0604 - strings, built from the table above


def __getattr__(name: str) -> "Any":
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'rinzler' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"rinzler.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
