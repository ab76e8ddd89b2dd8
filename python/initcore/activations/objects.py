"""Activations: frozen objects that name what stands between two layers.

The kernels compute all of them, forward and backward, to the same bytes on every machine
(docs/compute-v1.md). What `kernels.dense_forward` saves for backward is y = phi(z) where the
derivative is a function of it, and z for PRelu, HardSwish, Squareplus, Silu, QuickGelu, Mish, Gelu,
GeluTanh, Erf, Arctan, Sin and functions of your own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from initcore import _serial, kernels

Array = NDArray[Any]


@runtime_checkable
class Activation(Protocol):
    """What the kernels ask of an activation: its name and its parameters."""

    @property
    def name(self) -> str:
        """The kernels' name for it, such as ``"leaky_relu"``."""
        ...

    @property
    def parameters(self) -> tuple[float, ...]:
        """Its numbers, in the order the kernels expect; empty for most."""
        ...


@dataclass(frozen=True)
class _Named:
    """An activation that the kernels know; its fields are its parameters."""

    name: ClassVar[str]

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of its formula, in the order of the fields."""
        names: tuple[str, ...] = self.__match_args__
        return tuple([float(getattr(self, name)) for name in names])

    def to_dict(self) -> dict[str, Any]:
        """The activation as a plain dict; `from_dict` reads it."""
        return _serial.to_dict(self)

    def __post_init__(self) -> None:
        for field in (found.name for found in fields(self)):
            value = getattr(self, field)
            real = isinstance(value, int | float | np.floating | np.integer)
            if isinstance(value, bool) or not real or not math.isfinite(value):
                raise ValueError(f"{field}={value!r} must be a finite number")


def _require_above_zero(name: str, value: float, otherwise: str) -> None:
    if value <= 0:
        raise ValueError(f"{name}={value!r} must be greater than 0; {otherwise}")


@dataclass(frozen=True)
class Identity(_Named):
    """phi(z) = z: a linear layer.

    Source: linear algebra.
    """

    name: ClassVar[str] = "identity"


@dataclass(frozen=True)
class Relu(_Named):
    """phi(z) = max(z, 0).

    Source: Nair and Hinton 2010, ICML.
    """

    name: ClassVar[str] = "relu"


@dataclass(frozen=True)
class Tanh(_Named):
    """phi(z) = tanh(z).

    Source: LeCun et al. 1998, Efficient BackProp, section 4.4.
    """

    name: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Sigmoid(_Named):
    """phi(z) = 1 / (1 + exp(-z)).

    Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 2.
    """

    name: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Relu6(_Named):
    """phi(z) = z cut to [0, 6].

    Source: Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10.
    """

    name: ClassVar[str] = "relu6"


@dataclass(frozen=True)
class HardSigmoid(_Named):
    """phi(z) = z / 6 + 1 / 2 cut to [0, 1].

    Source: Howard et al. 2019, MobileNetV3, section 5.2.
    """

    name: ClassVar[str] = "hardsigmoid"


@dataclass(frozen=True)
class HardSwish(_Named):
    """phi(z) = z times the hard sigmoid of z.

    Source: Howard et al. 2019, MobileNetV3, section 5.2.
    """

    name: ClassVar[str] = "hardswish"


@dataclass(frozen=True)
class Softsign(_Named):
    """phi(z) = z / (1 + |z|).

    Source: Glorot and Bengio 2010, section 3.
    """

    name: ClassVar[str] = "softsign"


@dataclass(frozen=True)
class Selu(_Named):
    """phi(z) = lambda z for z > 0, lambda alpha (e^z - 1) otherwise: keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017, eq. 2 and 14.
    """

    name: ClassVar[str] = "selu"


@dataclass(frozen=True)
class LecunTanh(_Named):
    """phi(z) = 1.7159 tanh(2 z / 3), which is close to 1 at 1.

    Source: LeCun et al. 1998, Efficient BackProp, section 4.4.
    """

    name: ClassVar[str] = "lecun_tanh"


@dataclass(frozen=True)
class LogSigmoid(_Named):
    """phi(z) = log(1 / (1 + e^-z)).

    Source: the logarithm of the sigmoid.
    """

    name: ClassVar[str] = "log_sigmoid"


@dataclass(frozen=True)
class Silu(_Named):
    """phi(z) = z / (1 + e^-z), also called swish.

    Source: Hendrycks and Gimpel 2016; Elfwing et al. 2017; Ramachandran et al. 2017.
    """

    name: ClassVar[str] = "silu"


@dataclass(frozen=True)
class QuickGelu(_Named):
    """phi(z) = z / (1 + e^(-1.702 z)).

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "quick_gelu"


