"""Initializers that draw nothing but signs."""

from dataclasses import dataclass
from typing import ClassVar

from initcore._checks import check_fields, real
from initcore.initializers._law import Law
from initcore.initializers._random import Elementwise
from initcore.initializers._weight import Fans


@dataclass(frozen=True, repr=False)
class Sign(Elementwise):
    """scale or -scale, each with probability 1/2: a random sign, also named after Rademacher.

    The variance is scale^2, the largest that numbers of that size can have, and every column has
    the same length. One bit is drawn per element.

    Parameters
    ----------
    scale : float, default 1.0
        Rounded once to the type of the array.

    Notes
    -----
    Use: weights of one size, as in binary networks, and random projections; not where values have
    to differ in size.
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md; as signed constants, Ramanujan et al., "What's hidden in a randomly
    weighted neural network?", arXiv:1911.13299, 2019.
    Check: abs(abs(draw(Sign(0.5), 100)) - 0.5).max() == 0

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.Sign(scale=0.125)((64, 64), key=ic.Key(0) / "fc" / "weight")
    >>> sorted(set(w.ravel().tolist()))
    [-0.125, 0.125]
    """

    kind: ClassVar[str] = "sign"
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "scale")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.scale:g} or {-self.scale:g}, each with probability 1/2"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameter."""
        return "sign", (self.scale,)
