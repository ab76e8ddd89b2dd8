"""Adapters: small matrices beside a trained one, which start without changing it."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore import _checks
from initcore._exact.linear_algebra import leading, orthonormal, product
from initcore.initializers import Normal, StandardUniform, Zeros
from initcore.keys import Key, require_key
from initcore.models.roles import Recipe, Role, not_for_models
from initcore.models.rules import Rule

Array = NDArray[Any]


@dataclass(frozen=True)
class Lora(Recipe):
    """W + B A with B = 0, so that the first output is the trained network's exactly.

    A is U(-r, r) with r = 1 / sqrt(fan_in), what PyTorch's kaiming_uniform_(a=sqrt(5)) gives, or
    N(0, 1 / rank^2). Roles: ``"a"`` (rank, n_in), ``"b"`` (n_out, rank).

    Parameters
    ----------
    rank : int
        Rows of A.
    a : {"uniform", "gaussian"}, default "uniform"
        The law of A.

    Notes
    -----
    Use: adapters on a trained weight; not for layers trained from scratch, of which it starts the
    product at 0.
    Exactness: bit-exact, stream v1.
    Source: Hu et al., "LoRA: low-rank adaptation of large language models", 2021, section 4.1;
    both laws as in Hugging Face's PEFT.
    Check: bound(Lora(rank=8).role("a").weight, 8, 256) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Lora(rank=8).role("b").weight
    <Zeros: every element 0>
    """

    rank: int
    a: Literal["uniform", "gaussian"] = "uniform"

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "rank", least=1)
        if self.a not in ("uniform", "gaussian"):
            raise ValueError(f'a={self.a!r} must be "uniform" or "gaussian"')

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        uniform = self.a == "uniform"
        return {
            "a": Role(StandardUniform() if uniform else Normal(std=1.0 / self.rank)),
            "b": Role(Zeros()),
        }

    def rules(self) -> tuple[Rule, ...]:
        """There are none."""
        raise not_for_models(
            self,
            "starts the two matrices of an adapter and leaves a trained model alone",
            'fill them: recipe.role("a").weight.fill(a, key=key), and b likewise',
        )


class LowRank(NamedTuple):
    """A weight as a part that stays and a product that is trained: base + scaling b a."""

    base: Array
    """(n_out, n_in), of the weight's type."""
    a: Array
    """(rank, n_in), of the weight's type."""
    b: Array
    """(n_out, rank), of the weight's type."""


def pissa(w: Array, rank: int, *, key: Key, scaling: float = 1.0) -> LowRank:
    """W = (W - B A) + B A, with A = sqrt(S) V^T and B = U sqrt(S) of its largest singular values.

    The adapter starts as the part of the weight that does most, and trains that, where `Lora`
    starts at nothing; what stays is the rest, which can also be quantized better.

    Parameters
    ----------
    w : ndarray (n_out, n_in)
        The trained weight, float32 or float64; it is left alone.
    rank : int
        From 1 to min(n_out, n_in).
    key : Key
        For the columns that the search for singular vectors starts from; the result depends on
        it in the last digits alone.
    scaling : float, default 1.0
        Factor that the network multiplies b a by (LoRA's alpha / rank).

    Returns
    -------
    LowRank
        base, a and b.

    Raises
    ------
    TypeError, ValueError
        If w is no such matrix, or rank or scaling is out of range.

    Notes
    -----
    Use: fine-tuning; the base weight changes, so the adapter goes with its own base.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Meng, Wang, Zhang, "PiSSA: principal singular values and singular vectors adaptation of
    large language models", 2024; Hugging Face's PEFT.
    Check: spectral_excess(pissa, 8) <= 1e-9

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> w = np.random.default_rng(0).normal(size=(20, 12))
    >>> parts = ic.recipes.pissa(w, 4, key=ic.Key(0))
    >>> bool(np.abs(parts.base + parts.b @ parts.a - w).max() < 1e-12)
    True
    >>> next_value = np.linalg.svd(w)[1][4]
    >>> bool(abs(np.linalg.norm(parts.base, 2) / next_value - 1) < 1e-9)
    True
    """
    weight = _weight(w, rank, scaling)
    u, values, v = leading(weight, rank, require_key(key))
    root = np.sqrt(values / scaling)
    return _parts(w, (v * root).T, u * root, scaling)


def olora(w: Array, rank: int, *, scaling: float = 1.0) -> LowRank:
    """W = (W - scaling B A) + scaling B A, with B = Q and A = R of the first columns of W = Q R.

    B starts orthonormal, which trains faster than a B of 0, and costs a fraction of `pissa`.

    Parameters
    ----------
    w, rank, scaling
        As in `pissa`.

    Returns
    -------
    LowRank
        base, a and b. The signs of a row of a and of its column of b are those for which the
        diagonal of R is positive; LAPACK's may be the others.

    Raises
    ------
    TypeError, ValueError
        If w is no such matrix, or rank or scaling is out of range.

    Notes
    -----
    Use: adapters that should learn sooner than `Lora`'s at less cost than `pissa`'s; the base
    weight changes.
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Bueyuekakyuez, "OLoRA: orthonormal low-rank adaptation of large language models",
    2024; Hugging Face's PEFT.
    Check: gram_error(low_rank(olora, 8).b) <= 1e-12

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> w = np.random.default_rng(0).normal(size=(20, 12))
    >>> parts = ic.recipes.olora(w, 4)
    >>> bool(np.abs(parts.base + parts.b @ parts.a - w).max() < 1e-12)
    True
    """
    weight = _weight(w, rank, scaling)
    b = orthonormal(weight[:, :rank])
    return _parts(w, product(b.T, weight), b, scaling)


def _weight(w: Array, rank: int, scaling: float) -> Array:
    if not isinstance(w, np.ndarray) or w.dtype not in (np.float32, np.float64) or w.ndim != 2:
        raise TypeError(
            f"w={type(w).__name__} must be a numpy.ndarray of float32 or float64 with 2 axes, "
            "(n_out, n_in)"
        )
    rank = _checks.count(rank, "rank", least=1)
    scaling = _checks.positive(scaling, "scaling")
    if rank > min(w.shape):
        raise ValueError(f"rank={rank} must be at most {min(w.shape)}, for w has shape {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("w must be finite in every element")
    return w.astype(np.float64)


def _parts(w: Array, a: Array, b: Array, scaling: float) -> LowRank:
    """The adapter in the weight's type, and what the weight is without it, as rounded."""
    a, b = np.ascontiguousarray(a.astype(w.dtype)), np.ascontiguousarray(b.astype(w.dtype))
    base = w.astype(np.float64) - scaling * product(b, a)
    return LowRank(base.astype(w.dtype), a, b)