@dataclass(frozen=True)
class Mish(_Named):
    """phi(z) = z tanh(log(1 + e^z)).

    Source: Misra 2019, eq. 1.
    """

    name: ClassVar[str] = "mish"


@dataclass(frozen=True)
class Gelu(_Named):
    """phi(z) = z Phi(z), with the normal distribution function itself.

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "gelu"


@dataclass(frozen=True)
class GeluTanh(_Named):
    """phi(z) = z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2.

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "gelu_tanh"


@dataclass(frozen=True)
class Erf(_Named):
    """phi(z) = erf(z).

    Source: the error function.
    """

    name: ClassVar[str] = "erf"


@dataclass(frozen=True)
class Arctan(_Named):
    """phi(z) = arctan(z).

    Source: the arc tangent.
    """

    name: ClassVar[str] = "arctan"


@dataclass(frozen=True)
class Sin(_Named):
    """phi(z) = sin(z), for |z| up to 2^20 in float32 and 2^30 in float64; NaN beyond.

    Source: Sitzmann et al. 2020, SIREN, section 3.
    """

    name: ClassVar[str] = "sin"


@dataclass(frozen=True)
class LeakyRelu(_Named):
    """phi(z) = z for z > 0, slope * z otherwise.

    Parameters
    ----------
    slope : float, default 0.01
        Greater than 0, so that the sign of phi(z) is the sign of z.

    Source: Maas, Hannun and Ng 2013, ICML workshop.
    """

    slope: float = 0.01
    name: ClassVar[str] = "leaky_relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_above_zero(
            "slope", self.slope, "for a slope of 0 use Relu(), for any other PRelu()"
        )


@dataclass(frozen=True)
class PRelu(_Named):
    """phi(z) = z for z > 0, slope * z otherwise, with any slope: the one that is trained.

    The slope of an object is fixed; `slope_gradient` says which way to move it.

    Parameters
    ----------
    slope : float, default 0.25
        Any number.

    Source: He et al. 2015, eq. 1.
    """

    slope: float = 0.25
    name: ClassVar[str] = "prelu"

    @staticmethod
    def slope_gradient(dy: Array, z: Array) -> Array:
        """The gradient of the loss in the slope of each unit: the sum of dy min(z, 0).

        Parameters
        ----------
        dy, z : ndarray, (batch, n_out), float32 or float64
            Gradient in the output, and what `dense_forward` saved.

        Returns
        -------
        ndarray, (n_out,)
            For a slope that all units share, its sum.

        Notes
        -----
        Exactness: bit-exact across CPUs and threads (compute v1), summed like db.
        Source: He et al. 2015, eq. 2 to 4.

        Examples
        --------
        >>> import numpy as np
        >>> PRelu.slope_gradient(np.array([[1.0, 2.0]]), np.array([[-3.0, 4.0]])).tolist()
        [-3.0, 0.0]
        """
        part = np.minimum(z, 0) * dy
        _, _, found = kernels.dense_backward(part, None, None, None, need=("db",))
        return np.asarray(found)


@dataclass(frozen=True)
class Elu(_Named):
    """phi(z) = z for z > 0, alpha (e^z - 1) otherwise.

    Parameters
    ----------
    alpha : float, default 1.0
        Greater than 0.

    Source: Clevert, Unterthiner and Hochreiter 2016, eq. 15.
    """

    alpha: float = 1.0
    name: ClassVar[str] = "elu"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_above_zero("alpha", self.alpha, "for 0 use Relu()")


@dataclass(frozen=True)
class Celu(_Named):
    """phi(z) = z for z > 0, alpha (e^(z / alpha) - 1) otherwise: an ELU without a kink.

    Parameters
    ----------
    alpha : float, default 1.0
        Greater than 0.

    Source: Barron 2017, Continuously differentiable exponential linear units.
    """

    alpha: float = 1.0
    name: ClassVar[str] = "celu"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_above_zero("alpha", self.alpha, "for 0 use Relu()")


@dataclass(frozen=True)
class Softplus(_Named):
    """phi(z) = log(1 + e^(beta z)) / beta.

    Parameters
    ----------
    beta : float, default 1.0
        Greater than 0.

    Source: Dugas et al. 2001, NeurIPS.
    """

    beta: float = 1.0
    name: ClassVar[str] = "softplus"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_above_zero("beta", self.beta, "the formula divides by it")


