"""The numbers have the law that they are said to have.

Keys are fixed, so a test passes or fails for good. Each bound is set so that one key in 10^5 would
fail by chance; no key was changed to make a test pass.
"""

import math

import numpy as np
import pytest

from initcore import Key, kernels

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
special = pytest.importorskip("scipy.special", reason="scipy is not installed")

N = 300_000
FALSE_ALARM = 1e-5
KEY = Key(1) / "statistics"
DTYPES = [np.float32, np.float64]
TRUNCATIONS = [
    (-2.0, 2.0),
    (-0.5, 3.0),
    (-8.0, 0.25),
    (1.0, 1.25),
    (4.0, math.inf),  # float32 takes its quantiles in double
    (-21.0, -20.0),
]


def draw(law: str, dtype: type, *p: float, n: int = N, name: str = "x") -> np.ndarray:
    key = KEY / name
    out = np.empty(n, dtype)
    return kernels._fill(law, out, p, key.seed, key.stream_id())


def normal_bound() -> float:
    return stats.norm.isf(FALSE_ALARM / 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_numbers_are_uniform(dtype: type) -> None:
    x = draw("uniform", dtype, -3.0, 5.0)
    assert x.min() >= -3.0
    assert x.max() < 5.0
    assert stats.kstest(x, stats.uniform(-3.0, 8.0).cdf).pvalue > FALSE_ALARM
    counts = np.bincount(((x.astype(float) + 3.0) * 128).astype(int), minlength=1024)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_numbers_are_normal(dtype: type) -> None:
    x = draw("normal", dtype, 0.0, 1.0).astype(float)
    assert stats.kstest(x, "norm").pvalue > FALSE_ALARM
    for power, mean, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        error = (x**power).mean() - mean
        assert abs(error) < normal_bound() * math.sqrt(variance / N)


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_tails_have_the_right_weight(dtype: type) -> None:
    n = 4_000_000
    x = draw("normal", dtype, 0.0, 1.0, n=n, name="tails")
    for sigma in (2, 3, 4, 5):
        for count in (np.count_nonzero(x > sigma), np.count_nonzero(x < -sigma)):
            assert stats.binomtest(count, n, stats.norm.sf(sigma)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_two_numbers_of_a_pair_are_independent(dtype: type) -> None:
    pairs = draw("normal", dtype, 0.0, 1.0).astype(float).reshape(-1, 2)
    first, second = pairs.T
    quadrants = np.bincount((first > 0) * 2 + (second > 0), minlength=4)
    assert stats.chisquare(quadrants).pvalue > FALSE_ALARM
    for f in (lambda z: z, np.square, np.abs):
        assert stats.pearsonr(f(first), f(second)).pvalue > FALSE_ALARM
    angle = np.arctan2(second, first) / (2 * np.pi) + 0.5
    assert stats.kstest(angle, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 64, 128, 256])
def test_neighbors_are_not_correlated(dtype: type, lag: int) -> None:
    x = draw("normal", dtype, 0.0, 1.0).astype(float)
    assert stats.pearsonr(x[:-lag], x[lag:]).pvalue > FALSE_ALARM
    assert stats.pearsonr(np.square(x[:-lag]), np.square(x[lag:])).pvalue > FALSE_ALARM


def test_paths_and_seeds_give_unrelated_numbers() -> None:
    tensors = [draw("normal", np.float32, 0.0, 1.0, name=str(i)) for i in range(4)]
    for seed in (2, 3):
        out = np.empty(N, np.float32)
        tensors.append(kernels.fill_normal(out, key=Key(seed) / "statistics" / "0"))
    correlation = np.corrcoef(np.stack(tensors).astype(float))
    off_diagonal = correlation[np.triu_indices(len(tensors), 1)]
    bound = stats.norm.isf(FALSE_ALARM / 2 / off_diagonal.size) / math.sqrt(N)
    assert np.abs(off_diagonal).max() < bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), TRUNCATIONS)
def test_truncated_numbers_have_the_truncated_law(dtype: type, low: float, high: float) -> None:
    mean, std = 0.25, 0.5
    bounds = mean + std * low, mean + std * high
    x = draw("truncated_normal", dtype, mean, std, *bounds)
    assert x.min() >= bounds[0]
    assert x.max() <= bounds[1]
    z = (x.astype(float) - mean) / std
    # SciPy's law loses digits where both bounds lie in the upper tail, so that one is mirrored
    law = stats.truncnorm(low, high) if low < 0 else stats.truncnorm(-high, -low)
    assert stats.kstest(z if low < 0 else -z, law.cdf).pvalue > FALSE_ALARM
    expected_mean, expected_variance = kernels._truncated_moments(low, high)
    assert abs(z.mean() - expected_mean) < normal_bound() * math.sqrt(expected_variance / N)
    np.testing.assert_allclose(z.var(), expected_variance, rtol=0.05)


