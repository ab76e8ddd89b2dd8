"""Layer-sequential unit variance: each layer scaled by what it does to data."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from initcore import _checks
from initcore._exact.linear_algebra import std
from initcore.initializers import Initializer, Orthogonal
from initcore.network import KeySource, Sequential
from initcore.recipes._data import PendingWeights


def lsuv(
    net: Sequential,
    x: Any,
    *,
    key: KeySource,
    init: Initializer | str | None = None,
    tolerance: float = 0.1,
    max_steps: int = 10,
    dtype: DTypeLike = np.float32,
) -> dict[str, float]:
    """Orthogonal weights, each layer divided by the standard deviation of what it gives for x.

    Layer by layer, from the input: the pre-activations of a batch get standard deviation 1, so that
    the start suits the activation, the data and the shape of the network without a formula for any
    of them.

    Parameters
    ----------
    net : Sequential
        Gets new weights; biases are those of their layers' own initializers.
    x : array-like (n, n_in)
        The batch.
    key : Key, int, Generator or SeedSequence
        As in `Sequential.initialize`, whose weights these are before they are divided.
    init : Initializer or str, optional
        What is scaled, for layers without an initializer of their own; None for Orthogonal().
    tolerance : float, default 0.1
        A layer is done when its standard deviation is within this of 1.
    max_steps : int, default 10
        Divisions of one layer at most; without a bias the first is exact.
    dtype : float32 or float64, default float32
        Type of the weights.

    Returns
    -------
    dict of str to float
        The standard deviation of each layer's pre-activations, by layer name.

    Raises
    ------
    ValueError
        If x does not suit the network, or a layer gives the same number everywhere. The network
        is then as it was.

    Notes
    -----
    Use: plain networks without normalization; a batch of a few hundred samples that look like the
    training data is enough.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Mishkin and Matas, "All you need is a good init", 2016, and its code, which takes the
    standard deviation where the paper's algorithm has the variance.
    Check: abs(lsuv(small_net(), samples(), key=0)["0"] - 1) <= 1e-6

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(4, 64, "relu"), ic.Dense(64, 3))
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> {name: round(value, 5) for name, value in ic.recipes.lsuv(net, x, key=0).items()}
    {'0': 1.0, '1': 1.0}
    """
    tolerance = _checks.real(tolerance, "tolerance")
    if tolerance <= 0:
        raise ValueError(f"tolerance={tolerance} must be positive")
    max_steps = _checks.count(max_steps, "max_steps", least=1)
    pending = PendingWeights(net, x, Orthogonal() if init is None else init, key, dtype)
    spreads = {}
    for layer in pending.layers:
        for step in range(max_steps + 1):
            spread = std(layer.before_activation(pending.signal))
            if not (np.isfinite(spread) and spread > 0.0):
                raise ValueError(
                    f"x gives the pre-activations of layer {layer.name!r} a standard deviation of "
                    f"{spread}: they must differ; pass samples that do, or another init"
                )
            if abs(spread - 1.0) < tolerance or step == max_steps:
                break
            layer.w = layer.w / layer.w.dtype.type(spread)
        spreads[layer.name] = spread
        pending.advance(layer)
    pending.commit()
    return spreads
