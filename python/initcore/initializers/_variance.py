"""The variance-scaling family: Var(W) = scale / fan, and its named members."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from initcore._checks import check_fields, one_of, positive, real
from initcore.initializers._law import Law
from initcore.initializers._random import Elementwise
from initcore.initializers._weight import Fans

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo"]
Distribution = Literal["normal", "truncated_normal", "uniform"]

_MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo")
_DISTRIBUTIONS = ("normal", "truncated_normal", "uniform")

# Standard deviation of N(0, 1) cut at 2 sigma: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)), rounded to
# double. A constant, so that the bytes of a law never depend on how it was computed.
_STD_CUT_AT_2 = 0.8796256610342398


def known_fan(name: str, fan: float | None) -> float:
    """The fan, or an error that says how to give it."""
    if fan is None:
        raise ValueError(
            f"{name} is not known: the shape has fewer than 2 axes; pass {name}= explicitly"
        )
    if fan == 0:
        raise ValueError(
            f"{name} is 0, so Var(W) = scale / {name} has no value; check shape and layout, or "
            f"pass {name}= explicitly"
        )
    return float(fan)


def _fan(mode: str, tensor_fans: Fans) -> float:
    """The fan that `mode` asks for."""
    if mode == "fan_in":
        return known_fan("fan_in", tensor_fans.fan_in)
    if mode == "fan_out":
        return known_fan("fan_out", tensor_fans.fan_out)
    fan_in = known_fan("fan_in", tensor_fans.fan_in)
    fan_out = known_fan("fan_out", tensor_fans.fan_out)
    return (fan_in + fan_out) / 2 if mode == "fan_avg" else math.sqrt(fan_in * fan_out)


def scaled_law(scale: float, mode: str, distribution: str, tensor_fans: Fans) -> Law:
    """The law of mean 0 and variance scale / fan."""
    variance = scale / _fan(mode, tensor_fans)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return "uniform", (-limit, limit)
    std = math.sqrt(variance)
    if distribution == "normal":
        return "normal", (0.0, std)
    parent = std / _STD_CUT_AT_2
    return "truncated_normal", (0.0, parent, -2.0 * parent, 2.0 * parent)


_FAN_TEXT = {
    "fan_in": "fan_in",
    "fan_out": "fan_out",
    "fan_avg": "((fan_in + fan_out) / 2)",
    "fan_geo": "sqrt(fan_in fan_out)",
}


@dataclass(frozen=True, repr=False)
class VarianceScaling(Elementwise):
    """Mean 0 and Var(W) = scale / fan.

    A unit that sums fan_in independent terms keeps the variance of its inputs when
    fan_in Var(W) = 1; the gradient, going the other way, asks the same of fan_out. The scale
    makes up for what the activation loses.

    Parameters
    ----------
    scale : float, default 1.0
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo"}, default "fan_in"
        Which fan: inputs of a unit, outputs of an input, their arithmetic or geometric mean.
    distribution : {"normal", "truncated_normal", "uniform"}, default "normal"
        All three have exactly the variance said; the truncated normal is cut at 2 standard
        deviations of its parent.

    Notes
    -----
    Use: any activation, with scale = gain(activation)^2; not where a matrix has to keep every
    length.
    Exactness: bit-exact, stream v1.
    Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998, section 4.6; Glorot and
    Bengio 2010; He et al. 2015.
    Check: std(VarianceScaling(2.0), 128, 256) == 0.0883883476

    Examples
    --------
    >>> import initcore as ic
    >>> init = ic.VarianceScaling(scale=2.0, mode="fan_in", distribution="truncated_normal")
    >>> init
    <VarianceScaling: Var(W) = 2 / fan_in, truncated normal>
    >>> w = init((256, 784), key=ic.Key(0) / "fc1" / "weight")
    """

    scale: float = 1.0
    mode: Mode = "fan_in"
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        check_fields(self, positive, "scale")
        one_of(self.mode, "mode", _MODES)
        one_of(self.distribution, "distribution", _DISTRIBUTIONS)

    @property
    def rule(self) -> str:
        """The variance rule."""
        return _rule(self.scale, self.mode, self.distribution)

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return scaled_law(self.scale, self.mode, self.distribution, tensor_fans)


def _rule(scale: float, mode: str, distribution: str) -> str:
    if mode == "fan_avg":
        variance = f"{2 * scale:g} / (fan_in + fan_out)"
    else:
        variance = f"{scale:g} / {_FAN_TEXT[mode]}"
    return f"Var(W) = {variance}, {distribution.replace('_', ' ')}"


@dataclass(frozen=True, repr=False)
class _Named(Elementwise):
    """A named member of the family: a line of the table scale, mode, distribution."""

    _scale: ClassVar[float]
    _mode: ClassVar[Mode]
    _distribution: ClassVar[Distribution]

    @property
    def rule(self) -> str:
        """The variance rule."""
        return _rule(self._scale, self._mode, self._distribution)

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return scaled_law(self._scale, self._mode, self._distribution, tensor_fans)


@dataclass(frozen=True, repr=False)
class LecunNormal(_Named):
    """N(0, 1 / fan_in): keeps the variance of the signal forward through a linear layer.

    Notes
    -----
    Use: linear, tanh and SELU layers; not for ReLU, under which the mean square halves in each
    layer.
    Exactness: bit-exact, stream v1.
    Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998, equation 16.
    Check: std(LecunNormal(), 128, 256) == 0.0625

    Examples
    --------
    >>> import initcore as ic
    >>> ic.LecunNormal()
    <LecunNormal: Var(W) = 1 / fan_in, normal>
    """

    _scale = 1.0
    _mode = "fan_in"
    _distribution = "normal"


@dataclass(frozen=True, repr=False)
class LecunUniform(_Named):
    """U(-r, r) with r = sqrt(3 / fan_in): the variance of `LecunNormal`, with bounded values.

    Notes
    -----
    Use: as `LecunNormal`.
    Exactness: bit-exact, stream v1.
    Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998, equation 16.
    Check: bound(LecunUniform(), 128, 256) == 0.10825318
    """

    _scale = 1.0
    _mode = "fan_in"
    _distribution = "uniform"


@dataclass(frozen=True, repr=False)
class XavierNormal(_Named):
    """N(0, 1 / fan_in): the Xavier start of the notes, with biases 0; for tanh and linear layers.

    Equal in law to `LecunNormal`. What PyTorch calls ``xavier_normal_`` is `GlorotNormal`:
    Glorot and Bengio's compromise between the forward and the backward condition.

    Notes
    -----
    Use: tanh, up to some ten layers, and linear layers; not for ReLU.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 10 (the forward condition alone).
    Check: std(XavierNormal(), 128, 256) == 0.0625

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.XavierNormal()((100, 400), key=ic.Key(0) / "fc" / "weight")
    >>> bool(abs(400 * w.var() - 1) < 0.03)
    True
    """

    _scale = 1.0
    _mode = "fan_in"
    _distribution = "normal"


@dataclass(frozen=True, repr=False)
class XavierUniform(_Named):
    """U(-r, r) with r = sqrt(3 / fan_in): the variance of `XavierNormal`, with bounded values.

    Notes
    -----
    Use: as `XavierNormal`.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, AISTATS 2010, equation 10 (the forward condition alone).
    Check: bound(XavierUniform(), 128, 256) == 0.10825318
    """

    _scale = 1.0
    _mode = "fan_in"
    _distribution = "uniform"


@dataclass(frozen=True, repr=False)
class GlorotNormal(_Named):
    """N(0, 2 / (fan_in + fan_out)): between what the signal and what the gradient asks for.

    PyTorch's ``xavier_normal_``. Keras's and JAX's ``glorot_normal`` are truncated:
    ``initializers.get("glorot_normal", convention="keras")``.

    Notes
    -----
    Use: tanh and linear layers whose two fans differ; not for ReLU, which takes `HeNormal`, nor for
    deep funnels, where neither signal nor gradient is kept.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 12.
    Check: std(GlorotNormal(), 128, 256) == 0.072168784
    """

    _scale = 1.0
    _mode = "fan_avg"
    _distribution = "normal"


@dataclass(frozen=True, repr=False)
class GlorotUniform(_Named):
    """U(-r, r) with r = sqrt(6 / (fan_in + fan_out)): Glorot and Bengio's own form.

    Notes
    -----
    Use: as `GlorotNormal`; the default of Keras's layers.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, AISTATS 2010, equation 16.
    Check: bound(GlorotUniform(), 128, 256) == 0.125
    """

    _scale = 1.0
    _mode = "fan_avg"
    _distribution = "uniform"


@dataclass(frozen=True, repr=False)
class _He(Elementwise):
    """Var(W) = 2 / ((1 + slope^2) fan)."""

    slope: float = 0.0
    mode: Mode = "fan_in"
    _distribution: ClassVar[Distribution]

    def __post_init__(self) -> None:
        check_fields(self, real, "slope")
        one_of(self.mode, "mode", _MODES)

    @property
    def scale(self) -> float:
        """2 / (1 + slope^2)."""
        return 2.0 / (1.0 + self.slope * self.slope)

    @property
    def rule(self) -> str:
        """The variance rule."""
        return _rule(self.scale, self.mode, self._distribution)

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return scaled_law(self.scale, self.mode, self._distribution, tensor_fans)


@dataclass(frozen=True, repr=False)
class HeNormal(_He):
    """N(0, 2 / ((1 + slope^2) fan_in)): for ReLU, which passes on half of the mean square.

    PyTorch's ``kaiming_normal_``.

    Parameters
    ----------
    slope : float, default 0.0
        Slope of a leaky ReLU for negative inputs; 0 is ReLU.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo"}, default "fan_in"
        ``"fan_out"`` keeps the gradient's variance rather than the signal's.

    Notes
    -----
    Use: ReLU and leaky ReLU, plain or convolutional; not for a layer that no ReLU precedes, nor for
    tanh.
    Exactness: bit-exact, stream v1.
    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14, 15.
    Check: std(HeNormal(), 64, 64, 3, 3) == 0.0589255651

    Examples
    --------
    >>> import initcore as ic
    >>> ic.HeNormal()
    <HeNormal: Var(W) = 2 / fan_in, normal>
    """

    _distribution = "normal"


@dataclass(frozen=True, repr=False)
class HeUniform(_He):
    """U(-r, r) with r = sqrt(6 / ((1 + slope^2) fan_in)): `HeNormal`'s variance, bounded.

    PyTorch's ``kaiming_uniform_``.

    Parameters
    ----------
    slope : float, default 0.0
        Slope of a leaky ReLU for negative inputs; 0 is ReLU.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo"}, default "fan_in"
        ``"fan_out"`` keeps the gradient's variance rather than the signal's.

    Notes
    -----
    Use: as `HeNormal`.
    Exactness: bit-exact, stream v1.
    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14, 15.
    Check: bound(HeUniform(), 64, 64, 3, 3) == 0.1020620726
    """

    _distribution = "uniform"