def test_bits_are_balanced() -> None:
    words = kernels.random_bits(np.empty(N, np.uint32), key=KEY)
    ones = [np.count_nonzero(words >> np.uint32(bit) & np.uint32(1)) for bit in range(32)]
    bound = stats.norm.isf(FALSE_ALARM / 2 / 32) * math.sqrt(N) / 2
    assert max(abs(count - N / 2) for count in ones) < bound


def distance_squared(uniforms: np.ndarray) -> float:
    """Anderson and Darling's A^2 of numbers that should be uniform on (0, 1)."""
    u = np.sort(uniforms)
    weights = 2 * np.arange(1, len(u) + 1) - 1
    return float(-len(u) - np.mean(weights * (np.log(u) + np.log1p(-u[::-1]))))


# A^2 is a sum of independent squares of weights 1 / (j (j + 1)). Far out the largest weight, 1/2,
# decides and the others leave a factor: P(A^2 > z) nears sqrt(3) P(chi^2_1 > 2 z).
MOST_DISTANCE = stats.chi2.isf(FALSE_ALARM / math.sqrt(3), 1) / 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_numbers_pass_anderson_and_darling_and_fill_equal_bins(dtype: type) -> None:
    u = special.ndtr(draw("normal", dtype, 0.0, 1.0, name="bins").astype(float))
    assert distance_squared(u) < MOST_DISTANCE
    counts = np.bincount((u * 4096).astype(int), minlength=4096)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (-0.5, 3.0), (1.0, 1.25)])
def test_truncated_numbers_pass_anderson_and_darling(dtype: type, low: float, high: float) -> None:
    x = draw("truncated_normal", dtype, 0.0, 1.0, low, high, name="cut").astype(float)
    u = stats.truncnorm(low, high).cdf(x)
    # a float32 may lie on a bound, where the statistic is infinite
    u = np.clip(u, 0.5 / N / 1000, 1 - 0.5 / N / 1000)
    assert distance_squared(u) < MOST_DISTANCE


def test_the_words_of_a_block_are_independent() -> None:
    words = kernels.random_bits(np.empty((N, 4), np.uint32), key=KEY / "block")
    for shift in (28, 14, 0):  # the upper, middle and lower four bits
        nibbles = words >> np.uint32(shift) & np.uint32(15)
        for i, j in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
            counts = np.bincount(nibbles[:, i] * 16 + nibbles[:, j], minlength=256)
            assert stats.chisquare(counts).pvalue > FALSE_ALARM


SIBLINGS = 20_000


@pytest.mark.parametrize("what", ["seeds", "paths"])
def test_siblings_are_independent_and_uniform_at_every_element(what: str) -> None:
    """Elements 0 to 7 of streams whose seeds, or whose names, differ by one."""
    words = np.empty((SIBLINGS, 8), np.uint32)
    layers = KEY / "layers"
    for i in range(SIBLINGS):
        key = Key(i) / "weight" if what == "seeds" else layers / i / "weight"
        kernels.random_bits(words[i], key=key)
    u = (words.astype(float) + 0.5) / 2**32
    for element in range(8):
        assert stats.kstest(u[:, element], "uniform").pvalue > FALSE_ALARM
        cells = (u[:-1, element] * 16).astype(int) * 16 + (u[1:, element] * 16).astype(int)
        # pairs that overlap: every other one is independent of the one before
        for start in (0, 1):
            counts = np.bincount(cells[start::2], minlength=256)
            assert stats.chisquare(counts).pvalue > FALSE_ALARM
    ones = (words[1:] ^ words[:-1]).view(np.uint8)
    share = np.unpackbits(ones).mean()
    assert abs(share - 0.5) < normal_bound() / math.sqrt(ones.size * 8) / 2


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tails_of_a_billion_normal_numbers_have_the_right_weight(dtype: type) -> None:
    part, parts = 1 << 24, 64
    key, sigmas = KEY / "billion", np.arange(3, 7)
    counts, largest = np.zeros((2, len(sigmas)), int), 0.0
    out = np.empty(part, dtype)
    for i in range(parts):
        kernels._fill("normal", out, (0.0, 1.0), key.seed, key.stream_id(), i * part)
        tail = out[np.abs(out) > 3]
        for side, sign in enumerate((1, -1)):
            counts[side] += [np.count_nonzero(sign * tail > sigma) for sigma in sigmas]
        largest = max(largest, float(np.abs(tail).max()))
    for side in range(2):
        for sigma, count in zip(sigmas, counts[side], strict=True):
            test = stats.binomtest(int(count), part * parts, stats.norm.sf(sigma))
            assert test.pvalue > FALSE_ALARM, (side, sigma, count)
    assert largest < (6.67 if dtype == np.float32 else 8.58)
