"""Orthogonal: orthonormal to the last digits, Haar-distributed, the same bytes everywhere."""

from hashlib import sha256

import compute_twin
import numpy as np
import pytest
import stream_twin

import initcore as ic
from initcore import Key

KEY = Key(7) / "rnn" / "weight"
# What float32 may leave of the identity; the digits of float64 are 2^29 times finer.
BOUND = {np.float32: 1e-6, np.float64: 1e-6 * 2.0**-28}


def deviation(w: np.ndarray) -> float:
    w = w.astype(np.float64)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    return float(abs(product - np.eye(len(product))).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape",
    [
        *((n, n) for n in (1, 2, 3, 16, 63, 64, 65, 129, 512)),
        *[(1, 9), (9, 1), (64, 65), (70, 300), (300, 70), (1024, 256)],
    ],
)
def test_rows_or_columns_are_orthonormal(shape: tuple[int, int], dtype: type) -> None:
    assert deviation(ic.Orthogonal()(shape, key=KEY, dtype=dtype)) < BOUND[dtype]


def test_small_matrices_of_many_keys_are_orthonormal() -> None:
    init = ic.Orthogonal()
    assert (
        max(deviation(init((n, n), key=KEY / i)) for i in range(60) for n in (2, 5, 9, 33)) < 2e-7
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1024, 1024), (4096, 512), (2048, 2048)])
def test_large_matrices_are_orthonormal_to_one_part_in_a_million(shape: tuple[int, int]) -> None:
    for seed in range(3):
        assert deviation(ic.Orthogonal()(shape, key=Key(seed) / "w")) < 1e-6


# ---- the bytes of the page ----


def twin(rows: int, columns: int, kind: type, gain: float) -> np.ndarray:
    """The section "Orthogonal matrices" of docs/stream-v1.md, written out."""
    stream = stream_twin.Stream(KEY.seed, KEY.path)
    element = stream.normal32 if kind is np.float32 else stream.normal64
    n, m = min(rows, columns), max(rows, columns)
    f64 = np.float64
    u, p = np.zeros((n, m), kind), np.zeros((n, m), kind)
    tau = np.zeros(n)

    def squares(v: np.ndarray) -> np.float64:
        lane = [f64(0)] * 16
        for i, x in enumerate(v.astype(f64)):
            lane[i % 16] += x * x
        for step in (8, 4, 2, 1):
            lane = [lane[i] + lane[i + step] for i in range(step)]
        return lane[0]

    def total(a: np.ndarray, b: np.ndarray, of: type, old: object = None) -> object:
        return compute_twin.total(a.astype(of), b.astype(of), of, old)

    for k in range(n):
        x = np.array([element(k * m + j, 0.0, 1.0) for j in range(k, m)], kind)
        a, r = f64(x[0]), np.sqrt(squares(x))
        scale = 1 / np.sqrt(r * (r + abs(a)))
        u[k, k:] = x.astype(f64) * scale
        u[k, k] = (a - r if a < 0 else a + r) * scale
        tau[k] = 2 / squares(u[k, k:])
    for k0 in range((n - 1) // 64 * 64, -1, -64):
        k1 = min(k0 + 64, n)
        b = k1 - k0
        block = u[k0:k1]
        s = np.array([[total(x[k0:], y[k0:], f64) for y in block] for x in block])
        joined = np.zeros((b, b))
        for i in reversed(range(b)):
            for j in range(i, b):
                t = f64(-1 if i == j else 0)
                for k in range(i + 1, j + 1):
                    t = compute_twin.fma(-s[i, k], joined[k, j], t)
                joined[i, j] = t * tau[k0 + i]
        z = np.array(
            [[total(block[:, k0 + i], joined[a], f64) for a in range(b)] for i in range(b)]
        )
        for i in range(b):
            for c in range(k0, m):
                value = total(z[i], block[:, c], f64)
                p[k0 + i, c] = value + 1 if c == k0 + i else value
        joined = joined.astype(kind)
        for i in range(k1, n):
            w = np.array([total(p[i, k1:], block[a, k1:], kind) for a in range(b)], kind)
            z = np.array([total(w, joined[a], kind) for a in range(b)], kind)
            for c in range(k0, m):
                p[i, c] = total(z, block[:, c], kind, p[i, c])
    for k in range(n):
        p[k] *= kind(gain) if u[k, k] < 0 else -kind(gain)
    return p if rows <= columns else p.T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (6, 6), (9, 5), (4, 20)])
