"""Signs, masks and sparse columns: the bytes of the page, and the laws they promise."""

from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
import stream_twin

import initcore as ic
from initcore import Key, kernels

SEED, PATH = 0xFEDC_BA98_7654_3210, ("layers", "3", "weight")
KEY = Key(SEED) / "layers" / 3 / "weight"


def zeros(shape: tuple[int, int], k: int, dtype: type = np.float32, key: Key = KEY) -> np.ndarray:
    """Ones, but for k zeros per column."""
    strides = ((1, 0), (0, 1))
    stream = key.stream_id("permutation")
    return kernels._zero_columns(
        np.ones(shape, dtype), shape[0], k, key.seed, stream, (0, 0), strides
    )


# ---- the bytes of the page ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", [0, 1, 127, 128 * 31 + 77, 2**39 + 3])
def test_signs_are_those_of_the_page(isa: str, dtype: type, first: int) -> None:
    twin = stream_twin.Stream(SEED, PATH, "sign")
    out = np.zeros(300, dtype)
    kernels._fill("sign", out, (0.25,), KEY.seed, KEY.stream_id("sign"), first)
    assert out.tolist() == [twin.sign(i, 0.25) for i in range(first, first + 300)]


@pytest.mark.parametrize("p", [0.0, 2.0**-32, 0.3, 0.5, 1.0 - 2.0**-32, 1.0])
def test_masks_are_those_of_the_page(isa: str, p: float) -> None:
    twin = stream_twin.Stream(SEED, PATH, "mask")
    mask = kernels.random_mask(np.zeros(400, bool), p=p, key=KEY)
    assert mask.tolist() == [twin.stays(i, p) for i in range(400)]


@pytest.mark.parametrize(("n", "columns"), [(1, 3), (2, 65), (7, 64), (50, 9), (1000, 2)])
def test_sparse_columns_are_those_of_the_page(isa: str, n: int, columns: int) -> None:
    twin = stream_twin.Stream(SEED, PATH, "permutation")
    k = (2 * n + 2) // 3
    stays = [[twin.place(row, c, n) >= k for c in range(columns)] for row in range(n)]
    assert np.array_equal(zeros((n, columns), k), stays)


DIGESTS = {
    "sign": "aebd7d4ee0b9b7acadb9e8639907931606b723616fdcc1f7e6a0fe90b734f572",
    "mask": "39c5f818df993d0bef2d44581b8630bdad4bfb57cb6cd86a712d63a93e052d35",
    "sparse": "69e77807e516cf0e08a5bbbf47b481970ee0c7e3935d991cc2f33c9e61007340",
}


def made(name: str) -> np.ndarray:
    if name == "sign":
        return ic.Sign(scale=0.1)((123, 457), key=KEY)
    if name == "mask":
        return kernels.random_mask(np.zeros(100_003, bool), p=0.7, key=KEY)
    return ic.Sparse(0.8, std=0.5)((600, 131), key=KEY)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("name", DIGESTS)
def test_digests_hold(isa: str, name: str, threads: int) -> None:
    with ic.num_threads(threads):
        assert sha256(made(name).tobytes()).hexdigest() == DIGESTS[name]


# ---- signs ----


def test_signs_are_even_and_independent_of_values_and_neighbors() -> None:
    n = 1 << 20
    signs = kernels.fill_sign(np.empty(n, np.float64), key=KEY)
    values = kernels.fill_normal(np.empty(n, np.float64), key=KEY)
    # each is a mean of n terms of variance 1: false alarm 6e-7 per comparison
    bound = 5 / np.sqrt(n)
    assert abs(signs.mean()) < bound
    assert abs((signs * values).mean()) < bound
    for lag in (1, 2, 31, 32, 127, 128, 4096):
        assert abs((signs[lag:] * signs[:-lag]).mean()) < 1.01 * bound


def test_sign_of_a_negative_scale_is_the_other_sign() -> None:
    a, b = (ic.Sign(scale)((40, 5), key=KEY) for scale in (0.3, -0.3))
    assert np.array_equal(a, -b)


# ---- masks ----


def test_a_mask_holds_what_one_of_smaller_p_holds_in_about_the_right_number() -> None:
    n = 1 << 18
    small, large = (kernels.random_mask(np.empty(n, bool), p=p, key=KEY) for p in (0.2, 0.6))
    assert not (small & ~large).any()
    for mask, p in ((small, 0.2), (large, 0.6)):
        assert abs(mask.mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_a_mask_is_written_through_strides() -> None:
    memory = np.zeros((300, 3), bool)
    kernels.random_mask(memory[::-1, 1], p=0.5, key=KEY)
    whole = kernels.random_mask(np.zeros(300, bool), p=0.5, key=KEY)
    assert np.array_equal(memory[::-1, 1], whole)
    assert not memory[:, ::2].any()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_mask_refuses_what_is_no_probability(p: float) -> None:
    out = np.ones(5, bool)
    with pytest.raises(ValueError, match="p="):
        kernels.random_mask(out, p=p, key=KEY)
    assert out.all()


def test_a_mask_refuses_other_types() -> None:
    with pytest.raises(TypeError, match="must be bool"):
        kernels.random_mask(np.zeros(3, np.uint8), p=0.5, key=KEY)


# ---- sparse columns ----


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (8, 3), (9, 4)])
def test_every_subset_of_rows_is_equally_likely(n: int, k: int) -> None:
    from scipy.stats import chi2

    columns = 200_000
    chosen = zeros((n, columns), k) == 0
    assert (chosen.sum(axis=0) == k).all()
    codes = (chosen * (1 << np.arange(n))[:, None]).sum(axis=0)
    counts = np.bincount(codes, minlength=1 << n)
    subsets = [sum(1 << row for row in rows) for rows in combinations(range(n), k)]
    assert counts[subsets].sum() == columns
    expected = columns / len(subsets)
    statistic = ((counts[subsets] - expected) ** 2 / expected).sum()
    # false alarm 1e-6 on each side
    assert chi2.ppf(1e-6, len(subsets) - 1) < statistic < chi2.ppf(1 - 1e-6, len(subsets) - 1)


