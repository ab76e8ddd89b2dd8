"""Orthogonal matrices' kin, and starts against dead units: each by what it promises."""

import math
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers
from initcore.initializers import Initializer

KEY = ic.Key(9) / "isometric"


def draw(init: Initializer, *shape: int, **arguments: Any) -> Any:
    return init(shape, key=KEY, dtype=np.float64, **arguments)


@pytest.mark.parametrize("shape", [(96, 24), (24, 96), (40, 40)])
def test_scaled_orthogonal_keeps_the_mean_square_of_wide_and_narrow_layers(
    shape: tuple[int, int],
) -> None:
    w = draw(initializers.ScaledOrthogonal(), *shape)
    x = np.random.default_rng(0).normal(size=(4000, shape[1]))
    # exact where no input direction is lost; a mean over 4000 x 24 squares otherwise
    tolerance = 1e-12 if shape[0] >= shape[1] else 5 * math.sqrt(2 / (4000 * shape[0]))
    assert ((x @ w.T) ** 2).mean() / (x**2).mean() == pytest.approx(1.0, abs=tolerance)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_a_delta_orthogonal_convolution_keeps_every_length(ndim: int) -> None:
    torch = pytest.importorskip("torch")
    w = draw(initializers.DeltaOrthogonal(), 8, 4, *(3,) * ndim)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 4, *(5,) * ndim)))
    layer = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[ndim](
        4, 8, 3, padding=1, padding_mode="circular", bias=False, dtype=torch.float64
    )
    layer.weight.data[...] = torch.from_numpy(w)
    assert float(layer(x).detach().norm() / x.norm()) == pytest.approx(1.0, abs=1e-14)


def test_delta_orthogonal_refuses_what_cannot_keep_lengths() -> None:
    with pytest.raises(ValueError, match="at least as many outputs as inputs, not 4 for 8"):
        draw(initializers.DeltaOrthogonal(), 4, 8, 3)
    with pytest.raises(ValueError, match="spatial axis"):
        draw(initializers.DeltaOrthogonal(), 8, 4)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("spatial", [(3,), (3, 5), (1, 3, 3)])
def test_a_dirac_convolution_is_the_identity_and_pytorchs(
    spatial: tuple[int, ...], groups: int
) -> None:
    torch = pytest.importorskip("torch")
    shape = (8, 8 // groups, *spatial)
    w = initializers.Dirac()(shape, groups=groups)
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups=groups)
    assert (w == theirs.numpy()).all()
    x = torch.randn(2, 8, *(6,) * len(spatial))
    function = getattr(torch.nn.functional, f"conv{len(spatial)}d")
    y = function(x, torch.from_numpy(w), padding="same", groups=groups)
    assert (y == x).all()
    wide = initializers.Dirac()((12, 4, *spatial), groups=4)
    assert (wide == torch.nn.init.dirac_(torch.empty(12, 4, *spatial), groups=4).numpy()).all()


def test_a_looks_linear_network_is_the_product_of_its_matrices() -> None:
    pairs = [("out", (12, 5)), ("both", (12, 12)), ("both", (8, 12)), ("in", (3, 8))]
    x = np.random.default_rng(2).normal(size=(7, 5))
    h, product = x, np.eye(5)
    for place, (mirror, shape) in enumerate(pairs):
        w = initializers.LooksLinear(mirror)(shape, key=KEY / place, dtype=np.float64)
        h = h @ w.T
        h = np.maximum(h, 0.0) if mirror != "in" else h
        rows = shape[0] // 2 if mirror != "in" else shape[0]
        columns = shape[1] // 2 if mirror != "out" else shape[1]
        w0 = w[:rows, :columns]
        gram = w0 @ w0.T if rows <= columns else w0.T @ w0
        assert np.abs(gram - np.eye(len(gram))).max() < 1e-12
        product = w0 @ product
    assert np.abs(h - x @ product.T).max() < 1e-12
    with pytest.raises(ValueError, match="5 inputs must be even"):
        draw(initializers.LooksLinear(), 4, 5)


def test_zero_is_identity_or_hadamard() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    assert (draw(initializers.ZerO(), 5, 5) == np.eye(5)).all()
    assert (draw(initializers.ZerO(), 3, 7) == np.eye(3, 7)).all()
    wide = draw(initializers.ZerO(), 100, 40)
    hadamard = linalg.hadamard(128) / math.sqrt(128)
    assert wide == pytest.approx(np.eye(100, 128) @ hadamard @ np.eye(128, 40), abs=1e-15)
    # Sylvester's matrix has only 64 distinct rows over 40 columns
    assert len({row.tobytes() for row in wide}) == 64
    conv = draw(initializers.ZerO(), 4, 4, 3, 3)
    assert conv.sum() == 4
    assert (conv[:, :, 1, 1] == np.eye(4)).all()


