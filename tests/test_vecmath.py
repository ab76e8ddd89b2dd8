"""exp, log, tanh and sigmoid of the kernels: within a few ulp, and the twin's bytes."""

import compute_twin as twin
import mpmath as mp
import numpy as np
import pytest

from initcore import kernels

FUNCTIONS = ("exp", "log", "tanh", "sigmoid")
# largest error in ulp that tools and tests have seen, rounded up: float32, float64
BOUNDS = {"exp": (1.1, 1.1), "log": (1.1, 1.1), "tanh": (2.6, 2.7), "sigmoid": (2.1, 2.1)}
EXACT = {
    "exp": mp.exp,
    "log": mp.log,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
}
RANGES = {
    "exp": {np.float32: (-104, 89), np.float64: (-746, 710)},
    "tanh": {np.float32: (-9.5, 9.5), np.float64: (-21, 21)},
    "sigmoid": {np.float32: (-104, 20), np.float64: (-746, 40)},
}


def points(function: str, kind: type, count: int) -> np.ndarray:
    """A grid over the range where something happens, and values next to 0 and to the ends."""
    info = np.finfo(kind)
    if function == "log":
        grid = np.concatenate([
            np.exp(np.linspace(np.log(float(info.tiny)), np.log(float(info.max)), count)),
            np.linspace(0.5, 2, count),
            1 + np.linspace(-1e-3, 1e-3, count // 4),
            np.geomspace(float(info.smallest_subnormal), float(info.tiny), 50),
        ]).astype(kind)  # fmt: skip
        return grid[grid > 0]
    low, high = RANGES[function][kind]
    near_zero = np.geomspace(float(info.tiny), 1, count // 8)
    grid = np.concatenate([
        np.linspace(low, high, count), np.linspace(-1, 1, count), near_zero, -near_zero,
        np.log(2) * (np.arange(-40, 40) + 0.5),  # where the reduction changes sides
    ])  # fmt: skip
    ends = np.array([low, high], kind)
    return np.concatenate([grid.astype(kind), ends, np.nextafter(ends, kind(0))])


def error_in_ulp(function: str, x: np.ndarray, y: np.ndarray) -> float:
    """Against mpmath, in units of the spacing of the type at the exact value."""
    kind = y.dtype.type
    info = np.finfo(kind)
    worst = 0.0
    with mp.workprec(120):
        for argument, value in zip(x, y, strict=True):
            exact = EXACT[function](mp.mpf(float(argument)))
            size = abs(exact)
            if size > float(info.max):
                assert value == np.inf or value == info.max
                continue
            exponent = max(mp.frexp(size)[1] - 1, info.minexp) if size else info.minexp
            unit = mp.ldexp(1, int(exponent) - info.nmant)
            worst = max(worst, float(abs(mp.mpf(float(value)) - exact) / unit))
    return worst


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_vecmath_is_within_a_few_ulp(function: str, kind: type) -> None:
    x = points(function, kind, 3000)
    bound = BOUNDS[function][kind is np.float64]
    assert error_in_ulp(function, x, kernels._apply(function, x)) <= bound


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_vecmath_is_within_a_few_ulp_on_a_dense_grid(function: str, kind: type) -> None:
    x = points(function, kind, 30_000)
    bound = BOUNDS[function][kind is np.float64]
    assert error_in_ulp(function, x, kernels._apply(function, x)) <= bound


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_vecmath_agrees_with_the_twin_on_every_byte(function: str, kind: type, isa: str) -> None:
    x = points(function, kind, 40)
    with np.errstate(all="ignore"):
        expected = np.array([getattr(twin, function)(value) for value in x], kind)
    assert kernels._apply(function, x).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_vecmath_gives_the_same_bytes_for_every_isa(function: str, kind: type) -> None:
    x = points(function, kind, 40_001)
    before = kernels.isa()
    results = set()
    for isa in kernels.isas_available():
        kernels._select_isa(isa)
        results.add(kernels._apply(function, x).tobytes())
    kernels._select_isa(before)
    assert len(results) == 1


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_vecmath_has_the_special_values(kind: type, isa: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e3, -1e3], kind)
    expected = {
        "exp": [1, 1, np.inf, 0, np.nan, np.inf, 0],
        "tanh": [0, -0.0, 1, -1, np.nan, 1, -1],
        "sigmoid": [0.5, 0.5, 1, 0, np.nan, 1, 0],
    }
    for function, values in expected.items():
        y = kernels._apply(function, x)
        np.testing.assert_array_equal(y, np.array(values, kind))
        finite = ~np.isnan(y)
        assert np.array_equal(np.signbit(y[finite]), np.signbit(np.array(values)[finite]))
    y = kernels._apply("log", np.array([1, 0, -0.0, np.inf, -1, -np.inf, np.nan], kind))
    np.testing.assert_array_equal(y, [0, -np.inf, -np.inf, np.inf, np.nan, np.nan, np.nan])


def test_sigmoid_and_tanh_are_monotone_and_symmetric() -> None:
    x = np.linspace(-30, 30, 100_001, dtype=np.float32)
    for function in ("tanh", "sigmoid"):
        y = kernels._apply(function, x)
        assert np.all(np.diff(y) >= -2 * np.abs(np.spacing(y[1:])))  # within the stated ulp
    assert np.array_equal(kernels._apply("tanh", -x), -kernels._apply("tanh", x))
