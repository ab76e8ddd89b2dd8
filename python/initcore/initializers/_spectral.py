"""Spectral scaling: a matrix as large as it acts, whatever its shape."""

import math
from dataclasses import dataclass

from initcore._checks import check_fields, positive
from initcore.initializers._law import Law
from initcore.initializers._random import Elementwise
from initcore.initializers._variance import known_fan
from initcore.initializers._weight import Fans


@dataclass(frozen=True, repr=False)
class SpectralNormal(Elementwise):
    """N(0, s^2), s = scale sqrt(fan_out / fan_in) / (sqrt(fan_in) + sqrt(fan_out)).

    The largest singular value is then scale sqrt(fan_out / fan_in), to within a few percent: the
    size for which an input of rms 1 gives, and an update of the same form moves, outputs of rms
    about 1 at every width. It is muP's scaling of hidden layers, said of the matrix. For a
    matrix that has this norm exactly take ``Orthogonal(gain=sqrt(fan_out / fan_in))``.

    Parameters
    ----------
    scale : float, default 1.0
        Of the norm.

    Notes
    -----
    Use: hidden matrices of networks that are made wider; not for embeddings, whose rows are no
    sums.
    Exactness: bit-exact, stream v1.
    Source: Yang, Simon, Bernstein, "A spectral condition for feature learning", 2023, condition
    1; the edge of the spectrum, sqrt(fan_in) + sqrt(fan_out), is derived, and checked by
    sampling. The paper's parametrization 1 (so quoted in huggingface/nanotron,
    src/nanotron/scaling/parametrization.py) has min(1, sqrt(fan_out / fan_in)) / sqrt(fan_in),
    the same but for a factor between 1 and 2.
    Check: abs(np.linalg.norm(draw(SpectralNormal(), 400, 100), 2) - 2) <= 0.1

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.SpectralNormal().law(initializers.fans((400, 100)))
    ('normal', (0.0, 0.06666666666666667))
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, positive, "scale")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"normal, spectral norm about {self.scale:g} sqrt(fan_out / fan_in)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        fan_in = known_fan("fan_in", tensor_fans.fan_in)
        fan_out = known_fan("fan_out", tensor_fans.fan_out)
        norm = self.scale * math.sqrt(fan_out / fan_in)
        return "normal", (0.0, norm / (math.sqrt(fan_in) + math.sqrt(fan_out)))
