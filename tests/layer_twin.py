"""A slow implementation of what docs/compute-v1.md says of layers other than dense."""

from typing import Any

import compute_twin as twin
import numpy as np
from compute_twin import fma
from training_twin import sum_along


def column_sum(a: Any, b: Any = None) -> Any:
    kind = a.dtype.type
    b = np.ones_like(a) if b is None else b
    return np.array([twin.total(a[:, j], b[:, j], kind) for j in range(a.shape[1])], kind)


def row_norm(x: Any, w: Any, b: Any, epsilon: float, dy: Any) -> tuple[Any, Any, Any, Any]:
    """y, dx, dw and db of LayerNorm, and of RMSNorm where b is None."""
    kind, n = x.dtype.type, x.shape[1]
    y, dx, normal = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i, row in enumerate(x):
        mean = kind(0)
        if b is not None:
            mean = sum_along(lambda j, lane, row=row: lane + row[j], n, kind) / kind(n)
        d = row - mean
        v = sum_along(lambda j, lane, d=d: fma(d[j], d[j], lane), n, kind) / kind(n)
        r = kind(1) / np.sqrt(v + kind(epsilon))
        h = normal[i] = d * r
        y[i] = h * w if b is None else h * w + b
        g = dy[i] * w
        s = kind(0)
        if b is not None:
            s = sum_along(lambda j, lane, g=g: lane + g[j], n, kind) / kind(n)
        q = sum_along(lambda j, lane, g=g, h=h: fma(g[j], h[j], lane), n, kind) / kind(n)
        dx[i] = [fma(kind(0) - h[j], q, g[j] - s) * r for j in range(n)]
    return y, dx, column_sum(dy, normal), column_sum(dy)


def batch_norm(x: Any, w: Any, b: Any, epsilon: float, dy: Any) -> tuple[Any, Any, Any, Any]:
    """y, dx, dw and db of BatchNorm in training."""
    kind, batch = x.dtype.type, x.dtype.type(len(x))
    mean = column_sum(x) / batch
    d = x - mean
    v = column_sum(d, d) / batch
    r = kind(1) / np.sqrt(v + kind(epsilon))
    h = d * r
    y, dx = np.empty_like(x), np.empty_like(x)
    dw, db = column_sum(dy, h), column_sum(dy)
    for i, j in np.ndindex(*x.shape):
        y[i, j] = fma(h[i, j], w[j], b[j])
        rest = fma(kind(0) - h[i, j], dw[j] / batch, dy[i, j] - db[j] / batch)
        dx[i, j] = rest * (w[j] * r[j])
    return y, dx, dw, db
