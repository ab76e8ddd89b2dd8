"""Training a network for some epochs, as users of each library write it.

Every call starts from the same weights and gives the mean loss of its last epoch. NumPy takes the
order of initcore; those of other libraries differ, and with them the losses, a little.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import initcore as ic
from initcore import kernels
from initcore._bench import reference
from initcore.training import loop

Array = NDArray[Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Job:
    """A network, its data and its training; `samples` is a multiple of `batch`.

    `optimizer` is "momentum", lr 0.05 and 0.9 of it, or "adam", lr 0.001.
    """

    widths: tuple[int, ...]
    activation: str
    optimizer: str
    batch: int
    samples: int
    epochs: int

    def data(self) -> tuple[Array, NDArray[np.int64]]:
        """Samples and classes that depend on them, so that there is something to learn."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.samples, self.widths[0])).astype(np.float32)
        return x, x[:, : self.widths[-1]].argmax(axis=1)

    def network(self, seed: int = 0) -> ic.Sequential:
        """The network at its start."""
        last = len(self.widths) - 2
        net = ic.Sequential(
            *(
                ic.Dense(n_in, n_out, "identity" if at == last else self.activation)
                for at, (n_in, n_out) in enumerate(pairwise(self.widths))
            )
        )
        net.initialize(ic.HeNormal() if self.activation == "relu" else None, key=seed)
        return net

    def rule(self) -> Any:
        """The optimizer of initcore."""
        return ic.SGD(0.05, 0.9) if self.optimizer == "momentum" else ic.Adam(0.001)


def with_initcore(job: Job, probes: ic.Probes | None = None) -> Call:
    """Through `Sequential.fit`."""
    x, labels = job.data()
    net = job.network()
    start = [p.copy() for p in net.parameters().values()]
    options: dict[str, Any] = {"epochs": job.epochs, "batch_size": job.batch, "key": 0}

    def call() -> float:
        for p, value in zip(net.parameters().values(), start, strict=True):
            p[...] = value
        return net.fit(x, labels, optimizer=job.rule(), probes=probes, **options).loss[-1]

    return call


def with_numpy(job: Job) -> Call:
    """A plain loop over the NumPy twins of the kernels, in the order that initcore takes."""
    x, labels = job.data()
    last = len(job.widths) - 2
    layers = [
        (w, b, "identity" if at == last else job.activation)
        for at, (w, b) in enumerate(_arrays(job))
    ]

    orders = [loop.shuffled_order(ic.Key(0), epoch, job.samples) for epoch in range(job.epochs)]

    def call() -> float:
        p: list[Any] = [(w.copy(), b.copy(), phi) for w, b, phi in layers]
        step = _numpy_adam() if job.optimizer == "adam" else _numpy_momentum()
        losses: list[float] = []
        for order in orders:
            losses = []
            for at in range(0, job.samples, job.batch):
                batch = order[at : at + job.batch]
                saved: list[Any] = []
                y: Any = x[batch]
                for w, b, phi in p:
                    inputs = y
                    y, kept = reference.dense_forward(inputs, w, b, activation=phi)
                    saved.append((inputs, kept))
                loss, dy = reference.softmax_cross_entropy(y, labels[batch])
                losses.append(loss)
                moves: list[tuple[Any, Any]] = []
                for i in reversed(range(len(p))):
                    (w, b, phi), (inputs, kept) = p[i], saved[i]
                    need = ("dx", "dw", "db") if i else ("dw", "db")
                    gradients: Any = reference.dense_backward(
                        dy, inputs, w, kept, activation=phi, need=need
                    )
                    dy, dw, db = gradients
                    moves += [(w, dw), (b, db)]
                step(moves)
        return float(np.mean(losses))

    return call


Step = Callable[[list[tuple[Any, Any]]], None]


def _numpy_momentum() -> Step:
    v: list[Any] = []

    def step(moves: list[tuple[Any, Any]]) -> None:
        if not v:
            v.extend(np.zeros_like(p) for p, _ in moves)
        for (p, g), velocity in zip(moves, v, strict=True):
            reference.sgd_step(p, g, velocity, lr=0.05, momentum=0.9)

    return step


def _numpy_adam() -> Step:
    state: list[tuple[Any, Any]] = []
    powers = [1.0, 1.0]

    def step(moves: list[tuple[Any, Any]]) -> None:
        if not state:
            state.extend((np.zeros_like(p), np.zeros_like(p)) for p, _ in moves)
        powers[:] = powers[0] * 0.9, powers[1] * 0.999
        rate, root = 0.001 / (1 - powers[0]), math.sqrt(1 - powers[1])
        for (p, g), (first, second) in zip(moves, state, strict=True):
            first *= 0.9
            first += 0.1 * g
            second *= 0.999
            second += 0.001 * (g * g)
            p -= rate * first / (np.sqrt(second) / root + 1e-8)

    return step


