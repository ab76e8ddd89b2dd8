"""The table of the dense layer: how rows over several shapes are put together and judged."""

import math

import pytest

from initcore import kernels
from initcore._bench import peak, reach
from initcore._bench.cases import DENSE_SHAPES
from initcore._bench.targets import Reach

ASKED = Reach(
    ratios={("float32", 1): (1.5, 1.1, 0.97), ("float32", 2): (1.6, None, 1.05)},
    shares={"avx512": {(256, 512, 512): 0.85}},
    layer_overhead=1e-6,
)


def figures(ratio_of, seconds=1.0, rate=1e12):
    """A slow and a fast peer for every shape; `ratio_of` gives the ratio of the fast one."""
    rows = []
    for shape in DENSE_SHAPES:
        case = "dense-relu-float32-" + "x".join(map(str, shape))
        for extra in (3.0, 0.0):
            ratio = {"median": ratio_of(shape) + extra}
            rows.append({"case": case, "ratio": ratio, "seconds": seconds + extra})
    return {"rows": rows, "peak": {"float32": rate}}


def measured(found, threads=1, isa="avx512", forced=False):
    rows = reach.rows(found, "float32", threads, isa, ASKED, forced=forced)
    return {row.what: (row.measured, row.met) for row in rows}


def test_the_fastest_peer_of_each_shape_counts():
    found = reach.ratios(figures(lambda shape: 1.25), DENSE_SHAPES)
    assert found == dict.fromkeys(DENSE_SHAPES, 1.25)


def test_a_row_over_shapes_is_their_geometric_mean():
    rows = measured(figures(lambda shape: 4.0 if math.prod(shape) < 2_000_000 else 1.0))
    # two of the eight shapes are small
    assert rows["geometric mean"] == (pytest.approx(4 ** (2 / 8)), False)
    assert rows["geometric mean, large shapes"] == (pytest.approx(1.0), False)
    assert rows["worst"] == (1.0, True)


def test_the_worst_shape_decides_its_row():
    rows = measured(figures(lambda shape: 0.9 if shape == (64, 4096, 1024) else 3.0))
    assert rows["worst"] == (0.9, False)
    assert rows["geometric mean"][1]


def test_the_share_of_the_peak_is_that_of_the_best_run():
    flops = 6.0 * 256 * 512 * 512
    rows = measured(figures(lambda shape: 1.0, seconds=1.0, rate=flops / 0.9))
    assert rows["share of peak, (256, 512, 512)"] == (pytest.approx(0.9), True)


def test_threads_have_rows_of_their_own():
    rows = measured(figures(lambda shape: 1.06), threads=2)
    assert set(rows) == {"geometric mean", "worst"}
    assert rows["worst"] == (1.06, True)


def test_ratios_are_judged_on_any_cpu_but_not_below_what_it_has():
    found = figures(lambda shape: 1.0)
    assert "worst" in measured(found, isa="avx2")
    assert measured(found, isa="avx2", forced=True) == {}
    assert set(measured(found, forced=True)) == {"share of peak, (256, 512, 512)"}


def test_the_peak_counts_every_operation(isa):
    # 12 chains of vectors of at least one element, a product and a sum each
    for dtype, size in (("float32", 4), ("float64", 8)):
        flops = kernels._fma_chains(dtype, 10)
        lanes = flops / (2 * 10 * 12)
        assert lanes in {1, 16 // size, 32 // size, 64 // size}
        assert kernels._fma_chains(dtype, 20) == 2 * flops


def test_the_peak_is_a_rate():
    assert peak.rate("float32") > 1e6
