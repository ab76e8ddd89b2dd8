"""Recipes for any network: one law for all kernels, or what a framework does by itself."""

import math
from typing import Literal

from initcore.initializers import (
    Distribution,
    ForgetBias,
    GlorotUniform,
    Initializer,
    Mode,
    Normal,
    Orthogonal,
    Siren,
    StandardUniform,
    Uniform,
    Zeros,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.presets.common import optional, rest
from initcore.models.rules import Rule, Scaled, Start

KERNELS = ("weight", "recurrent")
_BY_FAN = StandardUniform()


def _one_law(
    mode: Mode, distribution: Distribution, gain: float | str, otherwise: str = "relu"
) -> tuple[Rule, ...]:
    law = Scaled(mode, distribution, gain, otherwise)
    # a gate's sigmoid and tanh are no relu, and a state that is read again and again must not grow
    return (
        optional(
            Scaled(mode, distribution, 1.0),
            module=("RNNBase", "RNNCellBase", "RNN"),
            role=KERNELS,
        ),
        optional(law, role=KERNELS),
        *rest(),
    )


def xavier(
    distribution: Distribution = "normal", gain: float | Literal["auto"] = 1.0
) -> tuple[Rule, ...]:
    """Var(W) = 1 / fan_in, biases 0: for tanh and linear layers; see `XavierNormal`.

    Embeddings are N(0, 1): a row is looked up alone, so their fan_in is 1.
    """
    return _one_law("fan_in", distribution, gain, "tanh")


def lecun(
    distribution: Distribution = "normal", gain: float | Literal["auto"] = 1.0
) -> tuple[Rule, ...]:
    """Var(W) = 1 / fan_in, biases 0: equal in law to `xavier`."""
    return _one_law("fan_in", distribution, gain, "identity")


def glorot(
    distribution: Distribution = "uniform", gain: float | Literal["auto"] = 1.0
) -> tuple[Rule, ...]:
    """Var(W) = 2 / (fan_in + fan_out), biases 0; uniform, as in the paper."""
    return _one_law("fan_avg", distribution, gain, "tanh")


def he(
    distribution: Distribution = "normal",
    mode: Mode = "fan_in",
    gain: float | Literal["auto"] = "auto",
    otherwise: str = "relu",
) -> tuple[Rule, ...]:
    """Var(W) = gain^2 / fan_in with the gain of the activation that follows, biases 0.

    2 / fan_in before a ReLU, 1 / fan_in before an output. Where it is not known what follows,
    `otherwise` is assumed, and the plan says so.
    """
    return _one_law(mode, distribution, gain, otherwise)


def _stored_fan(parameter: Parameter, model: Model) -> Start:
    """U(-r, r), r = 1 / sqrt(elements of one row as stored): also where that is no fan.

    Of a bilinear layer torch counts its first input alone.
    """
    end = 2 if "Bilinear" in parameter.kinds else None
    return Start(_BY_FAN, fan_in=float(math.prod(parameter.shape[1:end])))


def _bias_like_weight(parameter: Parameter, model: Model) -> Initializer | Start:
    """U(-r, r) with the r of the layer's weight."""
    for other in model.layers[parameter.path[:-1]]:
        if other.role == "weight":
            return _stored_fan(other, model)
    return Start(_BY_FAN, fan_in=parameter.fan_in)


def _by_state(parameter: Parameter, model: Model) -> Start:
    """U(-r, r), r = 1 / sqrt(units), also where the state is a projection of fewer."""
    states = [p for p in model.layers[parameter.path[:-1]] if p.role == "recurrent"]
    return Start(_BY_FAN, fan_in=states[0].fan_out)


def _added_key(parameter: Parameter, model: Model) -> Initializer:
    """Glorot's law as torch counts the fans of a key or value that attention learns: (1, 1, n)."""
    return Normal(std=1.0 / math.sqrt(parameter.shape[-1]))


def torch_default() -> tuple[Rule, ...]:
    """What PyTorch's modules give themselves: the same laws, other numbers.

    Kernels and biases U(-r, r) with r = 1 / sqrt(fan_in) and the fan as torch counts it; recurrent
    layers by their number of units; attention's packed projections by Glorot's uniform law of the
    packed matrix; embeddings N(0, 1).
    """
    attention = "MultiheadAttention"
    recurrent = ("RNNBase", "RNNCellBase")
    return (
        optional(Start(GlorotUniform(), whole=True), module=attention, role="weight"),
        optional(Zeros(), module=attention, role="bias"),
        optional(_added_key, module=attention, role="token"),
        optional(Zeros(), name="*out_proj.bias", module="NonDynamicallyQuantizableLinear"),
        optional(
            _by_state,
            module=recurrent,
            role=("weight", "recurrent", "bias", "recurrent_bias"),
        ),
        optional(_stored_fan, role="weight"),
        *rest(bias=_bias_like_weight),
    )


def keras_default() -> tuple[Rule, ...]:
    """What Keras's layers give themselves: Glorot's uniform law, biases 0.

    Recurrent kernels are orthogonal and an LSTM's forget gate starts at 1; packed gates count as
    one matrix, as there; embeddings U(-0.05, 0.05); slopes 0.
    """
    lstm = ("LSTM", "LSTMCell", "ConvLSTMCell")
    return (
        optional(Start(Orthogonal(), whole=True), role="recurrent"),
        optional(ForgetBias(), module=lstm, role="bias"),
        optional(Start(GlorotUniform(), whole=True), role="weight"),
        optional(Zeros(), role="slope"),
        *rest(embedding=Uniform(low=-0.05, high=0.05)),
    )


def siren(omega: float = 30.0) -> tuple[Rule, ...]:
    """For sine units: U(-1 / fan_in, 1 / fan_in) for the first kernel, then `Siren`.

    The first is the first in the model's order. Biases are U(-r, r), r = 1 / sqrt(fan_in).
    """

    def kernel(parameter: Parameter, model: Model) -> Initializer:
        return Siren(omega, first=model.is_first(parameter))

    return (optional(kernel, role=KERNELS), *rest(bias=StandardUniform()))
