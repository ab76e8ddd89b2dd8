"""Data-dependent starts of Kraehenbuehl et al.: units alike on data, layers alike in learning."""

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import _checks, kernels
from initcore._exact.elementwise import exp, log
from initcore._exact.linear_algebra import column_means, eigh, mean, product
from initcore.activations import TwoSlopes
from initcore.initializers import Initializer, Normal
from initcore.network import KeySource, Sequential
from initcore.recipes._data import PendingWeights, Working, standardize

Array = NDArray[Any]

_RANK = 1e-12  # of the largest variance: a direction with less has none


def krahenbuhl(
    net: Sequential,
    x: Any,
    *,
    key: KeySource,
    beta: float = 0.1,
    init: Initializer | str | None = None,
    filters: Literal["random", "pca"] = "random",
    dtype: DTypeLike = np.float32,
) -> dict[str, float]:
    """Units of mean beta and standard deviation 1 on x; then layers that all learn at one rate.

    First w_k / s_k and b_k = beta - mu_k / s_k, layer by layer. Then each layer k is multiplied by
    r_k = sqrt(C_k / geometric mean of C), where C_k is the rms gradient of its weights beside the
    weights themselves, sqrt(E |dW_k|^2) / |W_k|, of a random linear function of the outputs. The
    product of the r_k is 1, so the network's function stays.

    Parameters
    ----------
    net : Sequential
        Gets new weights and biases; each of its layers must have a bias.
    x : array-like (n, n_in)
        The batch.
    key : Key, int, Generator or SeedSequence
        As in `Sequential.initialize`; the random function takes key / "eta".
    beta : float, default 0.1
        Mean of the pre-activations: slightly positive, so that most units are on.
    init : Initializer or str, optional
        For layers without an initializer of their own; None for Normal().
    filters : {"random", "pca"}, default "random"
        ``"pca"`` makes the first units of each layer the principal components of its input, from
        the largest on, and leaves those beyond to `init`. The authors' third kind, k-means, is
        not here.
    dtype : float32 or float64, default float32
        Type of the parameters.

    Returns
    -------
    dict of str to float
        C_k of each layer before the second step, by layer name.

    Raises
    ------
    ValueError
        If an activation is not homogeneous, or as in `weight_norm`. The network is then as it was.

    Notes
    -----
    Use: plain networks of ReLU, leaky ReLU and linear layers, in which it is exact in one step; not
    for residual ones.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Kraehenbuehl, Doersch, Donahue, Darrell, "Data-dependent initializations of
    convolutional neural networks", 2016, algorithms 1 and 2; beta as in its code. That the second
    step needs no iteration is derived for homogeneous activations, and tested.
    Check: learning_spread(krahenbuhl) <= 1.000000001

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(4, 64, "relu"), ic.Dense(64, 3))
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> sorted(ic.recipes.krahenbuhl(net, x, key=0))
    ['0', '1']
    """
    beta = _checks.real(beta, "beta")
    if filters not in ("random", "pca"):
        raise ValueError(f'filters={filters!r} must be "random" or "pca"')
    pending = PendingWeights(net, x, Normal() if init is None else init, key, dtype)
    for layer in pending.layers:
        _slope(layer.layer.activation, layer.name)
    samples = pending.signal
    standardize(pending, beta, _principal_components if filters == "pca" else None)
    rates = _learning_rates(pending, samples)
    if not all(np.isfinite(rate) and rate > 0.0 for rate in rates):
        raise ValueError("x gives a layer of net no gradient; pass more samples, or another init")
    center = float(exp(mean(log(np.array(rates))[:, None])))
    so_far = 1.0
    for layer, rate in zip(pending.layers, rates, strict=True):
        factor = float(np.sqrt(rate / center))
        so_far *= factor
        layer.w = (layer.w * np.float64(factor)).astype(layer.w.dtype)
        if layer.b is not None:
            layer.b = (layer.b * np.float64(so_far)).astype(layer.b.dtype)
    pending.commit()
    return {layer.name: rate for layer, rate in zip(pending.layers, rates, strict=True)}


def _slope(activation: Any, name: str) -> float:
    """Slope below 0 of an activation for which phi(c z) = c phi(z)."""
    if not isinstance(activation, TwoSlopes) or activation.slope_below_0 < 0.0:
        raise ValueError(
            f"layer {name!r} of net has activation {activation.name!r}, which is not homogeneous: "
            "krahenbuhl is for relu, leaky_relu and identity; use weight_norm or lsuv"
        )
    return activation.slope_below_0


def _principal_components(layer: Working, signal: Array) -> None:
    """Make the first units of a layer the principal components of its input."""
    centered = signal.astype(np.float64) - column_means(signal)
    values, vectors = eigh(product(centered.T, centered))
    known = min(layer.layer.n_out, int((values > _RANK * values[0]).sum()))
    layer.w = layer.w.copy()
    layer.w[:known] = vectors[:, :known].T


def _learning_rates(pending: PendingWeights, signal: Array) -> list[float]:
    """C of each layer: the rms norm of one sample's gradient, over the norm of the weights."""
    signals = [signal]
    for layer in pending.layers:
        signals.append(layer.after_activation(signals[-1]))
    outputs = signals[-1].astype(np.float64)
    gradient = kernels.fill_normal(np.empty(outputs.shape), key=pending.root / "eta")
    rates = []
    for layer, x, y in zip(reversed(pending.layers), signals[-2::-1], signals[:0:-1], strict=True):
        gradient = gradient * np.where(y > 0, 1.0, _slope(layer.layer.activation, layer.name))
        # the gradient of one sample is dz x^T, whose squared norm is the product of two
        squares = _row_squares(gradient) * _row_squares(x.astype(np.float64))
        weights = mean(np.square(layer.w.astype(np.float64))) * layer.w.size
        rates.append(float(np.sqrt(mean(squares[:, None]) / weights)))
        gradient = product(gradient, layer.w)
    return rates[::-1]


def _row_squares(rows: Array) -> Array:
    return product(np.square(rows), np.ones((rows.shape[1], 1)))[:, 0]
