"""Starting weights for neural networks: fast, the same everywhere, and explained.

>>> import initcore as ic
>>> key = ic.Key(0)
>>> w = ic.HeNormal()((256, 784), key=key / "fc1" / "weight")
>>> w.shape, w.dtype.name
((256, 784), 'float32')
"""

try:
    from initcore import kernels
except ModuleNotFoundError as error:
    if error.name != "initcore.kernels":
        raise
    raise ModuleNotFoundError(
        "initcore.kernels is not built: Python found initcore's source tree, not an installed "
        "initcore; run `pip install -e .` in the repository, or leave that folder",
        name=error.name,
    ) from None

from initcore import activations, initializers, layers, recipes, theory
from initcore._runtime import num_threads, show_config
from initcore.activations import gains
from initcore.activations.gains import critical, gain
from initcore.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Normal,
    Ones,
    Orthogonal,
    Sign,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from initcore.kernels import __version__, get_num_threads, set_num_threads
from initcore.keys import Key
from initcore.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Residual,
    RMSNorm,
    Scale,
)
from initcore.network import Sequential
from initcore.training import (
    SGD,
    Adam,
    AdamW,
    History,
    Probes,
    RMSProp,
    losses,
    optimizers,
    schedules,
)

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "BatchNorm",
    "Constant",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "History",
    "Identity",
    "Key",
    "LayerNorm",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "Probes",
    "RMSNorm",
    "RMSProp",
    "Residual",
    "Scale",
    "Sequential",
    "Sign",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "__version__",
    "activations",
    "critical",
    "gain",
    "gains",
    "get_num_threads",
    "initializers",
    "kernels",
    "layers",
    "losses",
    "num_threads",
    "optimizers",
    "recipes",
    "schedules",
    "set_num_threads",
    "show_config",
    "theory",
]