def with_torch(job: Job) -> Call:
    """Eager, with torch's fastest optimizer of the kind."""
    torch: Any = import_module("torch")
    x, labels = (torch.from_numpy(a) for a in job.data())
    phi = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[job.activation]
    layers: list[Any] = []
    net = job.network()
    for layer in net.layers:
        layers += [torch.nn.Linear(*reversed(layer.parameter_shapes["w"])), phi()]
    model = torch.nn.Sequential(*layers[:-1])
    start = [torch.from_numpy(p.copy()) for p in net.parameters().values()]

    def call() -> float:
        with torch.no_grad():
            for p, value in zip(model.parameters(), start, strict=True):
                p.copy_(value)
        if job.optimizer == "adam":
            rule = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
        else:
            rule = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
        losses: list[Any] = []
        for _ in range(job.epochs):
            losses = []
            order = torch.randperm(job.samples)
            for at in range(0, job.samples, job.batch):
                batch = order[at : at + job.batch]
                loss = torch.nn.functional.cross_entropy(model(x[batch]), labels[batch])
                rule.zero_grad()
                loss.backward()
                rule.step()
                losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    return call


def with_jax(jax: Any, job: Job) -> Call:
    """An epoch in one scan."""
    jnp: Any = jax.numpy
    x, labels = (jax.device_put(a) for a in job.data())
    phi = {"relu": jax.nn.relu, "tanh": jnp.tanh}[job.activation]
    start = [(jnp.asarray(w.T), jnp.asarray(b)) for w, b in _arrays(job)]

    def mean_loss(p: Any, x: Any, labels: Any) -> Any:
        for w, b in p[:-1]:
            x = phi(x @ w + b)
        z = x @ p[-1][0] + p[-1][1]
        picked = jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1)
        return -jnp.mean(picked)

    def momentum(p: Any, v: Any, g: Any, t: Any) -> Any:
        v = jax.tree.map(lambda v, g: 0.9 * v + g, v, g)
        return jax.tree.map(lambda p, v: p - 0.05 * v, p, v), v

    def adam(p: Any, v: Any, g: Any, t: Any) -> Any:
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, v[0], g)
        s = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, v[1], g)
        rate = jnp.float32(0.001) / (1 - jnp.float32(0.9) ** t)
        root = jnp.sqrt(1 - jnp.float32(0.999) ** t)
        p = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) / root + 1e-8), p, m, s)
        return p, (m, s)

    rule = adam if job.optimizer == "adam" else momentum

    def step(carry: Any, batch: Any) -> Any:
        p, v, t = carry
        loss, g = jax.value_and_grad(mean_loss)(p, *batch)
        return (*rule(p, v, g, t + 1), t + 1), loss

    def whole_epoch(carry: Any, key: Any) -> Any:
        order = jax.random.permutation(key, job.samples)
        cut = (job.samples // job.batch, job.batch)
        return jax.lax.scan(step, carry, (x[order].reshape(*cut, -1), labels[order].reshape(cut)))

    epoch = jax.jit(whole_epoch)

    def call() -> float:
        zeros = jax.tree.map(jnp.zeros_like, start)
        state = (zeros, zeros) if job.optimizer == "adam" else zeros
        carry: Any = (start, state, jnp.float32(0))
        losses: Any = None
        for key in jax.random.split(jax.random.key(0), job.epochs):
            carry, losses = epoch(carry, key)
        return float(losses.mean())

    return call


def _arrays(job: Job) -> list[tuple[Any, Any]]:
    return [(layer.w, layer.b) for layer in job.network().layers]


def at_once(job: Job, networks: int, threads: int) -> dict[str, Call]:
    """So many networks, from Python threads with one kernel thread each, and one by one."""
    x, labels = job.data()
    options: dict[str, Any] = {"epochs": job.epochs, "batch_size": job.batch, "key": 0}

    def one(seed: int) -> float:
        net = job.network(seed)
        return net.fit(x, labels, optimizer=job.rule(), **options).loss[-1]

    pool = ThreadPoolExecutor(threads, initializer=kernels._override_threads, initargs=(1,))

    def alone() -> float:
        with ic.num_threads(1):
            return float(np.mean([one(seed) for seed in range(networks)]))

    return {
        "initcore": lambda: float(np.mean(list(pool.map(one, range(networks))))),
        "initcore one by one": alone,
    }


def calls(job: Job, jax: Any, wanted: Sequence[str]) -> dict[str, Call]:
    """The calls by implementation."""
    found = {"initcore": with_initcore(job), "numpy": with_numpy(job)}
    if "torch" in wanted:
        found["torch"] = with_torch(job)
    if "jax" in wanted:
        found["jax"] = with_jax(jax, job)
    return found
