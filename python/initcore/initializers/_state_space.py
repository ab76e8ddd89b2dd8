"""State-space layers: the matrices of HiPPO, S4D and Mamba, and the bias of their step size."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import kernels
from initcore._checks import check_fields, one_of, positive
from initcore._exact.elementwise import exp, log
from initcore.initializers._base import Initializer, store
from initcore.initializers._block import Block
from initcore.initializers._weight import WeightShape
from initcore.keys import Key, require_key

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, repr=False)
class HippoLegS(Initializer):
    """The HiPPO-LegS matrix A: a state that holds its whole past as Legendre coefficients.

    A[n, k] = -sqrt((2 n + 1)(2 k + 1)) for n > k, -(n + 1) for n = k, 0 above. A vector gets its
    input B[n] = sqrt(2 n + 1).

    Notes
    -----
    Formula: A[n, k] = -sqrt((2 n + 1)(2 k + 1)) for n > k, -(n + 1) for n = k.
    Use: the state of S4 and its like, square matrices alone.
    Exactness: bit-exact.
    Source: Gu, Dao, Ermon, Rudra, Re, "HiPPO: recurrent memory with optimal polynomial
    projections", 2020, theorem 2; signs as in S4, Gu, Goel, Re 2022.
    Check: draw(HippoLegS(), 4, 4)[3, 0] == -2.64575131

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.HippoLegS()((2, 2))
    array([[-1.       ,  0.       ],
           [-1.7320508, -2.       ]], dtype=float32)
    """

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return "HiPPO-LegS: A of a matrix, B of a vector"

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        shape = weight.shape
        n = np.arange(shape[0] if shape else 0)
        if shape == n.shape:
            values = np.sqrt(2.0 * n + 1.0)
        elif shape == (n.size, n.size):
            both = np.sqrt(np.multiply.outer(2.0 * n + 1.0, 2.0 * n + 1.0))
            values = np.tril(-both, -1) - np.diag(n + 1.0)
            values = values.T if weight.layout.lower() == "io" else values
        else:
            raise ValueError(f"shape={shape} must be square (n, n), or (n,) for its input")
        store(out, values[block.index()])


_POLES = ("lin", "inv", "real", "log_real")


@dataclass(frozen=True, repr=False)
class DiagonalStates(Initializer):
    """The diagonal of a state-space layer's A, the same for every row of a (channels, N) array.

    With n = 0 .. N - 1 along the last axis:

    - ``"lin"``: imaginary parts pi n (S4D-Lin; the real parts are -1/2: ``Constant(-0.5)``)
    - ``"inv"``: imaginary parts (N / pi)(N / (2 n + 1) - 1) (S4D-Inv; real parts -1/2)
    - ``"real"``: -(n + 1) (S4D-Real)
    - ``"log_real"``: log(n + 1), what Mamba stores, whose A is -exp of it

    Parameters
    ----------
    poles : {"lin", "inv", "real", "log_real"}, default "log_real"
        Which.

    Notes
    -----
    Formula: pi n; (N / pi)(N / (2 n + 1) - 1); -(n + 1); log(n + 1).
    Use: the transitions of diagonal state-space layers (S4D, Mamba); not for other recurrent
    weights.
    Exactness: bit-exact (the logarithm is the kernels' own).
    Source: Gu, Gupta, Goel, Re, "On the parameterization and initialization of diagonal state
    space models", 2022; Gu and Dao, "Mamba", 2023, section 3.6.
    Check: draw(DiagonalStates("inv"), 1, 8)[0, 0] == 17.8253536263

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.DiagonalStates("real")((2, 3))
    array([[-1., -2., -3.],
           [-1., -2., -3.]], dtype=float32)
    """

    poles: str = "log_real"

    def __post_init__(self) -> None:
        one_of(self.poles, "poles", _POLES)

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"diagonal of A, {self.poles}"

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        if not weight.shape:
            raise ValueError("shape=() must have an axis of states, its last")
        n = np.arange(weight.shape[-1], dtype=np.float64)
        size = float(weight.shape[-1])
        if self.poles == "lin":
            values = np.pi * n
        elif self.poles == "inv":
            values = size / np.pi * (size / (2.0 * n + 1.0) - 1.0)
        else:
            values = -(n + 1.0) if self.poles == "real" else log(n + 1.0)
        store(out, np.broadcast_to(values, weight.shape)[block.index()])


@dataclass(frozen=True, repr=False, kw_only=True)
class StepBias(Initializer):
    """The bias b for which softplus(b) is a step size, log-uniform on [low, high].

    Steps of many sizes let the states of a Mamba layer watch times of many lengths.

    Parameters
    ----------
    low, high : float, default 0.001 and 0.1
        Range of the steps, 0 < low <= high.
    floor : float, default 1e-4
        Smaller steps become this one.

    Notes
    -----
    Use: the bias of a Mamba layer's step projection alone.
    Exactness: bit-exact, stream v1, for the same whole tensor (exp and log are the kernels' own).
    Source: Gu and Dao, "Mamba", 2023, section 3.6.
    Check: np.log1p(np.exp(draw(StepBias(), 1000))).max() <= 0.1000000001

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> b = ic.initializers.StepBias()(64, key=ic.Key(0) / "dt", dtype=np.float64)
    >>> steps = np.log1p(np.exp(b))
    >>> bool(steps.min() >= 0.001 and steps.max() <= 0.1)
    True
    """

    low: float = 0.001
    high: float = 0.1
    floor: float = 1e-4

    def __post_init__(self) -> None:
        check_fields(self, positive, "low", "high", "floor")
        if self.low > self.high:
            raise ValueError(f"low={self.low!r} must not exceed high={self.high!r}")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"softplus(b) log-uniform on [{self.low:g}, {self.high:g}]"

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        tensor_key = require_key(key)
        if weight.ndim != 1:
            raise ValueError(f"shape={weight.shape} must have one axis for StepBias, a bias")
        values = np.empty(weight.shape)
        if values.size == 0:
            return
        low, high = float(log(self.low)), float(log(self.high))
        kernels.fill_uniform(values, low=low, high=high, key=tensor_key)
        steps = np.maximum(exp(values), self.floor)
        store(out, (steps + log(1.0 - exp(-steps)))[block.index()])