@pytest.mark.parametrize(("n", "k"), [(64, 16), (257, 128), (1000, 900)])
def test_rows_and_pairs_of_rows_are_chosen_as_often_as_they_should(n: int, k: int) -> None:
    columns = 4096
    chosen = (zeros((n, columns), k) == 0).astype(np.float64)
    p1 = k / n
    z = (chosen.sum(axis=1) - columns * p1) / np.sqrt(columns * p1 * (1 - p1))
    assert abs(z).max() < 6  # 1000 rows: false alarm 2e-6
    p2 = p1 * (k - 1) / (n - 1)
    pairs = (chosen @ chosen.T)[np.triu_indices(n, 1)]
    z = (pairs - columns * p2) / np.sqrt(columns * p2 * (1 - p2))
    assert abs(z).max() < 7  # 5e5 pairs: false alarm 1.3e-6
    assert abs(z.std() - 1) < 1.6 / np.sqrt(n)  # 5 times the spread seen in 60 keys at n = 64


def test_neighboring_columns_and_keys_choose_independently() -> None:
    n, k, columns = 40, 20, 20_000
    a = zeros((n, columns), k) == 0
    b = zeros((n, columns), k, key=KEY / "other") == 0
    variance = (k * (n - k) / n) ** 2 / (n - 1)  # of the overlap of two random subsets
    for left, right in ((a[:, 1:], a[:, :-1]), (a, b)):
        overlap = (left & right).sum(axis=0)
        error = abs(overlap.mean() - k * k / n)
        assert error < 5 * np.sqrt(variance / columns)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_sparse_has_the_zeros_of_torch_and_the_values_of_normal(sparsity: float) -> None:
    w = ic.Sparse(sparsity, std=0.5)((30, 17), key=KEY)
    dense = ic.Normal(std=0.5)((30, 17), key=KEY)
    assert ((w == 0).sum(axis=0) == np.ceil(sparsity * 30)).all()
    assert np.array_equal(w, np.where(w == 0, np.float32(0), dense))


def test_sparse_matches_torch_in_its_count() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for rows, sparsity in ((10, 0.7), (100, 0.07), (30, 0.1), (33, 1 / 3)):
        theirs = torch.nn.init.sparse_(torch.empty(rows, 4), sparsity)
        ours = ic.Sparse(sparsity)((rows, 4), key=KEY)
        assert (ours == 0).sum() == int((theirs == 0).sum())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "index", [np.s_[3:20, 5:70], np.s_[::-2, 3], np.s_[7], np.s_[:, -1], np.s_[5:1:-1, 2::3]]
)
def test_a_block_of_a_sparse_tensor_is_that_part_of_the_whole(dtype: type, index: object) -> None:
    init = ic.Sparse(0.6)
    whole = init((50, 71), key=KEY, dtype=dtype)
    assert np.array_equal(init.block((50, 71), index, key=KEY, dtype=dtype), whole[index])


def test_a_sparse_layer_is_the_same_in_every_layout() -> None:
    init = ic.Sparse(0.6)
    oihw = init((12, 5, 3, 2), key=KEY)
    hwio = init((3, 2, 5, 12), key=KEY, layout="HWIO")
    assert np.array_equal(hwio.transpose(3, 2, 0, 1), oihw)
    assert ((oihw == 0).sum(axis=0) == 8).all()
    view = np.full((3, 2, 10, 12), np.nan, np.float32)[:, ::-1, ::2]
    assert np.array_equal(init.fill(view, key=KEY, layout="HWIO"), hwio)


def test_sparse_needs_two_axes() -> None:
    with pytest.raises(ValueError, match="out axis and an in axis"):
        ic.Sparse(0.5)((5,), key=KEY)
    assert ic.Sparse(0.5)((0, 5), key=KEY).shape == (0, 5)
    assert ic.Sparse(0.5)((5, 0), key=KEY).shape == (5, 0)


@pytest.mark.parametrize("wrong", [{"sparsity": 1.5}, {"sparsity": float("nan")}, {"std": -1.0}])
def test_sparse_refuses_what_is_no_law(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ic.Sparse(**wrong)


@pytest.mark.parametrize("name", ["sparse", "sparse_"])
def test_the_names_of_torch_are_known(name: str) -> None:
    assert ic.initializers.get(name, convention="torch") == ic.Sparse()
    assert ic.initializers.get("sign") == ic.Sign()


def test_a_mask_ends_with_its_stream() -> None:
    last = np.empty(8, bool)
    kernels.random_mask(last, p=0.5, key=ic.Key(0), first=2**64 - 8)
    with pytest.raises(ValueError, match=r"first=18446744073709551609 leaves no 8 elements"):
        kernels.random_mask(last, p=0.5, key=ic.Key(0), first=2**64 - 7)
    kernels.random_mask(np.empty(0, bool), p=0.5, key=ic.Key(0), first=2**64 - 1)
