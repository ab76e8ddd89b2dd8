"""Sums, products and decompositions that give the same bytes on every machine.

A sum by NumPy or a matrix decomposition by LAPACK depends on the processor. Here every sum is a
product of the kernels, in their fixed order; the rest is +, -, *, / and sqrt of single elements.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore.keys import Key

Array = NDArray[Any]

_SWEEPS = 40  # of Jacobi rotations; about 8 are needed
_NEGLIGIBLE = 2.0**-52  # an element beside its two diagonal ones
_STEPS = 401  # of subspace iteration, at most
_TEST_EVERY = 8


def product(a: Array, b: Array) -> Array:
    """a b in double: (m, k) and (k, n) give (m, n)."""
    left, right = np.ascontiguousarray(a, np.float64), np.ascontiguousarray(b.T, np.float64)
    return kernels.dense_forward(left, right, save=False)


def column_means(z: Array) -> Array:
    """Mean of each column, in double."""
    means: Array = product(np.ones((1, len(z))), z)[0] / len(z)
    return means


def mean(z: Array) -> float:
    """Mean of all elements, in double."""
    return float(column_means(column_means(z)[:, None])[0])


def column_stds(z: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column, in double."""
    means = column_means(z)
    return means, np.sqrt(column_means(np.square(z.astype(np.float64) - means)))


def std(z: Array) -> float:
    """Standard deviation of all elements about their mean, in double."""
    return float(np.sqrt(mean(np.square(z.astype(np.float64) - mean(z)))))


def orthonormal(columns: Array) -> Array:
    """Orthonormal columns that span, from the left, what the columns span; 0 where that is less.

    Notes
    -----
    Gram and Schmidt's process, each vector twice, which is orthogonal to rounding.
    """
    found = np.zeros(columns.shape)
    for place in range(columns.shape[1]):
        vector = columns[:, place : place + 1].astype(np.float64)
        before = _length(vector)
        basis = found[:, :place]
        for _ in range(2 if place else 0):
            vector = vector - product(basis, product(basis.T, vector))
        length = _length(vector)
        if length > 1e-14 * before:
            found[:, place : place + 1] = vector / length
    return found


def _length(vector: Array) -> float:
    return float(np.sqrt(product(vector.T, vector)[0, 0]))


def eigh(symmetric: Array) -> tuple[Array, Array]:
    """Eigenvalues, from large to small, and eigenvectors as columns, of a symmetric matrix.

    Notes
    -----
    Jacobi's rotations, of all rows at once in pairs that change from round to round.
    """
    n = len(symmetric)
    size = n + n % 2
    g = np.zeros((size, size))
    g[:n, :n] = symmetric
    rows = np.eye(size)
    circle = np.arange(size)
    half = size // 2
    for _ in range(_SWEEPS if size else 0):
        done = True
        for _ in range(size - 1):
            p, q = circle[:half], circle[: half - 1 : -1]
            done &= not _rotate(g, rows, p, q)
            circle = np.concatenate([circle[:1], circle[-1:], circle[1:-1]])
        if done:
            break
    values = g.diagonal()[:n]
    order = np.argsort(-values, kind="stable")
    return values[order], rows[:n, :n][order].T


def _rotate(g: Array, rows: Array, p: Array, q: Array) -> bool:
    """Make the elements (p, q) of g zero; False where all were negligible."""
    at_p, at_q, across = g[p, p], g[q, q], g[p, q]
    large = np.abs(across) > _NEGLIGIBLE * np.sqrt(np.abs(at_p) * np.abs(at_q))
    if not large.any():
        return False
    safe = np.where(large, across, 1.0)
    tau = (at_q - at_p) / (2.0 * safe)
    t = np.where(tau >= 0, 1.0, -1.0) / (np.abs(tau) + np.sqrt(1.0 + tau * tau))
    t = np.where(large, t, 0.0)
    c = 1.0 / np.sqrt(1.0 + t * t)
    s = t * c
    for matrix in (g, g.T, rows):
        first, second = matrix[p], matrix[q]
        matrix[p] = c[:, None] * first - s[:, None] * second
        matrix[q] = s[:, None] * first + c[:, None] * second
    return True


def leading(w: Array, rank: int, key: Key) -> tuple[Array, Array, Array]:
    """The `rank` largest singular values of w, with their vectors: u (m, rank), s, v (n, rank).

    Parameters
    ----------
    w : ndarray (m, n)
        Any matrix.
    rank : int
        At most min(m, n).
    key : Key
        Of the random columns that the search starts from, where it does not take all at once.

    Notes
    -----
    Subspace iteration on w^T w, with Rayleigh and Ritz's values, until the residual of each
    vector is below 1e-11 of the largest value squared, or 400 times.
    """
    n = w.shape[1]
    columns = min(*w.shape, 2 * rank + 8)  # more than the rank, to converge sooner
    if columns == n:
        basis = np.eye(n)
    else:
        basis = orthonormal(kernels.fill_normal(np.empty((n, columns)), key=key))
    for step in range(_STEPS):
        images = product(w, basis)
        if step % _TEST_EVERY == 0 or step == _STEPS - 1:
            squares, turn = eigh(product(images.T, images))
            basis, images = product(basis, turn), product(images, turn)
            residual = product(w.T, images[:, :rank]) - basis[:, :rank] * squares[:rank]
            if np.abs(residual).max(initial=0.0) <= 1e-11 * abs(squares[0]):
                break
        basis = orthonormal(product(w.T, images))
    values = np.sqrt(np.maximum(squares[:rank], 0.0))
    images = images[:, :rank]
    u = np.divide(images, values, out=np.zeros(images.shape), where=values > 0)
    return u, values, basis[:, :rank]
