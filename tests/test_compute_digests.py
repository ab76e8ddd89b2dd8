"""The bytes of compute v1, pinned: recorded digests hold on every machine."""

from pathlib import Path

import numpy as np

from initcore import kernels

DIGESTS = Path(__file__).parent / "data" / "compute_v1_digests.txt"


def values(shape: tuple[int, ...], kind: type, start: int) -> np.ndarray:
    """Numbers in [-1, 1) from integer arithmetic alone (a multiplicative sequence mod 2^61 - 1)."""
    state, out = start, []
    for _ in range(int(np.prod(shape))):
        state = state * 6364136223846793005 % (2**61 - 1)
        out.append((state >> 37) / 2**23 - 1)
    return np.array(out, kind).reshape(shape)


def dense(kind: type, activation: str) -> list[np.ndarray]:
    x, w = values((33, 270), kind, 1), values((45, 270), kind, 2)
    b, dy = values((45,), kind, 3), values((33, 45), kind, 4)
    y, saved = kernels.dense_forward(x, w, b, activation=activation)
    return [y, *kernels.dense_backward(dy, x, w, saved, activation=activation)]


def losses(kind: type) -> list[np.ndarray]:
    z, target = values((300, 19), kind, 5) * kind(8), values((300, 19), kind, 6)
    loss, dz = kernels.softmax_cross_entropy(z, np.arange(300) % 19)
    error, dy = kernels.mean_squared_error(z, target)
    return [np.array([loss, error]), dz, dy]


def training(kind: type) -> list[np.ndarray]:
    """Twenty steps of a network of two layers: every kernel, one after the other."""
    x, labels = values((32, 20), kind, 7), np.arange(32) % 5
    parameters = [values((24, 20), kind, 8), np.zeros(24, kind), values((5, 24), kind, 9)]
    parameters += [np.zeros(5, kind)]
    velocities = [np.zeros_like(p) for p in parameters]
    history = []
    for _ in range(20):
        w1, b1, w2, b2 = parameters
        hidden, saved = kernels.dense_forward(x, w1, b1, activation="tanh")
        logits = kernels.dense_forward(hidden, w2, b2, save=False)
        loss, dlogits = kernels.softmax_cross_entropy(logits, labels)
        dhidden, *second = kernels.dense_backward(dlogits, hidden, w2, None)
        _, *first = kernels.dense_backward(
            dhidden, x, w1, saved, activation="tanh", need=("dw", "db")
        )
        for p, g, v in zip(parameters, (*first, *second), velocities, strict=True):
            kernels.sgd_step(p, g, v, lr=0.1, momentum=0.9)
        history.append(loss)
    assert history[-1] < 0.5 * history[0]
    return [np.array(history), *parameters]


def other_losses(kind: type) -> list[np.ndarray]:
    y, target = values((300, 19), kind, 10) * kind(8), np.abs(values((300, 19), kind, 11))
    weights, labels = np.abs(values((300,), kind, 12)), np.arange(300) % 19
    found = [
        kernels.cross_entropy(y, target, sample_weights=weights),
        kernels.cross_entropy(y, target[0], labels=labels, peaks=target[1]),
    ]
    for error in ("squared", "absolute", "huber", "binary"):
        found.append(kernels.error_loss(error, y, target, a=0.75, b=0.5, sample_weights=weights))
    return [part for loss, dy in found for part in (np.array(loss), dy)]


def optimizers(kind: type) -> list[np.ndarray]:
    found = []
    for rule in ("sgd", "rmsprop", "adam"):
        p, first = values((1009,), kind, 13), np.zeros(1009, kind)
        second = None if rule == "sgd" else np.zeros(1009, kind)
        for step in range(5):
            g = values((1009,), kind, 14 + step)
            numbers = {"lr": 0.05, "momentum": 0.9, "memory": 0.95, "epsilon": 1e-6, "root": 0.5}
            kernels.optimizer_step(rule, p, g, first, second, clip=0.9, decay=0.01, **numbers)
        found += [p, first] + ([] if second is None else [second])
    return [*found, np.array(kernels.sum_of_squares(values((9001,), kind, 20)))]


def other_activations(kind: type) -> list[np.ndarray]:
    z, dy = values((61, 37), kind, 21) * kind(9), values((61, 37), kind, 22)
    found = []
    for name in (
        "relu6", "hardtanh", "hardsigmoid", "softsign", "elu", "selu", "celu", "lecun_tanh",
        "log_sigmoid", "softplus", "prelu", "hardswish", "squareplus", "silu", "quick_gelu", "mish",
        "gelu", "gelu_tanh", "erf", "arctan", "sin",
    ):  # fmt: skip
        y, saved = kernels.activation_forward(z, name)
        found += [y, kernels.activation_backward(dy, saved, name)]
    return found
