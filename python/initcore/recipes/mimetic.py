"""Attention that starts like trained attention: products near the identity."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import _checks, kernels
from initcore._exact.linear_algebra import leading
from initcore.keys import Key, require_key

Array = NDArray[Any]


def mimetic(
    width: int,
    n_heads: int = 1,
    *,
    key: Key,
    query_key: tuple[float, float] = (0.7, 0.7),
    value_out: tuple[float, float] = (0.4, 0.4),
    dtype: DTypeLike = np.float32,
) -> dict[str, Array]:
    """W_q^T W_k near 0.7 Z + 0.7 I in each head, and W_out W_v near 0.4 Z - 0.4 I.

    Z has independent elements N(0, 1 / width). Trained attention looks like this: a token looks at
    those that resemble it, and what it then adds points away from itself. Each product is split by
    its singular values, of which a head keeps the width / n_heads largest.

    Parameters
    ----------
    width : int
        Width d of the stream.
    n_heads : int, default 1
        Heads; must divide the width.
    key : Key
        Of the layer.
    query_key, value_out : pair of float, default (0.7, 0.7) and (0.4, 0.4)
        The factors of Z and of I; that of I is subtracted in the second product.
    dtype : float32 or float64, default float32
        Type of the weights.

    Returns
    -------
    dict of str to ndarray
        ``"query"``, ``"key"``, ``"value"`` and ``"out"``, each (d, d), out axis first; the rows of
        a head stand together, as in PyTorch's attention.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    The decomposition takes some d^3 steps in NumPy: 18 s for d = 384 and 6 heads on two cores.

    Use: small vision transformers on small data; less use where data are plenty.
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Trockman and Kolter, "Mimetic initialization of self-attention layers", 2023: the
    signs of both products from its abstract; factors, the variance of Z and the split head by
    head as two ports have them, one of them osiriszjq/impulse_init, vit.py (queries and keys).
    Ports differ in which of value and output they transpose: here W_out W_v is the product.
    Check: mimetic_error(32) <= 1e-10

    Examples
    --------
    >>> import initcore as ic
    >>> weights = ic.recipes.mimetic(16, 2, key=ic.Key(0) / "attention")
    >>> product = weights["out"] @ weights["value"]
    >>> bool(product.trace() < 0)
    True
    """
    width = _checks.count(width, "width", least=1)
    n_heads = _checks.count(n_heads, "n_heads", least=1)
    if width % n_heads:
        raise ValueError(f"n_heads={n_heads} must divide width={width}")
    pairs = {"query_key": query_key, "value_out": value_out}
    for name, pair in pairs.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{name}={pair!r} must be a pair of numbers")
        for value in pair:
            _checks.real(value, name)
    kind = _checks.float_type(dtype)
    own = require_key(key)
    heads = width // n_heads
    queries, keys = [], []
    for head in range(n_heads):
        near = _near(width, own / "query_key" / head, query_key[0], query_key[1])
        u, v = _split(near, heads, own / "query_key" / head / "search")
        queries.append(u.T)
        keys.append(v.T)
    near = _near(width, own / "value_out", value_out[0], -value_out[1])
    u, v = _split(near, width, own / "value_out" / "search")
    weights = {
        "query": np.concatenate(queries),
        "key": np.concatenate(keys),
        "value": u.T,
        "out": v,
    }
    return {name: np.ascontiguousarray(w, dtype=kind) for name, w in weights.items()}


def _near(width: int, key: Key, spread: float, center: float) -> Array:
    """spread Z + center I."""
    z = kernels.fill_normal(np.empty((width, width)), std=1.0 / np.sqrt(width), key=key)
    return spread * z + center * np.eye(width)


def _split(near: Array, rank: int, key: Key) -> tuple[Array, Array]:
    """u and v with u v^T the best approximation of this rank, each with half of its size."""
    u, values, v = leading(near, rank, key)
    root = np.sqrt(values)
    return u * root, v * root
