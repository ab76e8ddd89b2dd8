"""The benchmark cases: every kernel at real sizes, ours and others' on the same data.

A case makes its calls and checks them: `prepare` asserts that every implementation gives what the
NumPy twin gives (for a fill, what its law says) before it hands out anything to be timed.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore._bench import epochs, peers, reference
from initcore.initializers import GlorotUniform, Normal, Orthogonal, spread_of
from initcore.keys import Key

Array = NDArray[Any]
Call = Callable[[], Any]
Check = Callable[[Any], None]

DENSE_SHAPES = (
    (1, 64, 64),
    (32, 64, 64),
    (32, 256, 256),
    (128, 784, 256),
    (256, 512, 512),
    (512, 1024, 1024),
    (1024, 2048, 2048),
    (64, 4096, 1024),
)
"""(batch, n_in, n_out): from a single sample to the layers of a language model."""

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Case:
    """One operation at one size.

    Attributes
    ----------
    family : str
        "fill", "orthogonal", "dense", "loss", "sgd" or "train".
    name : str
        What `--cases` selects by.
    short : bool
        Whether it belongs to the short version.
    make : callable
        Gives the calls by implementation, and the function that checks a result.
    large : bool
        Whether a single call takes a noticeable part of a second.
    products : tuple of str and float, or None
        The type and the number of multiplications and additions, where these are the work.
    """

    family: str
    name: str
    short: bool
    make: Callable[[Sequence[str]], tuple[dict[str, Call], Callable[[Any], None]]]
    large: bool = False
    products: tuple[str, float] | None = None

    def prepare(self, wanted: Sequence[str]) -> dict[str, Call]:
        """The calls by implementation, "initcore" and "numpy" and the peers wanted, all checked.

        Raises
        ------
        AssertionError
            If an implementation gives something else than it should.
        """
        calls, check = self.make(wanted)
        for name, call in calls.items():
            try:
                check(call())
            except AssertionError as error:
                raise AssertionError(f"{self.name}: {name} is wrong: {error}") from None
        return calls


def _near(found: Array, expected: Array, terms: int) -> None:
    """Assert equality up to the rounding of sums of so many terms, in the norm of the array."""
    tolerance = terms * np.finfo(expected.dtype).eps
    error = np.linalg.norm(np.asarray(found, np.float64) - expected)
    scale = np.linalg.norm(expected.astype(np.float64))
    assert error <= tolerance * scale, f"relative error {error / scale:.2g} above {tolerance:.2g}"


def _dense(batch: int, n_in: int, n_out: int, activation: str, dtype: str) -> Case:
    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Callable[[Any], None]]:
        rng = np.random.default_rng(0)
        x, dy = (rng.standard_normal((batch, n)).astype(dtype) for n in (n_in, n_out))
        w = (rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)).astype(dtype)
        b = (0.1 * rng.standard_normal(n_out)).astype(dtype)

        def layer(operations: Any) -> Call:
            y = np.empty((batch, n_out), dtype)
            out = (np.empty_like(x), np.empty_like(w), np.empty_like(b))
            forward, backward = operations.dense_forward, operations.dense_backward

            def call() -> tuple[Array, ...]:
                _, saved = forward(x, w, b, activation=activation, out=y)
                backward(dy, x, w, saved, activation=activation, out=out)
                return (y, *out)

            return call

        calls = {"initcore": layer(kernels), "numpy": layer(reference)}
        calls |= peers.dense(wanted, x, w, b, dy, activation)
        expected = [array.copy() for array in calls["numpy"]()]

        def check(found: Sequence[Array]) -> None:
            # the longest sum of each result, and 20 roundings for activation and bias
            terms = (n_in, n_out + n_in, batch + n_in, batch + n_in)
            for one, right, length in zip(found, expected, terms, strict=True):
                _near(one, right, length + 20)

        return calls, check

    short = activation == "relu" and dtype == "float32" and batch * n_in * n_out <= 128 * 784 * 256
    name = f"dense-{activation}-{dtype}-{batch}x{n_in}x{n_out}"
    lengths = batch * n_in * n_out
    return Case("dense", name, short, make, lengths > 2**30, (dtype, 6.0 * lengths))


def _loss(loss: str, batch: int, n_out: int, dtype: str) -> Case:
    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Callable[[Any], None]]:
        rng = np.random.default_rng(0)
        y = rng.standard_normal((batch, n_out)).astype(dtype)
        target: Array = rng.integers(0, n_out, batch)
        if loss == "mean_squared_error":
            target = rng.standard_normal((batch, n_out)).astype(dtype)

        def ready(operations: Any) -> Call:
            operation, out = getattr(operations, loss), np.empty_like(y)
            return lambda: operation(y, target, out=out)

        calls = {"initcore": ready(kernels), "numpy": ready(reference)}
        calls |= peers.loss(wanted, loss, y, target)
        value, gradient = calls["numpy"]()
        gradient = gradient.copy()

        def check(found: tuple[float, Array]) -> None:
            _near(np.asarray(found[0]), np.asarray(value, dtype), n_out + batch)
            _near(found[1], gradient, n_out + 20)

        return calls, check

    name = f"loss-{loss}-{dtype}-{batch}x{n_out}"
    return Case("loss", name, dtype == "float32" and batch == 128, make)


def _sgd(n: int, dtype: str) -> Case:
    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Callable[[Any], None]]:
        rng = np.random.default_rng(0)
        start, gradient, velocity = (rng.standard_normal(n).astype(dtype) for _ in range(3))
        # small enough for the timed steps to stay far from overflow and from subnormals
        lr, momentum = 1e-6, 0.9

        def ready(operations: Any) -> Call:
            step, p, v = operations.sgd_step, start.copy(), velocity.copy()

            def call() -> tuple[Array, Array]:
                step(p, gradient, v, lr=lr, momentum=momentum)
                return p, v

            return call

        calls = {"initcore": ready(kernels), "numpy": ready(reference)}
        calls |= peers.sgd(wanted, start, gradient, velocity, lr, momentum)
        moved = momentum * velocity + gradient

        def check(found: tuple[Array, Array]) -> None:
            _near(found[0], start - dtype_of(lr) * moved, 4)
            _near(found[1], moved, 4)

        dtype_of = np.dtype(dtype).type
        return calls, check

    return Case("sgd", f"sgd-{dtype}-{n}", dtype == "float32", make)


def _in_bfloat16() -> bool:
    return find_spec("ml_dtypes") is not None


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(import_module("ml_dtypes").bfloat16 if name == "bfloat16" else name)


def law_check(law: str, parameters: Mapping[str, float], dtype: np.dtype[Any]) -> Check:
    """That a sample has the mean and the standard deviation of its law, and keeps its bounds."""
    kind = law.replace("uncut", "truncated")  # whose bounds are too far away to cut anything
    std = spread_of((kind, tuple(parameters.values()))).std

    def check(found: Array) -> None:
        sample = np.asarray(found, np.float64).reshape(-1)
        n = len(sample)
        # six sigma of the mean and of the standard deviation
        assert abs(sample.mean()) < 6 * std / np.sqrt(n), f"mean {sample.mean():.3g}"
        assert abs(sample.std() / std - 1) < 6 / np.sqrt(2 * n), f"std {sample.std():.3g}"
        if "high" in parameters:
            edge = dtype.type(parameters["high"])
            assert np.abs(sample).max() <= edge, f"a value beyond {edge}"

    return check


def _fill(law: str, n: int, dtype: str, isa: str | None = None) -> Case:
    """One law; beside the peers, how fast memory is written, and a plain normal of our own."""
    parameters = {
        "uniform": {"low": -0.1, "high": 0.1},
        "normal": {"mean": 0.0, "std": 0.02},
        "truncated_normal": {"mean": 0.0, "std": 0.02, "low": -0.04, "high": 0.04},
        "uncut_normal": {"mean": 0.0, "std": 0.02, "low": -2.0, "high": 2.0},
    }[law]
    operation = "truncated_normal" if law == "uncut_normal" else law

    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Check]:
        kind = _dtype(dtype)
        out, key = np.empty(n, kind), Key(0) / "bench"
        fill = getattr(kernels, f"fill_{operation}")

        def ours() -> Array:
            fill(out, key=key, **parameters)
            return out

        def with_isa() -> Array:
            before = kernels.isa()
            kernels._select_isa(isa if isa in kernels.isas_available() else before)
            try:
                return ours()
            finally:
                kernels._select_isa(before)

        wide = np.empty(n, np.float32 if kind.itemsize == 2 else kind)
        twin, rng = getattr(reference, f"fill_{operation}"), np.random.default_rng(0)

        def with_numpy() -> Array:
            twin(wide, key=rng, **parameters)
            return wide if wide.dtype == kind else wide.astype(kind)

        right, plain = ours().copy(), np.empty(n, kind)

        def memset() -> Array:
            ctypes.memset(plain.ctypes.data, 1, plain.nbytes)
            return right  # there is nothing to check

        def normal() -> Array:
            kernels.fill_normal(plain, std=0.02, key=key)
            return right

        calls = {"initcore": with_isa if isa else ours, "numpy": with_numpy}
        calls |= peers.fill(wanted, operation, n, dtype, parameters)
        if law == "normal":
            calls |= peers.mkl_normal(wanted, n, dtype, parameters)
        if n >= 2**20:
            calls["memset"] = memset
        if operation == "truncated_normal":
            calls["initcore normal"] = normal
        return calls, law_check(law, parameters, kind)

    short = dtype == "float32" and n == 2**20 and law != "uncut_normal" and isa is None
    name = f"fill-{law}-{dtype}-{n}" + (f"-{isa}" if isa else "")
    return Case("fill", name, short, make, large=n > 2**22)


def _layer(n: int, holder: str = "numpy") -> Case:
    """A small layer by its initializer, as a model's constructor calls it.

    `holder` says whose array it is: a torch tensor is looked at by rules of its own.
    """
    limit = float(np.sqrt(3 / n))

    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Check]:
        out: Any = np.empty((n, n), np.float32)
        if holder == "torch":
            out = import_module("torch").empty(n, n)
        init, key, rng = GlorotUniform(), Key(0) / "bench", np.random.default_rng(0)
        calls: dict[str, Call] = {
            "initcore": lambda: init.fill(out, key=key),
            "numpy": lambda: rng.uniform(-limit, limit, (n, n)).astype(np.float32),
        }
        if holder == "numpy":
            calls["initcore kernel"] = lambda: kernels.fill_uniform(
                out, low=-limit, high=limit, key=key
            )
        calls |= peers.glorot_uniform(wanted, n)
        law = {"low": -limit, "high": limit}
        return calls, law_check("uniform", law, np.dtype(np.float32))

    name = f"fill-glorot_uniform-float32-{n}x{n}" + (f"-{holder}" if holder != "numpy" else "")
    return Case("fill", name, False, make)


def _transposed(rows: int, columns: int) -> Case:
    """A layer stored as (in, out), beside the same layer stored as (out, in)."""

    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Check]:
        out, init, key = np.empty((rows, columns), np.float32), Normal(std=0.02), Key(0) / "bench"
        canonical, rng = np.empty((rows, columns), np.float32), np.random.default_rng(0)
        calls: dict[str, Call] = {
            "initcore": lambda: init.fill(out, key=key, layout="io"),
            "numpy": lambda: reference.fill_normal(out, std=0.02, key=rng),
            "initcore canonical": lambda: init.fill(canonical, key=key),
        }
        calls |= peers.fill(wanted, "normal", rows * columns, "float32", {"mean": 0.0, "std": 0.02})
        return calls, law_check("normal", {"mean": 0.0, "std": 0.02}, np.dtype(np.float32))

    return Case("fill", f"fill-normal_io-float32-{rows}x{columns}", False, make)


def _orthogonal(rows: int, columns: int, dtype: str) -> Case:
    """A matrix with orthonormal rows or columns, Haar-distributed."""

    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Callable[[Any], None]]:
        out, key, rng = np.empty((rows, columns), dtype), Key(0) / "bench", np.random.default_rng(0)
        init = Orthogonal()
        calls: dict[str, Call] = {
            "initcore": lambda: init.fill(out, key=key),
            "numpy": lambda: reference.orthogonal(rows, columns, dtype, rng),
        }
        calls |= peers.orthogonal(wanted, rows, columns, dtype)

        def check(found: Array) -> None:
            w = np.asarray(found, np.float64)
            product = w @ w.T if rows <= columns else w.T @ w
            error = abs(product - np.eye(len(product))).max()
            limit = 50 * np.finfo(dtype).eps  # what factorizations in the type itself leave
            assert error < limit, f"{error:.2g} from orthonormal"

        return calls, check

    large = rows * columns > 2**16
    name = f"orthogonal-{dtype}-{rows}x{columns}"
    return Case("orthogonal", name, dtype == "float32" and rows == columns == 1024, make, large)


def _train(job: epochs.Job, networks: int = 1, large: bool = True) -> Case:
    """Some epochs through `Sequential.fit`; with several networks, at once on two threads."""

    def make(wanted: Sequence[str]) -> tuple[dict[str, Call], Check]:
        if networks > 1:
            calls = epochs.at_once(job, networks, kernels.get_num_threads())
        else:
            calls = epochs.calls(job, peers.on_cpu() if "jax" in wanted else None, wanted)
        expected = calls["initcore"]()
        if "numpy" in calls:
            # the same steps in float32, whose roundings some hundred steps have let grow
            other = calls["numpy"]()
            assert abs(other - expected) <= 1e-3 * other, f"loss {expected:.6g}, not {other:.6g}"

        def check(found: float) -> None:
            # another order of the samples; a step that is wrong ends elsewhere altogether
            assert abs(found - expected) <= 0.25 * expected, f"loss {found:.4g}, not {expected:.4g}"

        return calls, check

    shape = "-".join(map(str, job.widths)) if len(job.widths) < 9 else f"{len(job.widths)}x64"
    name = f"train-{job.activation}-{job.optimizer}-{shape}-by{job.batch}"
    name += f"-{networks}networks" if networks > 1 else ""
    return Case("train", name, False, make, large)


SMALL_TRAINING = epochs.Job((64, 128, 64, 10), "tanh", "momentum", 32, 1504, 10)

CASES = (
    *(_fill(law, n, dtype)
      for law in ("uniform", "normal", "truncated_normal")
      for dtype in DTYPES
      for n in (2**10, 2**16, 2**20)),
    *(_fill(law, 2**26, "float32") for law in ("uniform", "normal", "truncated_normal")),
    *(_fill("normal", 2**22, dtype)
      for dtype in ("float16", *(["bfloat16"] if _in_bfloat16() else []))),
    _fill("uncut_normal", 2**20, "float32"),
    _fill("normal", 2**20, "float32", isa="avx2"),
    _layer(64),
    *([_layer(64, "torch")] if find_spec("torch") else []),
    _transposed(2048, 2048),
    *(_orthogonal(*shape, dtype)
      for dtype in DTYPES
      for shape in ((64, 64), (256, 256), (1024, 1024), (4096, 512))),
    *(_dense(*shape, activation, dtype)
      for activation in ("relu", "tanh")
      for dtype in DTYPES
      for shape in DENSE_SHAPES),
    *(_loss(loss, *shape, dtype)
      for loss in ("softmax_cross_entropy", "mean_squared_error")
      for dtype in DTYPES
      for shape in ((128, 10), (256, 1000))),
    *(_sgd(784 * 256, dtype) for dtype in DTYPES),
    _train(SMALL_TRAINING, large=False),
    _train(epochs.Job((*[64] * 51, 10), "tanh", "momentum", 64, 512, 2)),
    _train(epochs.Job((784, 512, 512, 10), "relu", "adam", 128, 1280, 10)),
    _train(SMALL_TRAINING, networks=24),
)  # fmt: skip


def select(patterns: Sequence[str] | None) -> list[Case]:
    """The cases whose names match any of the patterns; without patterns the short version.

    A pattern is a piece of a name, or a whole name with * and ? in it.
    """
    if not patterns:
        return [case for case in CASES if case.short]
    for pattern in patterns:
        if not any(_matches(case, pattern) for case in CASES):
            examples = ", ".join(case.name for case in CASES if case.short)
            raise ValueError(
                f"cases={pattern!r} matches no case: give a piece of a name, or * for all; "
                f"names are such as {examples}"
            )
    return [case for case in CASES if any(_matches(case, pattern) for pattern in patterns)]


def _matches(case: Case, pattern: str) -> bool:
    return pattern in case.name or fnmatchcase(case.name, pattern)
