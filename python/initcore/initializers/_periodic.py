"""Networks of coordinates: sine units and random Fourier features."""

import math
from dataclasses import dataclass

from initcore._checks import check_fields, positive
from initcore.initializers._law import Law
from initcore.initializers._random import Elementwise
from initcore.initializers._variance import known_fan
from initcore.initializers._weight import Fans


@dataclass(frozen=True, repr=False)
class Siren(Elementwise):
    """U(-r, r) with r = sqrt(6 / fan_in) / omega: for layers sin(omega (W h + b)).

    Deep in such a network omega z has mean square q = 1 - exp(-2 q) = 0.79681 (its standard
    deviation is 0.8926, not 1). The first layer, on coordinates in [-1, 1], takes U(-1 / fan_in, 1
    / fan_in): ``Siren(first=True)``.

    Parameters
    ----------
    omega : float, default 30.0
        The frequency that multiplies every pre-activation.
    first : bool, default False
        Whether it is the layer that reads the coordinates.

    Notes
    -----
    Use: sine units alone.
    Exactness: bit-exact, stream v1.
    Source: Sitzmann, Martel, Bergman, Lindell, Wetzstein, "Implicit neural representations with
    periodic activation functions", 2020, section 3.2.
    Check: bound(Siren(), 1, 256) == 0.00510310363

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.Siren()
    <Siren: U(-r, r), r = sqrt(6 / fan_in) / 30>
    """

    omega: float = 30.0
    first: bool = False

    def __post_init__(self) -> None:
        check_fields(self, positive, "omega")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return (
            f"U(-r, r), r = {'1 / fan_in' if self.first else f'sqrt(6 / fan_in) / {self.omega:g}'}"
        )

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        fan_in = known_fan("fan_in", tensor_fans.fan_in)
        bound = 1.0 / fan_in if self.first else math.sqrt(6.0 / fan_in) / self.omega
        return "uniform", (-bound, bound)


@dataclass(frozen=True, repr=False)
class FourierFeatures(Elementwise):
    """N(0, scale^2) for the matrix B of features cos(2 pi B x), sin(2 pi B x), which stays fixed.

    The features' inner product is, for many rows of B, m exp(-2 pi^2 scale^2 |x - y|^2): `scale`
    is the bandwidth of what the network above can learn quickly, and is worth tuning.

    Parameters
    ----------
    scale : float, default 1.0
        Standard deviation, in cycles per unit of x.

    Notes
    -----
    Use: fixed features of coordinates in few dimensions; not for a layer that is trained.
    Exactness: bit-exact, stream v1.
    Source: Rahimi and Recht, "Random features for large-scale kernel machines", 2007; Tancik et
    al., "Fourier features let networks learn high frequency functions", 2020, and its demo,
    tancik/fourier-feature-networks.
    Check: std(FourierFeatures(10.0), 1, 2) == 10

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.FourierFeatures(scale=10.0)
    <FourierFeatures: N(0, 10^2)>
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, positive, "scale")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"N(0, {self.scale:g}^2)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return "normal", (0.0, self.scale)
