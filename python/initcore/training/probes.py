"""Probes: what a run of training records of its steps, layer by layer, and the record."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore import _checks
from initcore.activations import Activation

Array = NDArray[np.float64]

LAYER_FACTS, PARAMETER_FACTS = 8, 3
"""Numbers of a layer and of a parameter in a row of the record: see src/initcore/plan.h."""


@dataclass(frozen=True)
class Probes:
    """Say that `Sequential.fit` records every so many steps what its layers do.

    The steps are looked at in C, with the interpreter's lock released, and no byte of the trained
    network depends on it. The record is `History.probes`, a `ProbeRecord`.

    Parameters
    ----------
    every : int, default 1
        Steps from one that is recorded to the next, counted from step 0 of the run, which is the
        first; a run that is resumed goes on counting.

    Raises
    ------
    TypeError, ValueError
        every is not a whole number, or is below 1.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts.
    Source: Glorot and Bengio 2010, AISTATS, sections 3 and 4, which follow activations and
    gradients of the layers through training.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(4, 8, "relu", name="hidden"), ic.Dense(8, 2, name="out"))
    >>> net.initialize(ic.HeNormal(), key=0)
    >>> x = np.random.default_rng(0).standard_normal((64, 4))
    >>> history = net.fit(x, (x[:, 0] > 0).astype(int), optimizer=ic.SGD(0.1), epochs=2,
    ...                   batch_size=8, key=1, probes=ic.Probes(every=5))
    >>> record = history.probes
    >>> record.steps.tolist(), record.layers
    ([0, 5, 10, 15], ('hidden', 'out'))
    >>> record.z.rms.shape, record.update_ratio.shape
    ((4, 2), (4, 4))
    """

    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", _checks.count(self.every, "every", least=1))


class ProbedMoments(NamedTuple):
    """Mean and root mean square, float64 arrays (steps, layers) or (steps, parameters)."""

    mean: Array
    rms: Array

    @property
    def std(self) -> Array:
        """The standard deviation; a few ulp of rms^2 are lost where it is far below the mean."""
        return np.asarray(np.sqrt(np.maximum(self.rms**2 - self.mean**2, 0)))


class ProbeRecord:
    """What was recorded of the steps of a run: arrays (steps, layers) and (steps, parameters).

    Layers are those that compute phi(z), `Dense` and `Activation`, wherever they stand.

    Attributes
    ----------
    layers, parameters : tuple of str
        Their names, as in `Sequential.parameters`.
    steps : ndarray of int64, (steps,)
        The steps that are recorded, counted from 0.
    z, y, dz : ProbedMoments
        Of the layers: z, which is x w^T + b of a `Dense` and x of an `Activation`; y = phi(z);
        and the gradient of the loss for z. Over samples and units.
    dead : ndarray, (steps, layers)
        Share of the units whose y is 0 for every sample of the batch.
    saturated : ndarray, (steps, layers)
        Share of the values of y on a flat end of phi: beyond 0.97 of the height of "tanh",
        "lecun_tanh", "softsign", "erf", "arctan", outside [0.03, 0.97] for "sigmoid", at an end of
        "hardtanh" and "hardsigmoid", at the upper one of "relu6", whose lower one is `dead`'s. NaN
        for other activations.
    gradient : ProbedMoments
        Of the parameters' gradients, before they are clipped.
    update_ratio : ndarray, (steps, parameters)
        Norm of the step of a parameter over the norm of the parameter before it: about 1e-3 in a
        run that goes well. Infinite where the parameter was 0, as biases are at the start, and NaN
        where the run ended before the step, because of a loss that was not finite.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts: sums in double, in one order.
    Source: see `Probes`.
    """

    def __init__(
        self,
        layers: tuple[str, ...],
        parameters: tuple[str, ...],
        steps: Any = (),
        values: Any = (),
    ) -> None:
        self.layers, self.parameters = tuple(layers), tuple(parameters)
        self._parts: list[tuple[NDArray[np.int64], Array]] = []
        columns = LAYER_FACTS * len(self.layers) + PARAMETER_FACTS * len(self.parameters)
        self.extend(
            np.asarray(steps, np.int64), np.asarray(values, np.float64).reshape(-1, columns)
        )

    def __repr__(self) -> str:
        return (
            f"<ProbeRecord of {len(self.steps)} steps, {len(self.layers)} layers, "
            f"{len(self.parameters)} parameters>"
        )

    def extend(self, steps: NDArray[np.int64], values: Array) -> None:
        """Add steps, and a row of numbers for each."""
        if len(steps) != len(values):
            raise ValueError(
                f"values has {len(values)} rows and steps {len(steps)}: each step has one row"
            )
        self._parts.append((steps, values))

    def _whole(self) -> tuple[NDArray[np.int64], Array]:
        if len(self._parts) > 1:
            steps, values = zip(*self._parts, strict=True)
            self._parts = [(np.concatenate(steps), np.concatenate(values))]
        return self._parts[0]

    @property
    def steps(self) -> NDArray[np.int64]:
        """The steps that are recorded, (steps,)."""
        return self._whole()[0]

    @property
    def values(self) -> Array:
        """All numbers, a row for each step: what `to_dict` writes."""
        return self._whole()[1]

    def _of_layers(self, which: int) -> Array:
        return self.values[:, which : LAYER_FACTS * len(self.layers) : LAYER_FACTS]

    def _of_parameters(self, which: int) -> Array:
        return self.values[:, LAYER_FACTS * len(self.layers) + which :: PARAMETER_FACTS]

    @property
    def z(self) -> ProbedMoments:
        """Of what goes into the activations, (steps, layers)."""
        return ProbedMoments(self._of_layers(0), self._of_layers(1))

    @property
    def y(self) -> ProbedMoments:
        """Of what comes out of them, (steps, layers)."""
        return ProbedMoments(self._of_layers(2), self._of_layers(3))

    @property
    def dz(self) -> ProbedMoments:
        """Of the gradient of the loss for z, (steps, layers)."""
        return ProbedMoments(self._of_layers(4), self._of_layers(5))

    @property
    def dead(self) -> Array:
        """Share of units that are 0 for every sample, (steps, layers)."""
        return self._of_layers(6)

    @property
    def saturated(self) -> Array:
        """Share of values on a flat end, (steps, layers)."""
        return self._of_layers(7)

    @property
    def gradient(self) -> ProbedMoments:
        """Of the gradients, (steps, parameters)."""
        return ProbedMoments(self._of_parameters(0), self._of_parameters(1))

    @property
    def update_ratio(self) -> Array:
        """Norm of a step over the norm of the parameter, (steps, parameters)."""
        return self._of_parameters(2)

    def to_dict(self) -> dict[str, Any]:
        """The record as a plain dict of numbers, lists and texts."""
        return {
            "layers": list(self.layers),
            "parameters": list(self.parameters),
            "steps": self.steps.tolist(),
            "values": self.values.tolist(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ProbeRecord":
        """The record that `to_dict` wrote.

        Raises
        ------
        ValueError
            If an entry is missing, unknown or not of its type, or the shapes do not fit.
        """
        wanted = ("layers", "parameters", "steps", "values")
        if not isinstance(data, dict) or set(data) != set(wanted):
            raise ValueError(f"a record of probes must be a dict of {', '.join(wanted)}")
        for name in wanted[:2]:
            texts = data[name]
            if not isinstance(texts, list | tuple) or not all(isinstance(t, str) for t in texts):
                raise ValueError(f"{name}={texts!r:.80} must be a list of names")
        try:
            steps, values = np.asarray(data["steps"]), np.asarray(data["values"], np.float64)
        except (TypeError, ValueError):
            raise ValueError("steps and values must be lists of numbers") from None
        columns = LAYER_FACTS * len(data["layers"]) + PARAMETER_FACTS * len(data["parameters"])
        whole = steps.dtype.kind == "i" or not steps.size
        if steps.ndim != 1 or not whole or values.size != steps.size * columns or not columns:
            raise ValueError(
                f"steps of shape {steps.shape} and values of shape {values.shape} must be (n,) "
                f"whole numbers and (n, {columns}) numbers"
            )
        return cls(data["layers"], data["parameters"], steps, values)


def flat_ends(activation: Activation, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Beyond which values y of this dtype lies on a flat end of phi; NaN if it has none."""
    ends = activation.flat_ends
    return (math.nan, math.nan) if ends is None else ends.limits(dtype)
