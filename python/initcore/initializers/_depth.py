"""Laws of width, depth and dropout: their variance is a number of the model, not of the tensor."""

import math
from dataclasses import dataclass

from initcore._checks import check_fields, count, fraction, one_of
from initcore._exact.elementwise import exp
from initcore.initializers._law import Law
from initcore.initializers._random import Elementwise
from initcore.initializers._variance import known_fan, scaled_law
from initcore.initializers._weight import Fans


@dataclass(frozen=True, repr=False)
class SmallInit(Elementwise):
    """N(0, 2 / (5 width)): one small scale for every matrix of a transformer.

    It is Glorot's variance for a feed-forward matrix (width, 4 width), given to the square ones
    too. With pre-normalization it removes the need for a long warmup.

    Parameters
    ----------
    width : int
        Width d of the residual stream, whatever the shape of the tensor.

    Notes
    -----
    Use: the matrices of a pre-normalized transformer that read its stream; not for layers that no
    normalization follows, for which it is too small.
    Exactness: bit-exact, stream v1.
    Source: Nguyen and Salazar, "Transformers without tears", 2019; its use in
    GPT-NeoX, Black et al. 2022.
    Check: std(SmallInit(6144)) == 0.0080687153

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.SmallInit(6144)
    <SmallInit: N(0, 0.00806872^2)>
    """

    width: int

    def __post_init__(self) -> None:
        check_fields(self, count, "width", least=1)

    @property
    def std(self) -> float:
        """sqrt(2 / (5 width))."""
        return math.sqrt(2.0 / (5.0 * self.width))

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"N(0, {self.std:g}^2)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return "normal", (0.0, self.std)


@dataclass(frozen=True, repr=False)
class WangInit(Elementwise):
    """N(0, (2 / (n_layers sqrt(width)))^2): for the matrices that write to a residual stream.

    The more layers add to the stream, the less each starts with. GPT-NeoX gives it to the output
    projections of attention and feed-forward, and `SmallInit` to the rest.

    Parameters
    ----------
    width : int
        Width d of the residual stream.
    n_layers : int
        Number of transformer layers L.

    Notes
    -----
    Use: the matrices of a transformer that write to its stream, beside `SmallInit`; not for
    post-normalization.
    Exactness: bit-exact, stream v1.
    Source: Wang and Komatsuzaki, GPT-J, 2021; Black et al., GPT-NeoX-20B, 2022.
    Check: std(WangInit(6144, n_layers=44)) == 0.00057989814

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.WangInit(6144, n_layers=44)
    <WangInit: N(0, 0.000579898^2)>
    """

    width: int
    n_layers: int

    def __post_init__(self) -> None:
        check_fields(self, count, "width", "n_layers", least=1)

    @property
    def std(self) -> float:
        """2 / (n_layers sqrt(width))."""
        return 2.0 / (self.n_layers * math.sqrt(self.width))

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"N(0, {self.std:g}^2)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return "normal", (0.0, self.std)


@dataclass(frozen=True, repr=False)
class DropoutHeNormal(Elementwise):
    """N(0, 2 keep / fan_in): He's law for ReLU layers whose inputs pass through dropout.

    Dropout that divides what it keeps by `keep` multiplies the mean square by 1 / keep; with He's
    own variance a network of L such layers starts with its signal (1 / keep)^L too large.

    Parameters
    ----------
    keep : float
        Probability to keep a unit, above 0 and at most 1.

    Notes
    -----
    Use: ReLU layers behind dropout in networks that are not normalized; not without dropout, where
    the signal would fade.
    Exactness: bit-exact, stream v1.
    Source: Pretorius, Van Biljon, Kroon, Kamper, "Critical initialisation for deep signal
    propagation in noisy rectifier neural networks", 2018; the formula is checked by simulation.
    Check: std(DropoutHeNormal(0.5), 1, 100) == 0.1

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.DropoutHeNormal(0.5)
    <DropoutHeNormal: Var(W) = 1 / fan_in, normal>
    """

    keep: float

    def __post_init__(self) -> None:
        check_fields(self, fraction, "keep", zero=False)

    @property
    def rule(self) -> str:
        """The variance rule."""
        return f"Var(W) = {2.0 * self.keep:g} / fan_in, normal"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return scaled_law(2.0 * self.keep, "fan_in", "normal", tensor_fans)


@dataclass(frozen=True, repr=False)
class StandardUniform(Elementwise):
    """U(-r, r) with r = 1 / sqrt(fan_in): what networks started from before 2010, and in PyTorch.

    Var(W) = 1 / (3 fan_in), so that each linear layer keeps a third of the signal's mean square and
    a ReLU layer a sixth. PyTorch's ``kaiming_uniform_(a=sqrt(5))`` is this law, not one of He's. A
    bias takes it with `fan_in` given.

    Notes
    -----
    Use: porting models; a start for depth it is not.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio 2010, equation 1; torch.nn.Linear.reset_parameters.
    Check: bound(StandardUniform(), 1, 256) == 0.0625

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.StandardUniform()
    <StandardUniform: U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))>
    """

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return "U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        bound = 1.0 / math.sqrt(known_fan("fan_in", tensor_fans.fan_in))
        return "uniform", (-bound, bound)


@dataclass(frozen=True, repr=False)
class RandomWalk(Elementwise):
    """N(0, g^2 / fan_in), with the g for which the *logarithm* of a gradient's norm stays.

    He's variance keeps the mean of the squared norm, of which a deep narrow network shows less and
    less: its typical value falls. This slightly larger g keeps the typical value.

    Parameters
    ----------
    activation : {"relu", "identity"}, default "relu"
        g = sqrt(2) exp(1.2 / (max(fan_in, 6) - 2.4)) or g = exp(1 / (2 fan_in)).

    Notes
    -----
    Formula: N(0, g^2 / fan_in), g = sqrt(2) exp(1.2 / (max(fan_in, 6) - 2.4)) for ReLU.
    Use: deep, narrow networks without normalization; for wide ones it is He's, or LeCun's, law.
    Exactness: bit-exact, stream v1 (the exponential is the kernels' own).
    Source: Sussillo and Abbott, "Random walk initialization for training very deep feedforward
    networks", 2014.
    Check: RandomWalk().gain(100) == 1.431708766

    Examples
    --------
    >>> from initcore import initializers
    >>> round(initializers.RandomWalk().gain(100), 6)
    1.431709
    """

    activation: str = "relu"

    def __post_init__(self) -> None:
        one_of(self.activation, "activation", ("relu", "identity"))

    def gain(self, fan_in: float) -> float:
        """The g of a layer with this many inputs."""
        if self.activation == "identity":
            return float(exp(1.0 / (2.0 * fan_in)))
        return math.sqrt(2.0) * float(exp(1.2 / (max(fan_in, 6.0) - 2.4)))

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"Var(W) = g^2 / fan_in, g for {self.activation}, normal"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        fan_in = known_fan("fan_in", tensor_fans.fan_in)
        return "normal", (0.0, self.gain(fan_in) / math.sqrt(fan_in))
