"""Asymmetric starts: units that are unlikely to be born dead."""

import math
from dataclasses import dataclass

import numpy as np

from initcore import kernels
from initcore.initializers._weight import Fans
from initcore.initializers._whole import Array, Whole
from initcore.keys import Key, require_key

# for which a ReLU layer keeps the second moment: sqrt(1 + 8 / (9 pi)) - 2 sqrt(2) / (3 sqrt(pi))
_SIGMA = 0.6007473091


@dataclass(frozen=True, repr=False)
class RandomizedAsymmetric(Whole):
    """Rows [w, b] of N(0, 0.6007^2 / n_in), one entry of each, at random, from Beta(2, 1).

    A symmetric start leaves a deep, narrow ReLU network dead, constant for every input, with a
    probability that goes to 1 with depth; one positive entry per unit makes that rare. The tensor
    is (n_out, n_in + 1): its last column is the bias, ``w, b = a[:, :-1], a[:, -1]``.

    Notes
    -----
    Use: ReLU networks that are deeper than wide and have no normalization; not for wide ones, whose
    mean it shifts to no end.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Lu, Shin, Su, Karniadakis, "Dying ReLU and initialization: theory and numerical
    examples", 2019; sigma and the fan as in two ports of it, and sigma derived again.
    Check: (draw(RandomizedAsymmetric(), 400, 101).mean(axis=1) * 101).mean() >= 0.63

    Examples
    --------
    >>> import initcore as ic
    >>> a = ic.initializers.RandomizedAsymmetric()((4, 3), key=ic.Key(0) / "hidden")
    >>> w, b = a[:, :-1], a[:, -1]
    >>> w.shape, b.shape
    ((4, 2), (4,))
    """

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return "[w, b]: N(0, 0.6007^2 / n_in), one entry of each row Beta(2, 1)"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        tensor_key = require_key(key)
        rows, columns = out.shape[0], math.prod(out.shape[1:])
        if columns < 2:
            raise ValueError(
                f"{columns} columns are too few for RandomizedAsymmetric: pass the shape "
                "(n_out, n_in + 1), whose last column is the bias"
            )
        values = np.empty((rows, columns), out.dtype)
        kernels.fill_normal(values, std=_SIGMA / math.sqrt(columns - 1), key=tensor_key)
        words = kernels.random_bits(np.empty(rows, np.uint32), key=tensor_key, kind="permutation")
        place = (words.astype(np.uint64) * np.uint64(columns)) >> np.uint64(32)
        uniform = kernels.fill_uniform(np.empty(rows), key=tensor_key / "beta")
        values[np.arange(rows), place.astype(np.intp)] = np.sqrt(uniform)
        out[...] = values.reshape(out.shape)
