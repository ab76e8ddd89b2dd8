"""The baseline's products without FMA hardware: every sum as one fma would round it."""

from typing import Any

import compute_twin as twin
import numpy as np
import pytest

from initcore import kernels

needs_baseline = pytest.mark.skipif(
    "baseline" not in kernels.isas_available(), reason="this build has no baseline"
)
HARDWARE = [name for name in kernels.isas_available() if name != "baseline"]


def numbers(
    rng: np.random.Generator, count: int, bits: int, low: int, high: int, kind: type
) -> np.ndarray:
    """Signed numbers with `bits` significant bits and exponents from `low` to `high`."""
    significand = rng.integers(1 << (bits - 1), 1 << bits, count) * 2.0 ** (1 - bits)
    sign = rng.choice([-1.0, 1.0], count)
    return (sign * np.ldexp(significand, rng.integers(low, high + 1, count))).astype(kind)


Ranges = tuple[tuple[int, int, int], ...]


def families(kind: type) -> dict[str, Ranges]:
    """(bits, lowest, highest exponent) of a, b and c in fma(a, b, c)."""
    digits, least = (24, -149) if kind is np.float32 else (53, -1074)
    top = 127 if kind is np.float32 else 1023
    half = least // 2
    return {
        "one range": ((digits, -2, 2), (digits, -2, 2), (digits, -2, 2)),
        "every exponent": ((digits, least, top), (digits, -20, 20), (digits, least, top)),
        # p has few bits, so p + c is often exactly half way between two numbers
        "ties": ((digits // 2, -3, 3), (digits // 2 + 1, -3, 3), (digits, -2, digits + 2)),
        "subnormal sums": (
            (digits, half - 3, half + 30), (digits, half - 3, half + 3), (digits, least, least + 30)
        ),
        "tiny products": (
            (digits, least, half), (digits, least, half), (digits, least, least + 40)
        ),
        "overflow": ((digits, top // 2, top), (digits, 0, top // 2 + 2), (digits, top - 2, top)),
    }  # fmt: skip


def beside_ties(rng: np.random.Generator, count: int, kind: type, case: str) -> list[np.ndarray]:
    """Sums that miss the middle of two numbers by less than double can tell.

    (1 + u e)(1 - u e) = 1 - u^2 e^2: a half unit of c, less a crumb of 2^-46 of it; or a product
    that is such a middle itself, and a c that is the crumb.
    """
    digits, least = (24, -149) if kind is np.float32 else (53, -1074)
    sign = [rng.choice([-1.0, 1.0], count) for _ in range(3)]
    if case == "a crumb in c":
        one = 1 + rng.integers(0, 2 ** (digits // 2 - 1), (2, count)) * 2.0 ** (1 - digits // 2)
        odd = one + 2.0 ** (
            -(digits // 2)
        )  # a product of two has the bit 2^-24, and it is the last
        c = np.ldexp(1.0, rng.integers(-4 * digits, -2 * digits, count))
        return [(s * v).astype(kind) for s, v in zip(sign, (*odd, c), strict=True)]
    small = rng.integers(1, 4, (2, count)) * 2.0 ** (1 - digits)
    if case == "a crumb in p":
        c = rng.integers(2 ** (digits - 1), 2**digits, count) * 2.0 ** (1 - digits)
        scale = (0, -digits)
    else:  # "a crumb below subnormals": the half unit is that of the subnormals
        c = np.ldexp(rng.integers(1, 2 ** (digits - 1), count).astype(float), least)
        scale = (-40, least - 1 + 40)
    a, b = np.ldexp(1 + small[0], scale[0]), np.ldexp(1 - small[1], scale[1])
    return [(s * v).astype(kind) for s, v in zip(sign, (a, b, c), strict=True)]


CRUMBS = ("a crumb in c", "a crumb in p", "a crumb below subnormals")
FAMILIES = (*families(np.float32), *CRUMBS)


def all_fmas(a: np.ndarray, b: np.ndarray, c: np.ndarray, isa: str) -> np.ndarray:
    """fma(a[i], b[j], c[j]) for every pair, as the second step of products of two terms."""
    kernels._select_isa(isa)
    kind = a.dtype.type
    # where c is subnormal it is made by a product of larger numbers, because the kernel looks for
    # small operands
    first = kind(2.0**-40) if np.abs(c).max() < 2.0**-60 else kind(1)
    x = np.stack([np.full_like(a, first), a], axis=1)
    return kernels.dense_forward(x, np.stack([c / first, b], axis=1), save=False)


def triples(family: str, kind: type, count: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    if family in CRUMBS:
        return beside_ties(rng, count, kind, family)
    return [numbers(rng, count, *range_, kind) for range_ in families(kind)[family]]


@pytest.fixture(autouse=True)
def restore_isa() -> Any:
    before = kernels.isa()
    yield
    kernels._select_isa(before)


@needs_baseline
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("family", FAMILIES)
def test_baseline_fma_is_exact(family: str, kind: type) -> None:
    a, b, c = triples(family, kind, 24, seed=1)
    with np.errstate(all="ignore"):
        expected = np.array([[twin.fma(u, v, w) for v, w in zip(b, c, strict=True)] for u in a])
    assert all_fmas(a, b, c, "baseline").tobytes() == expected.astype(kind).tobytes()


@needs_baseline
@pytest.mark.skipif(not HARDWARE, reason="no instruction set with FMA hardware to compare with")
@pytest.mark.parametrize("family", FAMILIES)
def test_baseline_fma_agrees_with_hardware(family: str) -> None:
    a, b, c = triples(family, np.float32, 700, seed=2)
    assert all_fmas(a, b, c, "baseline").tobytes() == all_fmas(a, b, c, HARDWARE[-1]).tobytes()


@needs_baseline
@pytest.mark.slow
@pytest.mark.skipif(not HARDWARE, reason="no instruction set with FMA hardware to compare with")
@pytest.mark.parametrize("seed", range(3, 7))
@pytest.mark.parametrize("family", FAMILIES)
def test_baseline_fma_agrees_with_hardware_on_millions(family: str, seed: int) -> None:
    a, b, c = triples(family, np.float32, 2000, seed)  # 4 million triples a case, 144 in all
    assert all_fmas(a, b, c, "baseline").tobytes() == all_fmas(a, b, c, HARDWARE[-1]).tobytes()


@pytest.mark.parametrize("family", CRUMBS)
def test_rounding_twice_goes_wrong_in_the_families_made_for_it(family: str) -> None:
    a, b, c = triples(family, np.float32, 24, seed=1)
    twice = (np.outer(a.astype(np.float64), b) + c).astype(np.float32)
    exact = np.array([[twin.fma(u, v, w) for v, w in zip(b, c, strict=True)] for u in a])
    assert np.mean(twice != exact) > 0.05
