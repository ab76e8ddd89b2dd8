"""exp and log by the kernels: the same bytes on every machine, which libm does not give."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels

Array = NDArray[Any]


def exp(x: Array | float) -> Array:
    """e^x in double."""
    return _map("exp", x)


def log(x: Array | float) -> Array:
    """log(x) in double."""
    return _map("log", x)


def _map(function: str, x: Array | float) -> Array:
    values = np.asarray(x, np.float64)
    found: Array = kernels._apply(function, values.reshape(-1)).reshape(values.shape)
    return found
