"""Recurrent networks: what goes into a gate, what comes back, and how long it stays."""

import math
from dataclasses import dataclass
from typing import Literal

from initcore import _checks
from initcore.initializers import (
    ForgetBias,
    GlorotUniform,
    Identity,
    Normal,
    Orthogonal,
    Packed,
    Uniform,
    Zeros,
)
from initcore.models.patterns import RECURRENT_LAYERS, optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule

_CONVENTIONS = ("initcore", "torch", "keras")


@register("lstm")
@dataclass(frozen=True)
class Lstm(Recipe):
    """Glorot's law into each gate, an orthogonal matrix back into each, and a forget bias of 1.

    The packed weights are started gate by gate: four orthogonal matrices rather than one of the
    packed shape, and each gate's own fans. ``"keras"`` is Keras's start, of the packed shapes;
    ``"torch"`` is PyTorch's, U(-1 / sqrt(H), 1 / sqrt(H)) for everything. Roles: ``"input"``
    (4 H, n_in) with the bias (4 H,), ``"recurrent"`` (4 H, H); PyTorch's second bias is that of
    ``"recurrent"``. Gates in the order i, f, g, o, which Keras and PyTorch share.

    Parameters
    ----------
    hidden : int
        Units H.
    convention : {"initcore", "torch", "keras"}, default "initcore"
        Whose start.

    Notes
    -----
    Use: LSTM layers in the order i, f, g, o; ``"keras"`` and ``"torch"`` to port models.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Jozefowicz, Zaremba, Sutskever, "An empirical exploration of recurrent network
    architectures", 2015, for the forget bias; keras.layers.LSTM; torch.nn.LSTM.
    Check: bound(Lstm(256, "torch").role("recurrent").weight) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Lstm(128).role("input").bias
    <ForgetBias: 1 for gate f of ifgo, 0 for the others>
    """

    hidden: int
    convention: Literal["initcore", "torch", "keras"] = "initcore"

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "hidden", least=1)
        if self.convention not in _CONVENTIONS:
            raise ValueError(
                f"convention={self.convention!r} must be one of {', '.join(_CONVENTIONS)}"
            )

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        if self.convention == "torch":
            limit = 1.0 / math.sqrt(self.hidden)
            every = Uniform(low=-limit, high=limit)
            return {"input": Role(every, every), "recurrent": Role(every, every)}
        if self.convention == "keras":
            return {
                "input": Role(GlorotUniform(), ForgetBias()),
                "recurrent": Role(Orthogonal()),
            }
        gates = (1, 1, 1, 1), ("i", "f", "g", "o")
        return {
            "input": Role(Packed(GlorotUniform(), *gates), ForgetBias()),
            "recurrent": Role(Packed(Orthogonal(), *gates)),
        }

    def rules(self) -> tuple[Rule, ...]:
        """LSTM layers by class; other kernels take Glorot's law, recurrent ones are orthogonal."""
        layers = ("LSTM", "LSTMCell", "OptimizedLSTMCell")
        roles = self.roles()
        biases = {"bias": roles["input"].bias, "recurrent_bias": roles["recurrent"].bias}
        laws = {"weight": roles["input"].weight, "recurrent": roles["recurrent"].weight}
        return (
            *(optional(Assignment(w, whole=True), module=layers, role=r) for r, w in laws.items()),
            *(optional(b, module=layers, role=role) for role, b in biases.items()),
            optional(GlorotUniform(), role="weight"),
            optional(Orthogonal(), role="recurrent"),
            *rest(),
        )


@register("irnn")
@dataclass(frozen=True)
class Irnn(Recipe):
    """A recurrent ReLU network whose state stays as it is until an input changes it.

    The identity back into each unit, N(0, 0.001^2) from the input, biases 0. For long memories
    in plain recurrent networks; a smaller scale forgets, as 0.01 for tasks that need little
    memory. Roles: ``"recurrent"``, ``"input"``.

    Parameters
    ----------
    scale : float, default 1.0
        On the diagonal.
    input_std : float, default 0.001
        Standard deviation of the input weights.

    Notes
    -----
    Use: long memories in plain recurrent networks; not for gated ones.
    Exactness: bit-exact, stream v1.
    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear
    units", arXiv:1504.00941, 2015; the input weights as in Keras's example of it.
    Check: np.linalg.matrix_power(draw(Irnn().role("recurrent").weight, 8, 8), 784).trace() == 8

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Irnn().role("recurrent").weight
    <Identity: 1 on the diagonal, 0 elsewhere>
    """

    scale: float = 1.0
    input_std: float = 0.001

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "scale")
        _checks.check_fields(self, _checks.positive, "input_std")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {
            "recurrent": Role(Identity(self.scale), Zeros()),
            "input": Role(Normal(std=self.input_std)),
        }

    def rules(self) -> tuple[Rule, ...]:
        """Recurrent layers by class; of other layers kernels take Glorot's law, biases 0."""
        return (
            optional(self.by_role("recurrent"), role="recurrent"),
            optional(self.by_role("input"), module=RECURRENT_LAYERS, role="weight"),
            optional(GlorotUniform(), role="weight"),
            *rest(),
        )
