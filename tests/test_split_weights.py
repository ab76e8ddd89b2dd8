"""Weights that are made from others: adapters of a trained weight, and mimetic attention."""

from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import recipes

KEY = ic.Key(4) / "split"


def trained(shape: tuple[int, int], dtype: Any = np.float64) -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (100, 80)])
@pytest.mark.parametrize("rank", [1, 6, 24])
def test_pissa_takes_the_largest_singular_values(shape: tuple[int, int], rank: int) -> None:
    w = trained(shape)
    base, a, b = recipes.pissa(w, rank, key=KEY)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    assert np.abs(base + b @ a - w).max() < 1e-12
    assert b @ a == pytest.approx(u[:, :rank] * s[:rank] @ vt[:rank], abs=1e-8 * s[0])
    # each half has half of the size
    assert (b**2).sum(axis=0) == pytest.approx(s[:rank], rel=1e-9)
    assert (a**2).sum(axis=1) == pytest.approx(s[:rank], rel=1e-9)
    left = s[rank] if rank < len(s) else 0.0
    assert np.linalg.norm(base, 2) == pytest.approx(left, rel=1e-8, abs=1e-10)


def test_pissa_with_a_scaling_and_in_float32_gives_the_weight_back() -> None:
    w = trained((48, 32), np.float32)
    base, a, b = recipes.pissa(w, 4, key=KEY, scaling=2.0)
    assert base.dtype == a.dtype == b.dtype == np.float32
    assert np.abs(base + 2.0 * b @ a - w).max() < 1e-6


@pytest.mark.parametrize("rank", [1, 8, 24])
def test_olora_is_the_start_of_a_qr_decomposition(rank: int) -> None:
    w = trained((40, 24))
    base, a, b = recipes.olora(w, rank, scaling=0.5)
    q, r = np.linalg.qr(w)
    signs = np.sign(np.diag(r))[:rank]
    assert np.abs(b - q[:, :rank] * signs).max() < 1e-12
    assert np.abs(a - r[:rank] * signs[:, None]).max() < 1e-12
    assert np.abs(base + 0.5 * b @ a - w).max() < 1e-12


def test_a_split_gives_the_same_bytes_everywhere(isa: str) -> None:
    w = trained((40, 30), np.float32)
    found = [recipes.pissa(w, 5, key=KEY), recipes.olora(w, 5)]
    ic.kernels._select_isa("baseline")
    for threads in (1, 2):
        with ic.num_threads(threads):
            again = [recipes.pissa(w, 5, key=KEY), recipes.olora(w, 5)]
        for one, other in zip(found, again, strict=True):
            assert all(x.tobytes() == y.tobytes() for x, y in zip(one, other, strict=True))


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_mimetic_attention_has_its_products_near_the_identity(n_heads: int) -> None:
    width = 32
    w = recipes.mimetic(width, n_heads, key=KEY, dtype=np.float64)
    heads = width // n_heads
    for head in range(n_heads):
        rows = slice(head * heads, head * heads + heads)
        product = w["query"][rows].T @ w["key"][rows]
        z = np.empty((width, width))
        ic.kernels.fill_normal(z, std=width**-0.5, key=KEY / "query_key" / head)
        near = 0.7 * z + 0.7 * np.eye(width)
        u, s, vt = np.linalg.svd(near)
        best = u[:, :heads] * s[:heads] @ vt[:heads]
        assert np.abs(product - best).max() < 1e-9
        assert product.trace() > 0
    product = w["out"] @ w["value"]
    # 0.4 Z - 0.4 I: the diagonal's mean, 5 standard errors
    assert product.trace() / width == pytest.approx(-0.4, abs=5 * 0.4 / width)
    off = product[~np.eye(width, dtype=bool)]
    assert off.std() == pytest.approx(0.4 / width**0.5, rel=0.15)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: recipes.pissa(trained((4, 3)), 4, key=KEY), ValueError, "rank=4 must be at most"),
        (lambda: recipes.pissa(trained((4, 3)), 0, key=KEY), ValueError, "rank=0"),
        (lambda: recipes.pissa(trained((4, 3)), 2, key=3), TypeError, "key=3"),
        (lambda: recipes.olora(np.zeros((4, 3), int), 2), TypeError, "w="),
        (lambda: recipes.olora(np.full((4, 3), np.nan), 2), ValueError, "w must be finite"),
        (lambda: recipes.olora(trained((4, 3)), 2, scaling=0.0), ValueError, "scaling=0"),
        (lambda: recipes.mimetic(10, 3, key=KEY), ValueError, "n_heads=3 must divide width=10"),
        (lambda: recipes.mimetic(8, key=KEY, value_out=(1.0,)), TypeError, "value_out="),
    ],
)
def test_impossible_splits_are_refused_by_name(call: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()
