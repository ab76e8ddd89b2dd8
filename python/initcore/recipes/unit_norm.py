"""Starts by data, unit by unit: weight normalization and ActNorm."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore._exact.linear_algebra import column_means
from initcore.initializers import Initializer, Normal, XavierNormal
from initcore.network import KeySource, Sequential
from initcore.recipes._data import PendingWeights, standardize

Array = NDArray[Any]


def weight_norm(
    net: Sequential,
    x: Any,
    *,
    key: KeySource,
    dtype: DTypeLike = np.float32,
) -> dict[str, Array]:
    """w = g v / |v| with v ~ N(0, 0.05^2): each unit has mean 0 and standard deviation 1 on x.

    g and b come from the pre-activations t = v x / |v| of a batch: g = 1 / std(t) and b = -mean(t)
    / std(t), layer by layer. The weights are the product, so a network that does not keep g and v
    apart starts alike.

    Parameters
    ----------
    net : Sequential
        Gets new weights and biases; each of its layers must have a bias.
    x : array-like (n, n_in)
        The batch; a few hundred samples that look like the training data.
    key : Key, int, Generator or SeedSequence
        As in `Sequential.initialize`; a layer's own initializer is that of its v.
    dtype : float32 or float64, default float32
        Type of the parameters.

    Returns
    -------
    dict of str to ndarray
        g of each layer, (n_out,) in double, by layer name.

    Raises
    ------
    ValueError
        If x does not suit the network, a layer has no bias, or a unit gives the same number for
        every sample. The network is then as it was.

    Notes
    -----
    Use: networks without batch normalization, of any activation; not for tiny batches, whose units
    may not vary.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Salimans and Kingma, "Weight normalization", 2016, section 3, and its code.
    Check: abs(after(weight_norm).std(axis=0) - 1).max() <= 1e-12

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(4, 64, "tanh"), ic.Dense(64, 3))
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> g = ic.recipes.weight_norm(net, x, key=0)
    >>> bool(np.allclose(g["1"], np.linalg.norm(net.layers[1].w, axis=1)))
    True
    """
    pending = PendingWeights(net, x, Normal(std=0.05), key, dtype)
    lengths = {}
    for layer in pending.layers:
        squares = np.square(layer.w.T.astype(np.float64))
        lengths[layer.name] = np.sqrt(column_means(squares) * len(squares))
    scales = standardize(pending)
    pending.commit()
    return {name: scale * lengths[name] for name, scale in scales.items()}


def act_norm(
    net: Sequential,
    x: Any,
    *,
    key: KeySource,
    init: Initializer | str | None = None,
    dtype: DTypeLike = np.float32,
) -> dict[str, Array]:
    """w and b divided and shifted: each unit has mean 0 and standard deviation 1 on x.

    What Glow's ActNorm does with a scale and a shift of its own behind a layer, folded into the
    layer. It differs from `weight_norm` in the weights that it starts from.

    Parameters
    ----------
    net, x, key, dtype
        As in `weight_norm`.
    init : Initializer or str, optional
        For layers without an initializer of their own; None for XavierNormal().

    Returns
    -------
    dict of str to ndarray
        The scale of each unit, 1 / std, (n_out,) in double, by layer name.

    Raises
    ------
    ValueError
        As in `weight_norm`.

    Notes
    -----
    Use: networks without batch normalization whose weights come from a law of one's own; not for
    tiny batches.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Kingma and Dhariwal, "Glow: generative flow with invertible 1x1 convolutions", 2018,
    section 3.1.
    Check: abs(after(act_norm).mean(axis=0)).max() <= 1e-12

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(4, 64, "tanh"), ic.Dense(64, 3))
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> sorted(ic.recipes.act_norm(net, x, key=0))
    ['0', '1']
    """
    pending = PendingWeights(net, x, XavierNormal() if init is None else init, key, dtype)
    scales = standardize(pending)
    pending.commit()
    return scales
