"""Orthogonal matrices and their kin: starts that keep the length of every vector."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import kernels
from initcore._checks import check_fields, one_of, real
from initcore.initializers._base import rounded
from initcore.initializers._law import Spread
from initcore.initializers._weight import Fans, WeightShape
from initcore.initializers._whole import Array, Whole
from initcore.keys import Key, require_key

_AT_A_TIME = 1 << 16  # elements that are worked out before they are stored


def fill_haar(out: Array, gain: float, key: Key | None) -> None:
    """gain times a Haar-distributed matrix into `out` (n_out, n_in, ...), its trailing axes one."""
    tensor_key = require_key(key)
    flat = out if out.ndim == 2 else np.empty((out.shape[0], math.prod(out.shape[1:])), out.dtype)
    kernels._orthogonal(flat, gain, tensor_key.seed, tensor_key.stream_id("value"))
    if flat is not out:
        out[...] = flat.reshape(out.shape)


def center(out: Array) -> Any:
    """The index of a kernel's center tap: the middle one, the first of two middles."""
    return (slice(None), slice(None), *((length - 1) // 2 for length in out.shape[2:]))


@dataclass(frozen=True, repr=False)
class Orthogonal(Whole):
    """gain times a random matrix with orthonormal rows, or orthonormal columns if it is tall.

    Every such matrix is equally likely (the Haar law), so a square layer keeps the length of
    every vector, forward and backward, and a deep linear network of such layers keeps it at any
    depth: a Gaussian of the same variance only does so on average. Axes behind the first, in the
    canonical order (out, in, spatial...), are flattened into one, as PyTorch does; that keeps no
    length in a convolution, for which there is `DeltaOrthogonal`.

    Parameters
    ----------
    gain : float, default 1.0
        Factor, rounded once to the type of the array.

    Raises
    ------
    ValueError
        If the tensor has fewer than 2 axes.

    Notes
    -----
    An element depends on the whole matrix: `block` makes the whole and takes the part. Copies and
    groups are matrices of their own.

    Use: deep linear and tanh networks at criticality, and recurrent weights; not for kernels of
    several taps.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", arXiv:1312.6120, 2013; as a product of random reflectors,
    Stewart, "The efficient generation of random orthogonal matrices", 1980; the signs, Mezzadri,
    "How to generate random matrices from the classical compact groups", 2007.
    Check: gram_error(draw(Orthogonal(), 64, 64)) <= 1e-12

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.Orthogonal()((64, 64), key=ic.Key(0) / "rnn" / "weight")
    >>> bool(abs(w @ w.T - np.eye(64)).max() < 1e-6)
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} times a random matrix with orthonormal rows or columns"

    def spread(self, weight: WeightShape) -> Spread | None:
        """Mean and standard deviation of an element: min(rows, columns) unit vectors, spread."""
        if weight.ndim < 2:
            return None
        which, share = weight.axes, weight.groups
        rows = weight.length(which.out) // (1 if weight.transposed else share)
        columns = weight.length((*which.in_, *which.spatial)) // (share if weight.transposed else 1)
        return Spread(0.0, abs(self.gain) / math.sqrt(max(rows, columns, 1)))

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        fill_haar(out, self.gain, key)


@dataclass(frozen=True, repr=False)
class ScaledOrthogonal(Whole):
    """gain max(1, sqrt(n_out / n_in)) times a random matrix with orthonormal rows or columns.

    `Orthogonal` keeps a vector's length, so a layer with more outputs than inputs lowers their mean
    square; this keeps the mean square, in layers of any shape.

    Parameters
    ----------
    gain : float, default 1.0
        Factor; the gain of the activation before.

    Notes
    -----
    Use: networks whose theory is in mean squares (`recipes.TailoredRelu`); a square layer is
    `Orthogonal`'s.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Martens et al., "Rapid training of deep neural networks without skip connections or
    normalization layers using deep kernel shaping", 2021, and its code.
    Check: np.linalg.norm(draw(ScaledOrthogonal(), 64, 16) @ np.ones(16)) == 8.0

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.initializers.ScaledOrthogonal()((64, 16), key=ic.Key(0) / "w", dtype=np.float64)
    >>> round(float(((w @ np.ones(16)) ** 2).mean()), 12)
    1.0
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} max(1, sqrt(n_out / n_in)) times orthonormal rows or columns"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        n_in = math.prod(out.shape[1:])
        fill_haar(out, self.gain * max(1.0, math.sqrt(out.shape[0] / n_in)), key)


@dataclass(frozen=True, repr=False)
class DeltaOrthogonal(Whole):
    """A convolution that is `gain` times an orthogonal matrix at its center tap, and 0 elsewhere.

    It keeps the length of every input, which an orthogonal matrix of all taps does not: vanilla
    convolutional networks of 10,000 layers train from it. It needs at least as many outputs as
    inputs; a layer that has fewer takes another start.

    Parameters
    ----------
    gain : float, default 1.0
        Factor.

    Raises
    ------
    ValueError
        If there are fewer outputs than inputs, or no spatial axis.

    Notes
    -----
    The center of an even length is the first of its two middles, as in JAX.

    Use: deep convolutional networks without shortcuts or normalization; not where a layer has fewer
    outputs than inputs.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical isometry and a mean
    field theory of CNNs", 2018, algorithm 1 and its notebook.
    Check: gram_error(draw(DeltaOrthogonal(), 8, 4, 3, 3)[:, :, 1, 1]) <= 1e-12

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.initializers.DeltaOrthogonal()((8, 4, 3), key=ic.Key(0) / "conv")
    >>> w[:, :, 0].any(), round(float((w[:, 0, 1] ** 2).sum()), 6)
    (np.False_, 1.0)
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} times an orthogonal matrix at the center tap"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        n_out, n_in = out.shape[:2]
        if out.ndim < 3:
            raise ValueError(
                f"{n_out} outputs and {n_in} inputs without a spatial axis are not a convolution; "
                "use Orthogonal"
            )
        if n_out < n_in:
            raise ValueError(
                f"DeltaOrthogonal needs at least as many outputs as inputs, not {n_out} for "
                f"{n_in}: fewer cannot keep every length; use Orthogonal or HeNormal there"
            )
        out[...] = 0.0
        fill_haar(out[center(out)], self.gain, key)


@dataclass(frozen=True, repr=False)
class Dirac(Whole):
    """`gain` where out and in channel are equal, at the center tap, and 0 elsewhere.

    A convolution that hands on its input unchanged (of more inputs than outputs the first ones), in
    each group; what `Identity` is to dense layers.

    Parameters
    ----------
    gain : float, default 1.0
        The value at the center.

    Notes
    -----
    The center of an even length is the first of its two middles; PyTorch's ``dirac_`` takes the
    second.

    Use: layers beside a path that is not linear, or one inserted into a trained network; not for a
    plain stack, all of whose paths it starts equal.
    Exactness: bit-exact.
    Source: Zagoruyko and Komodakis, "DiracNets: training very deep neural networks without
    skip-connections", 2017; PyTorch's ``dirac_``.
    Check: draw(Dirac(), 4, 4, 3, 3).sum() == 4

    Examples
    --------
    >>> import initcore as ic
    >>> ic.initializers.Dirac()((2, 2, 3))
    array([[[0., 1., 0.],
            [0., 0., 0.]],
    <BLANKLINE>
           [[0., 0., 0.],
            [0., 1., 0.]]], dtype=float32)
    """

    _draws = False
    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} at the center tap of equal channels, 0 elsewhere"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        _write_eye(out, rounded(np.float64(self.gain), out.dtype, "gain"))


def _write_eye(out: Array, value: Any) -> None:
    """`value` at the center tap of equal channels, 0 elsewhere."""
    out[...] = 0.0
    channels = np.arange(min(out.shape[:2]))
    out[center(out)][channels, channels] = value


@dataclass(frozen=True, repr=False)
class ZerO(Whole):
    """Identity and Hadamard matrices alone: a start without random numbers.

    As many outputs as inputs, or fewer: 1 on the diagonal. More outputs: I H I / sqrt(p), with H
    the Hadamard matrix of size p, the power of 2 at or above n_out. At the center tap of a
    convolution. A first layer of 2^k inputs widened by zeros has no more than 2^k distinct columns.

    Notes
    -----
    Use: residual networks, which need not break a symmetry by chance; not for plain ones.
    Exactness: bit-exact.
    Source: Zhao, Schaefer, Anandkumar, "ZerO initialization: initializing neural networks with
    only zeros and ones", 2021, algorithm 1 and its notebook.
    Check: np.linalg.matrix_rank(draw(ZerO(), 256, 40)) == 40

    Examples
    --------
    >>> import initcore as ic
    >>> ic.initializers.ZerO()((4, 2))
    array([[ 0.5,  0.5],
           [ 0.5, -0.5],
           [ 0.5,  0.5],
           [ 0.5, -0.5]], dtype=float32)
    """

    _draws = False

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return "1 on the diagonal; Hadamard / sqrt(p) where outputs are more than inputs"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        n_out, n_in = out.shape[:2]
        if n_out <= n_in:
            _write_eye(out, 1.0)
            return
        size = 1 << (n_out - 1).bit_length()
        out[...] = 0.0
        kernel, step = out[center(out)], max(1, _AT_A_TIME // max(n_in, 1))
        # Sylvester's matrix: (-1) to the number of ones that row and column have in common
        for row in range(0, n_out, step):
            rows = np.arange(row, min(row + step, n_out))
            ones = np.bitwise_count(np.bitwise_and.outer(rows, np.arange(n_in)).astype(np.uint64))
            kernel[row : row + step] = (1.0 - 2.0 * (ones % 2)) / math.sqrt(size)


_MIRRORS = ("in", "out", "both")


@dataclass(frozen=True, repr=False)
class LooksLinear(Whole):
    """[W0, -W0], W0 orthogonal: a ReLU network that is linear at the start.

    ReLU(z) - ReLU(-z) = z, so layers that come in pairs of opposite sign hand on z as a whole. A
    deep network then starts as the product of its W0, without the noise that a deep ReLU network
    has in its gradients.

    Parameters
    ----------
    mirror : {"in", "out", "both"}, default "in"
        Which side comes in pairs: [W0, -W0], [W0; -W0], or [[W0, -W0], [-W0, W0]]. The second
        half of that axis mirrors the first.
    gain : float, default 1.0
        Factor on W0.

    Raises
    ------
    ValueError
        If an axis that comes in pairs has an odd length.

    Notes
    -----
    Use: the layers of a network with concatenated ReLU (all ``"in"``), or with plain ReLU: first
    ``"out"``, hidden ``"both"``, last ``"in"``; not for other activations.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Balduzzi et al., "The shattered gradients problem: if resnets are the answer, then
    what is the question?", 2017, ``"in"`` as Naloween/Operator-Level-optimization,
    src/olo/models/crelu_mlp.py, has it; ``"both"``: Burkholz and Dubatovka, "Initialization of
    ReLUs for dynamical isometry", 2019, as yberreby/ybml, ytch/magic/dyniso, has it. Read in these
    ports, not in the papers.
    Check: abs(draw(LooksLinear("both"), 8, 8).sum(axis=1)).max() == 0

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.initializers.LooksLinear()((4, 6), key=ic.Key(0) / "hidden")
    >>> bool((w[:, :3] == -w[:, 3:]).all())
    True
    """

    mirror: str = "in"
    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")
        one_of(self.mirror, "mirror", _MIRRORS)

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} times an orthogonal matrix, mirrored ({self.mirror})"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        axes = {"in": (1,), "out": (0,), "both": (0, 1)}[self.mirror]
        half = list(out.shape)
        for axis in axes:
            if half[axis] % 2:
                raise ValueError(
                    f"{half[axis]} {'inputs' if axis else 'outputs'} must be even for "
                    f"LooksLinear({self.mirror!r}), which has them in pairs"
                )
            half[axis] //= 2
        values = np.empty(half, out.dtype)
        if values.ndim == 2:
            fill_haar(values, self.gain, key)
        else:
            values[...] = 0.0
            fill_haar(values[center(values)], self.gain, key)
        for axis in axes:
            values = np.concatenate([values, -values], axis)
        out[...] = values