def test_randomized_asymmetric_rows_have_one_entry_from_a_beta_law() -> None:
    n_in, rows = 50, 20_000
    a = draw(initializers.RandomizedAsymmetric(), rows, n_in + 1)
    sigma = math.sqrt(1 + 8 / (9 * math.pi)) - 2 * math.sqrt(2) / (3 * math.sqrt(math.pi))
    plain = draw(ic.Normal(std=0.6007473091 / math.sqrt(n_in)), rows, n_in + 1)
    assert sigma == pytest.approx(0.6007473091, abs=1e-10)
    changed = a != plain
    assert (changed.sum(axis=1) == 1).all()
    u = a[changed]
    assert u.min() >= 0
    assert u.max() < 1
    # E u = 2/3, E u^2 = 1/2; variances 1/18 and 1/12, 5 standard errors
    assert u.mean() == pytest.approx(2 / 3, abs=5 / math.sqrt(18 * rows))
    assert (u**2).mean() == pytest.approx(1 / 2, abs=5 / math.sqrt(12 * rows))
    counts = changed.sum(axis=0)
    expected = rows / (n_in + 1)
    assert np.abs(counts - expected).max() < 5 * math.sqrt(expected)


def test_an_asymmetric_start_is_rarely_born_dead_and_hes_is_often() -> None:
    depth, width, networks = 10, 2, 400
    x = np.linspace(-1, 1, 101)
    dead = {"he": 0, "asymmetric": 0}
    for network in range(networks):
        for name in dead:
            h = x[:, None]
            for layer in range(depth):
                key = KEY / name / network / layer
                shape = (width, h.shape[1])
                if name == "he":
                    z = h @ ic.HeNormal()(shape, key=key, dtype=np.float64).T
                else:
                    a = initializers.RandomizedAsymmetric()(
                        (width, h.shape[1] + 1), key=key, dtype=np.float64
                    )
                    z = h @ a[:, :-1].T + a[:, -1]
                h = np.maximum(z, 0)
            dead[name] += int((h == h[0]).all())
    # the papers' setting: almost 0.88 for a symmetric start; +-5 standard errors of 400
    assert dead["he"] / networks > 0.75
    assert dead["asymmetric"] / networks < 0.45


def test_icnr_upsamples_to_equal_pixels() -> None:
    torch = pytest.importorskip("torch")
    w = draw(initializers.Icnr(4, ic.HeNormal(mode="fan_out")), 12, 5, 3, 3)
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    y = torch.nn.functional.conv2d(x, torch.from_numpy(w), padding=1)
    up = torch.nn.functional.pixel_shuffle(y, 2).numpy()
    for row in range(2):
        for column in range(2):
            assert (up[..., row::2, column::2] == up[..., ::2, ::2]).all()
    small = draw(ic.HeNormal(mode="fan_out"), 3, 5, 3, 3)
    assert (w[::4] == small).all()
    with pytest.raises(ValueError, match="copies=5 must divide the 12 outputs"):
        draw(initializers.Icnr(5), 12, 5, 3, 3)


@pytest.mark.parametrize("shape", [(400, 100), (100, 400), (300, 300)])
def test_spectral_normal_has_its_norm_at_every_shape(shape: tuple[int, int]) -> None:
    w = draw(initializers.SpectralNormal(scale=2.0), *shape)
    norm = 2 * math.sqrt(shape[0] / shape[1])
    # the edge lies a little below its limit, by about n^(-2/3)
    assert 0.93 * norm < np.linalg.norm(w, 2) < 1.02 * norm


@pytest.mark.parametrize("shape", [(400, 100), (100, 400), (300, 300), (10, 4000)])
def test_spectral_normal_is_the_papers_width_but_for_a_factor_up_to_2(
    shape: tuple[int, int],
) -> None:
    fan_out, fan_in = shape
    (_, std) = initializers.SpectralNormal().law(initializers.fans(shape))[1]
    papers = min(1.0, math.sqrt(fan_out / fan_in)) / math.sqrt(fan_in)
    assert 1.0 <= papers / std <= 2.0 + 1e-12