@dataclass(frozen=True)
class Squareplus(_Named):
    """phi(z) = (z + sqrt(z^2 + b)) / 2.

    Parameters
    ----------
    b : float, default 4.0
        Greater than 0.

    Source: Barron 2021, Squareplus, eq. 1.
    """

    b: float = 4.0
    name: ClassVar[str] = "squareplus"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_above_zero("b", self.b, "for 0 use Relu()")


@dataclass(frozen=True)
class HardTanh(_Named):
    """phi(z) = z cut to [low, high].

    Parameters
    ----------
    low : float, default -1
        Where it is flat below.
    high : float, default 1
        Where it is flat above; greater than `low`.

    Source: Collobert 2004, Large scale machine learning, section 6.1.
    """

    low: float = -1.0
    high: float = 1.0
    name: ClassVar[str] = "hardtanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(f"low={self.low!r} must be less than high={self.high!r}")


@dataclass(frozen=True)
class Function:
    """An activation of your own: two functions of arrays, around the linear kernel.

    Parameters
    ----------
    name : str
        Any name that is not one of the kernels'.
    phi : callable
        From z to phi(z), an array of the same shape; rounded to the type of z.
    dphi : callable
        From z to phi'(z), likewise.

    Notes
    -----
    Exactness: that of your functions.
    Source: yours.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import activations, kernels
    >>> square = activations.Function("square", np.square, lambda z: 2 * z)
    >>> y, saved = kernels.dense_forward(np.ones((1, 2)), np.ones((1, 2)), activation=square)
    >>> y.tolist(), saved.tolist()
    ([[4.0]], [[2.0]])
    """

    name: str
    phi: Callable[[Array], Array]
    dphi: Callable[[Array], Array]
    parameters: ClassVar[tuple[float, ...]] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name={self.name!r} must be a text that is not empty")
        if self.name in _BY_NAME and not isinstance(_BY_NAME[self.name], Function):
            raise ValueError(f"name={self.name!r} is the kernels' own; choose another")
        for what in ("phi", "dphi"):
            if not callable(getattr(self, what)):
                raise TypeError(f"{what}={getattr(self, what)!r} must be a function of an array")


_CLASSES: dict[str, type[_Named]] = {
    kind.name: kind
    for kind in (
        Identity,
        Relu,
        LeakyRelu,
        Tanh,
        Sigmoid,
        Relu6,
        HardTanh,
        HardSigmoid,
        Softsign,
        Elu,
        Selu,
        Celu,
        LecunTanh,
        LogSigmoid,
        Softplus,
        PRelu,
        HardSwish,
        Squareplus,
        Silu,
        QuickGelu,
        Mish,
        Gelu,
        GeluTanh,
        Erf,
        Arctan,
        Sin,
    )
}
_BY_NAME: dict[str, Activation] = {
    **{name: kind() for name, kind in _CLASSES.items()},
    "linear": Identity(),
    "swish": Silu(),
}


def register(activation: Function) -> None:
    """Let `get`, and with it every layer, know an activation of your own by its name.

    Parameters
    ----------
    activation : Function
        Takes the place of an earlier one of its name.
    """
    if not isinstance(activation, Function):
        raise TypeError(f"activation={activation!r} must be an activations.Function")
    _BY_NAME[activation.name] = activation


def from_dict(data: dict[str, Any]) -> Activation:
    """The activation that `to_dict` wrote.

    Examples
    --------
    >>> from_dict({"name": "elu", "alpha": 0.5})
    Elu(alpha=0.5)
    """
    found: Activation = _serial.from_dict(data, _CLASSES, "data")
    return found


def get(activation: str | Activation) -> Activation:
    """The activation object of a name; an object is returned as it is.

    Parameters
    ----------
    activation : str or Activation
        A name such as ``"relu"``, ``"leaky_relu"`` (slope 0.01) or ``"gelu"``, that of one of your
        own that was registered, or an object such as ``LeakyRelu(slope=0.2)``.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If it is neither a name nor an activation.

    Examples
    --------
    >>> from initcore import activations
    >>> activations.get("leaky_relu")
    LeakyRelu(slope=0.01)
    """
    if isinstance(activation, str):
        found = _BY_NAME.get(activation)
        if found is None:
            raise ValueError(
                f"activation={activation!r} is not known; use one of {', '.join(_BY_NAME)}"
            )
        return found
    if isinstance(activation, Activation):
        return activation
    raise TypeError(
        f"activation={activation!r} must be a name or an object of initcore.activations, "
        f"not a {type(activation).__name__}"
    )
