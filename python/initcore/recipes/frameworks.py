"""Frameworks: what PyTorch's and Keras's layers give themselves."""

import math
from dataclasses import dataclass

from initcore.initializers import (
    ForgetBias,
    GlorotUniform,
    Initializer,
    Normal,
    Orthogonal,
    StandardUniform,
    Uniform,
    Zeros,
    axes,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule

_BY_FAN = StandardUniform()


def _stored_fan(parameter: Parameter, model: Model) -> Assignment:
    """U(-r, r), r = 1 / sqrt(elements of a row, as torch would store it): also where it is no fan.

    A row is what one output sums over; of a transposed convolution, which torch stores the other
    way round, what one input feeds. Of a bilinear layer torch counts its first input alone.
    """
    if "Bilinear" in parameter.kinds:
        return Assignment(_BY_FAN, fan_in=float(parameter.shape[1]))
    which = axes(parameter.layout, len(parameter.shape))
    row = (*(which.out if parameter.transposed else which.in_), *which.spatial)
    return Assignment(_BY_FAN, fan_in=float(math.prod(parameter.shape[axis] for axis in row)))


def _bias_like_weight(parameter: Parameter, model: Model) -> Initializer | Assignment:
    """U(-r, r) with the r of the layer's weight."""
    for other in model.layers[parameter.path[:-1]]:
        if other.role == "weight":
            return _stored_fan(other, model)
    return Assignment(_BY_FAN, fan_in=parameter.fan_in)


def _by_state(parameter: Parameter, model: Model) -> Assignment:
    """U(-r, r), r = 1 / sqrt(units), also where the state is a projection of fewer."""
    states = [p for p in model.layers[parameter.path[:-1]] if p.role == "recurrent"]
    return Assignment(_BY_FAN, fan_in=states[0].fan_out)


def _added_key(parameter: Parameter, model: Model) -> Initializer:
    """Glorot's law as torch counts the fans of a key or value that attention learns: (1, 1, n)."""
    return Normal(std=1.0 / math.sqrt(parameter.shape[-1]))


@register("torch_default")
@dataclass(frozen=True)
class TorchDefault(Recipe):
    """What PyTorch's modules give themselves: the same distributions, other numbers.

    Kernels and biases U(-r, r) with r = 1 / sqrt(fan_in) and the fan as torch counts it; recurrent
    layers by their number of units; attention's packed projections by Glorot's uniform law of the
    packed matrix; embeddings N(0, 1). Roles: ``"kernel"``, ``"attention"``, ``"embedding"``.

    Notes
    -----
    Use: a model as PyTorch makes it, by key and name; not for depth, for it shrinks signals.
    Exactness: bit-exact, stream v1.
    Source: pytorch/pytorch, torch/nn/modules, reset_parameters of each module.
    Check: bound(TorchDefault().role("kernel").weight, 64, 256) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.TorchDefault().role("attention").weight
    <GlorotUniform: Var(W) = 2 / (fan_in + fan_out), uniform>
    """

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {
            "kernel": Role(_BY_FAN, _BY_FAN),
            "attention": Role(GlorotUniform()),
            "embedding": Role(Normal()),
        }

    def rules(self) -> tuple[Rule, ...]:
        """By the classes of PyTorch's modules."""
        attention = "MultiheadAttention"
        recurrent = ("RNNBase", "RNNCellBase")
        return (
            optional(Assignment(GlorotUniform(), whole=True), module=attention, role="weight"),
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


@register("keras_default")
@dataclass(frozen=True)
class KerasDefault(Recipe):
    """What Keras's layers give themselves: Glorot's uniform law, biases 0.

    Recurrent kernels are orthogonal and an LSTM's forget gate starts at 1; packed gates count as
    one matrix, as there; embeddings U(-0.05, 0.05); slopes 0. Roles: ``"kernel"``,
    ``"recurrent"``, ``"embedding"``.

    Notes
    -----
    Use: a model as Keras makes it, by key and name; not for deep networks of ReLU.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: keras-team/keras, keras/src/layers, the defaults of each layer.
    Check: bound(KerasDefault().role("kernel").weight, 40, 56) == 0.25

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.KerasDefault().role("embedding").weight
    <Uniform: U[-0.05, 0.05)>
    """

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {
            "kernel": Role(GlorotUniform()),
            "recurrent": Role(Orthogonal(), ForgetBias()),
            "embedding": Role(Uniform(low=-0.05, high=0.05)),
        }

    def rules(self) -> tuple[Rule, ...]:
        """By the classes of Keras's layers."""
        roles = self.roles()
        lstm = ("LSTM", "LSTMCell", "ConvLSTMCell")
        return (
            optional(Assignment(roles["recurrent"].weight, whole=True), role="recurrent"),
            optional(roles["recurrent"].bias, module=lstm, role="bias"),
            optional(Assignment(roles["kernel"].weight, whole=True), role="weight"),
            optional(Zeros(), role="slope"),
            *rest(embedding=roles["embedding"].weight),
        )