def test_small_matrices_have_the_bytes_of_the_page(
    isa: str, shape: tuple[int, int], dtype: type
) -> None:
    got = ic.Orthogonal(gain=1.1)(shape, key=KEY, dtype=dtype)
    assert got.tobytes() == twin(*shape, dtype, 1.1).tobytes()


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_blocks_have_the_bytes_of_the_page(dtype: type) -> None:
    got = ic.Orthogonal()((70, 67), key=KEY, dtype=dtype)
    assert got.tobytes() == twin(70, 67, dtype, 1.0).tobytes()


DIGESTS = {
    ("float32", (130, 130)): "2cbcdedbaab64da6c972aef80609868617ca5bc064a2b8e5ed467985dde06090",
    ("float64", (130, 130)): "ab26af60b97871c5588cf83a5686ad22ebbfee6f88e1cbd30d7a4249b0e12bf0",
    ("float32", (400, 70)): "df0d4cbdb2cfb5f15a5ad075e8edf7f9ccd1d706d364ec8d65edfed1f803b6be",
    ("float32", (65, 600)): "2ebb69f107a38b9ac38ad9ff41f1080c9ad2c14746b156b6438b9d732b6a3710",
}


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("case", DIGESTS, ids=str)
def test_digests_hold(isa: str, case: tuple[str, tuple[int, int]], threads: int) -> None:
    dtype, shape = case
    with ic.num_threads(threads):
        w = ic.Orthogonal(gain=0.7)(shape, key=KEY, dtype=dtype)
    assert sha256(w.tobytes()).hexdigest() == DIGESTS[case]


# ---- the law ----


def sample(n: int, m: int, count: int) -> np.ndarray:
    init = ic.Orthogonal()
    return np.stack([init((n, m), key=KEY / i, dtype=np.float64) for i in range(count)])


def test_traces_are_those_of_the_haar_law() -> None:
    n, count = 8, 4000
    trace = np.trace(sample(n, n, count), axis1=1, axis2=2)
    # E tr = 0, E tr^2 = 1, E tr^4 = 3 for the orthogonal group; without the signs of the
    # reflections E tr is -1.6 and E tr^2 is 3
    assert abs(trace.mean()) < 5 / np.sqrt(count)
    assert abs((trace**2).mean() - 1) < 5 * np.sqrt(2 / count)


def test_both_signs_of_the_determinant_are_equally_likely() -> None:
    for n in (1, 2, 5):
        signs = np.linalg.det(sample(n, n, 2000))
        assert np.allclose(abs(signs), 1)
        assert abs(signs.mean()) < 5 / np.sqrt(2000)


@pytest.mark.parametrize(("n", "m"), [(6, 6), (3, 6), (6, 3)])
def test_every_element_has_the_law_of_a_coordinate_on_the_sphere(n: int, m: int) -> None:
    from scipy.stats import beta, kstest

    long = max(n, m)
    w = sample(n, m, 1500)
    law = beta(0.5, (long - 1) / 2)  # of the square of a coordinate of a uniform direction
    for i in range(n):
        for j in range(m):
            # false alarm 1e-6 for each of the 36 elements
            assert kstest(w[:, i, j] ** 2, law.cdf).pvalue > 1e-6
            assert abs(np.sign(w[:, i, j]).mean()) < 5 / np.sqrt(1500)


def test_elements_are_uncorrelated_within_and_between_rows() -> None:
    n, count = 4, 6000
    flat = sample(n, n, count).reshape(count, -1)
    covariance = flat.T @ flat / count - np.eye(n * n) / n
    # variances of products of elements are below 3 / n^2
    assert abs(covariance).max() < 5.5 * np.sqrt(3 / n**2 / count)


