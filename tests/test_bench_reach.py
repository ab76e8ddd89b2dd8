"""The table of the dense layer: how rows over several shapes are put together and judged."""

import math

import pytest

from bench import alone, reach
from bench.targets import Reach
from initcore import kernels
from initcore._bench import peak
from initcore._bench.cases import DENSE_SHAPES

ASKED = Reach(
    ratios={("float32", 1): (1.5, 1.1, 0.97), ("float32", 2): (1.6, None, 1.05)},
    shares={"avx512": {(256, 512, 512): 0.85}},
    layer_overhead=1e-6,
)


def figures(ratio_of, share=0.5):
    """A slow and a fast peer for every shape; `ratio_of` gives the ratio of the fast one."""
    rows = []
    for shape in DENSE_SHAPES:
        case = "dense-relu-float32-" + "x".join(map(str, shape))
        for peer, ratio in (("numpy", ratio_of(shape) + 3), ("jax", ratio_of(shape))):
            rows.append({"case": case, "peer": peer, "ratio": {"median": ratio}})
        if share is not None:
            rows.append({"case": case, "peer": "peak", "ratio": {"median": share}})
    return {"rows": rows}


def measured(found, threads=1, isa="avx512", forced=False):
    rows = reach.rows(found, "float32", threads, isa, ASKED, forced=forced)
    return {row.what: (row.measured, row.met) for row in rows}


def test_the_fastest_peer_of_each_shape_counts():
    found = reach.ratios(figures(lambda shape: 1.25))
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


def test_the_share_of_the_peak_is_its_ratio_and_no_peers():
    rows = measured(figures(lambda shape: 2.0, share=0.9))
    assert rows["share of peak, (256, 512, 512)"] == (0.9, True)
    assert rows["worst"] == (2.0, True)


def test_threads_have_rows_of_their_own():
    rows = measured(figures(lambda shape: 1.06, share=None), threads=2)
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


def test_chains_do_as_much_as_asked():
    for dtype in ("float32", "float64"):
        for flops in (1.0, 6.0 * 64 * 64, 6.0 * 32 * 64 * 64):
            step = kernels._fma_chains(dtype, 1)
            done = peak.chains(dtype, flops)()
            assert abs(done - flops) <= step / 2 or done == step > flops


def test_alone_compares_the_best_of_all_rounds(monkeypatch):
    name = "dense-relu-float32-32x64x64"
    seconds = {"initcore": [2.0, 1.0], "numpy": [6.0, 8.0]}

    def process(request):
        assert request["peers"] == []
        time = seconds[request["alone"]].pop(0)
        return {"measured": {name: [time + 1, time]}, "machine": {}}

    monkeypatch.setattr(alone.peers, "installed", list)
    monkeypatch.setattr(alone.processes, "process", process)
    (row,) = alone.measure([name], 2, quick=True)["rows"]
    assert row["ratio"]["median"] == 6.0
    assert (row["ratio"]["low"], row["ratio"]["high"]) == (3.0, 8.0)
