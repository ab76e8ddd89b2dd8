"""A network's new parameters while data go through them, layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import _checks, kernels
from initcore._exact.linear_algebra import column_stds
from initcore.initializers import Initializer
from initcore.keys import root_key
from initcore.layers import Dense, initializer
from initcore.network import KeySource, Sequential

Array = NDArray[Any]


@dataclass
class Working:
    """A layer and the parameters that it is about to get."""

    name: str
    layer: Dense
    w: Array
    b: Array | None

    def before_activation(self, signal: Array) -> Array:
        """Pre-activations (batch, n_out)."""
        return kernels.dense_forward(signal, self.w, self.b, save=False)

    def after_activation(self, signal: Array) -> Array:
        """Outputs (batch, n_out)."""
        return kernels.dense_forward(
            signal, self.w, self.b, activation=self.layer.activation, save=False
        )


class PendingWeights:
    """Fresh parameters of a whole network, which is left alone until `commit`.

    Parameters
    ----------
    net : Sequential
        Network that receives the weights.
    x : array-like (n, n_in)
        The batch that goes through it.
    init : Initializer or str
        For layers without an initializer of their own.
    key : Key, int, Generator or SeedSequence
        As in `Sequential.initialize`.
    dtype : float32 or float64
        Of the parameters.
    """

    def __init__(
        self, net: Sequential, x: Any, init: Initializer | str, key: KeySource, dtype: DTypeLike
    ) -> None:
        if not isinstance(net, Sequential):
            raise TypeError(f"net={net!r} must be an initcore.Sequential")
        working = _checks.float_type(dtype)
        default = initializer(init, "init")
        layers = net.dense_layers()
        self.root = root_key(key)
        self.signal = _checks.rows(
            x, layers[0].n_in, working, "x", width_is="a row of n_in values for each sample"
        )
        _checks.some_rows(self.signal, "x")
        self.layers = [
            Working(name, layer, *layer.new_parameters(default, self.root / name, working))
            for name, layer in zip(net.names, layers, strict=True)
        ]

    def advance(self, layer: Working) -> None:
        """Let the signal go through one layer."""
        self.signal = layer.after_activation(self.signal)

    def commit(self) -> None:
        """Give the network its parameters."""
        for layer in self.layers:
            w = np.ascontiguousarray(layer.w)
            layer.layer.set_parameters(w, layer.b)


def standardize(
    pending: PendingWeights,
    mean: float = 0.0,
    prepare: Callable[[Working, Array], None] | None = None,
) -> dict[str, Array]:
    """Scale and shift every unit, layer by layer, to this mean and standard deviation 1.

    `prepare` may set a layer's weights, given the layer and its input. Returns the scales,
    1 / std, by layer name; the signal has then gone through the network.
    """
    scales = {}
    for layer in pending.layers:
        if prepare is not None:
            prepare(layer, pending.signal)
        if layer.b is None:
            raise ValueError(
                f"layer {layer.name!r} of net has no bias, which this start sets; "
                "make it with bias=True"
            )
        means, stds = column_stds(layer.before_activation(pending.signal))
        stuck = ~(stds > 0.0) | ~np.isfinite(stds)
        if stuck.any():
            raise ValueError(
                f"x does not move unit {int(np.argmax(stuck))} of layer {layer.name!r}, which "
                "gives one number for every sample; pass samples that differ, or more of them"
            )
        scale = 1.0 / stds
        shift = (layer.b.astype(np.float64) - means) * scale + mean
        layer.w = (layer.w * scale[:, None]).astype(layer.w.dtype)
        layer.b = shift.astype(layer.w.dtype)
        scales[layer.name] = scale
        pending.advance(layer)
    return scales