def test_traces_of_powers_spread_the_eigenvalues_as_the_haar_law_does() -> None:
    n, count = 16, 1500
    w = sample(n, n, count)
    power = w
    for j in range(2, 6):
        power = power @ w
        trace = np.trace(power, axis1=1, axis2=2)
        # Diaconis and Shahshahani (1994): tr Q^j has mean 1 for even j, else 0, and variance j;
        # independent phases would have variance n
        assert abs(trace.mean() - (j % 2 == 0)) < 5 * np.sqrt(j / count)
        assert abs(trace.var() - j) < 5 * j * np.sqrt(2 / count)


# ---- shapes, layouts, parts ----


@pytest.mark.parametrize("gain", [0.5, -2.0, 0.0])
def test_gain_multiplies_every_element_once(gain: float) -> None:
    one, scaled = (ic.Orthogonal(g)((20, 30), key=KEY) for g in (1.0, gain))
    assert np.array_equal(scaled, one * np.float32(gain))


def test_a_tall_matrix_is_the_transpose_of_the_wide_one() -> None:
    tall, wide = (ic.Orthogonal()(shape, key=KEY) for shape in ((90, 70), (70, 90)))
    assert np.array_equal(tall, wide.T)


def test_a_convolution_is_the_flattened_matrix_in_every_layout() -> None:
    init = ic.Orthogonal()
    matrix = init((12, 30), key=KEY)
    assert np.array_equal(init((12, 5, 3, 2), key=KEY).reshape(12, 30), matrix)
    hwio = init((3, 2, 5, 12), key=KEY, layout="HWIO")
    assert np.array_equal(hwio.transpose(3, 2, 0, 1).reshape(12, 30), matrix)
    assert np.array_equal(init((30, 12), key=KEY, layout="io"), matrix.T)


@pytest.mark.parametrize("shape", [(40, 30), (30, 40)])
@pytest.mark.parametrize("index", [np.s_[3:9, ::2], np.s_[::-1], np.s_[4], np.s_[:, -3:0:-1]])
def test_a_block_is_that_part_of_the_whole(shape: tuple[int, int], index: object) -> None:
    whole = ic.Orthogonal()(shape, key=KEY)
    assert np.array_equal(ic.Orthogonal().block(shape, index, key=KEY), whole[index])


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (70, 70)])
def test_strided_memory_gets_the_same_elements_and_no_others(shape: tuple[int, int]) -> None:
    whole = ic.Orthogonal()(shape, key=KEY)
    for view in (np.s_[::-1, 1::2], np.s_[1:-1, ::-2]):
        memory = np.full((shape[0] + 2, 2 * shape[1]), np.nan, np.float32)
        rows = memory[1:-1] if view[0] == np.s_[::-1] else memory
        target = rows[view]
        assert np.array_equal(ic.Orthogonal().fill(target, key=KEY), whole)
        assert np.isnan(memory).sum() == memory.size - whole.size


def test_shapes_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for shape in ((4, 7), (7, 4), (6, 2, 3), (3, 4, 2, 2)):
        theirs = torch.nn.init.orthogonal_(torch.empty(shape)).numpy()
        ours = ic.Orthogonal()(shape, key=KEY)
        for w in (theirs, ours):
            assert deviation(w.reshape(shape[0], -1)) < 1e-6


def test_what_is_no_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="out axis and an in axis"):
        ic.Orthogonal()((5,), key=KEY)
    with pytest.raises(ValueError, match="gain"):
        ic.Orthogonal(gain=float("inf"))
    with pytest.raises(TypeError, match="key"):
        ic.Orthogonal()((5, 5))
    assert ic.Orthogonal()((0, 5), key=KEY).shape == (0, 5)


@pytest.mark.parametrize("convention", ["initcore", "torch", "keras", "jax"])
def test_every_convention_knows_the_name(convention: str) -> None:
    assert ic.initializers.get("orthogonal", convention=convention) == ic.Orthogonal()
