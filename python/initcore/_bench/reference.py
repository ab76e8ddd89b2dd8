"""The NumPy twins of the kernels: the plain way to write each operation.

They are what a kernel is compared with, in value and in time; nothing but tests and benchmarks
imports them. The arguments are those of `initcore.kernels`, except that a fill takes a
`numpy.random.Generator` as its key: NumPy has no stream that is a function of the element.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _law(activation: Any) -> tuple[str, tuple[float, ...]]:
    if not isinstance(activation, str):
        return str(activation.name), tuple(activation.parameters)
    return activation, (0.01,) if activation == "leaky_relu" else ()


def _activate(z: Array, activation: Any) -> None:
    """phi(z), in place."""
    name, parameters = _law(activation)
    if name == "identity":
        return
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "leaky_relu":
        np.copyto(z, z * z.dtype.type(parameters[0]), where=z < 0)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        # 1 / (1 + exp(-z)), in the form that cannot overflow
        np.multiply(z, 0.5, out=z)
        np.tanh(z, out=z)
        z += 1
        z *= 0.5
    else:
        raise ValueError(f"activation={name!r} has no NumPy twin")


def _dz(dy: Array, y: Array, activation: Any) -> Array:
    """dy * dphi, with dphi written as a function of the output y."""
    name, parameters = _law(activation)
    if name == "identity":
        return dy
    if name == "relu":
        return np.asarray(np.where(y > 0, dy, dy.dtype.type(0)))
    if name == "leaky_relu":
        return np.asarray(np.where(y > 0, dy, dy * dy.dtype.type(parameters[0])))
    if name == "tanh":
        return np.asarray(dy * (1 - y * y))
    if name == "sigmoid":
        return np.asarray(dy * (y * (1 - y)))
    raise ValueError(f"activation={name!r} has no NumPy twin")


def dense_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    activation: Any = "identity",
    save: bool = True,
    out: Array | None = None,
) -> Any:
    """y = phi(x w^T + b); x (batch, n_in), w (n_out, n_in), b (n_out,), y (batch, n_out)."""
    with np.errstate(over="ignore", invalid="ignore"):
        y = np.matmul(x, w.T, out=out)
        if b is not None:
            y += b
        _activate(y, activation)
    return (y, y) if save else y


def dense_backward(
    dy: Array,
    x: Array,
    w: Array,
    saved: Array,
    *,
    activation: Any = "identity",
    need: Sequence[str] = ("dx", "dw", "db"),
    out: Mapping[str, Array | None] | Sequence[Array | None] | None = None,
    accumulate: bool = False,
) -> tuple[Array | None, Array | None, Array | None]:
    """dz = dy phi'(z); dx = dz w, dw = dz^T x, db = the sum of dz over the batch."""
    if out is None:
        out = (None, None, None)
    elif isinstance(out, Mapping):
        out = (out.get("dx"), out.get("dw"), out.get("db"))
    with np.errstate(over="ignore", invalid="ignore"):
        dz = _dz(dy, saved, activation)
        formulas: dict[str, Callable[[Array | None], Array]] = {
            "dx": lambda to: np.matmul(dz, w, out=to),
            "dw": lambda to: np.matmul(dz.T, x, out=to),
            "db": lambda to: np.asarray(np.sum(dz, axis=0, out=to)),
        }
        gradients: list[Array | None] = []
        for (name, formula), target in zip(formulas.items(), out, strict=True):
            if name not in need:
                gradients.append(None)
            elif accumulate and target is not None:
                target += formula(None)
                gradients.append(target)
            else:
                gradients.append(formula(target))
    dx, dw, db = gradients
    return dx, dw, db


def softmax_cross_entropy(
    logits: Array, labels: NDArray[np.int64], *, out: Array | None = None
) -> tuple[float, Array]:
    """The mean of -log softmax(logits)[label] over the batch, and its gradient."""
    rows = np.arange(len(labels))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        shifted = np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
        picked = shifted[rows, labels]
        dlogits = np.exp(shifted, out=shifted)
        total = dlogits.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(total[:, 0]) - picked, dtype=np.float64))
        dlogits /= total
        dlogits[rows, labels] -= 1
        dlogits /= len(labels)
    return loss, dlogits


def mean_squared_error(y: Array, target: Array, *, out: Array | None = None) -> tuple[float, Array]:
    """The mean of (y - target)^2 over all elements, and its gradient."""
    with np.errstate(over="ignore", invalid="ignore"):
        dy = np.subtract(y, target, out=out)
        loss = float(np.mean(np.square(dy), dtype=np.float64))
        dy *= 2 / dy.size
    return loss, dy


def sgd_step(
    parameter: Array,
    gradient: Array,
    velocity: Array | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
) -> None:
    """v = momentum v + gradient; parameter -= lr v; in place."""
    with np.errstate(over="ignore", invalid="ignore"):
        if velocity is None:
            parameter -= lr * gradient
            return
        velocity *= momentum
        velocity += gradient
        parameter -= lr * velocity


def fill_uniform(
    out: Array, *, low: float = 0.0, high: float = 1.0, key: np.random.Generator
) -> Array:
    """U[low, high) from NumPy's generator."""
    key.random(out=out, dtype=out.dtype)
    out *= high - low
    out += low
    return out


def fill_normal(
    out: Array, *, mean: float = 0.0, std: float = 1.0, key: np.random.Generator
) -> Array:
    """N(mean, std^2) from NumPy's generator."""
    key.standard_normal(out=out, dtype=out.dtype)
    out *= std
    out += mean
    return out


def fill_truncated_normal(
    out: Array,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    key: np.random.Generator,
) -> Array:
    """N(mean, std^2) cut to [low, high]: draw, and draw again what fell outside."""
    fill_normal(out, mean=mean, std=std, key=key)
    flat = out.reshape(-1)
    outside = np.flatnonzero((flat < low) | (flat > high))
    while len(outside):
        again = key.standard_normal(len(outside), dtype=out.dtype)
        again *= std
        again += mean
        flat[outside] = again
        outside = outside[(again < low) | (again > high)]
    return out


def orthogonal(rows: int, columns: int, dtype: str, rng: np.random.Generator) -> Array:
    """The Q of a Gaussian matrix, with signs that make it Haar-distributed; transposed if wide."""
    long, short = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(rng.standard_normal((long, short), np.dtype(dtype)))
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T
