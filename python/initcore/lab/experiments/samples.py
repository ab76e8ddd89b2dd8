"""Small made-up data for the experiments: drawn from a key, the same everywhere."""

import numpy as np

import initcore as ic
from initcore import Key


def gaussian(samples: int, features: int, *, key: Key, std: float = 1.0) -> np.ndarray:
    """Independent normal inputs, float32, (samples, features)."""
    return np.asarray(ic.Normal(std=std)((samples, features), key=key))


def clusters(
    samples: int, features: int, classes: int, *, key: Key
) -> tuple[np.ndarray, np.ndarray]:
    """Normal clouds of standard deviation 1 around centers that are normal with the same spread.

    Returns
    -------
    x : float32 array, (samples, features)
    labels : int64 array, (samples,)
        0, 1, ..., classes - 1, 0, 1, ...
    """
    centers = gaussian(classes, features, key=key / "centers")
    labels = np.arange(samples, dtype=np.int64) % classes
    return gaussian(samples, features, key=key / "noise") + centers[labels], labels
