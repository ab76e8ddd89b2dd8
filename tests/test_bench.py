"""The benchmarks' own rules: how a ratio is judged, and that nothing wrong is ever timed."""

import argparse
import json

import numpy as np
import pytest

from initcore import kernels
from initcore._bench import cases, command, judge, peers, reference
from initcore._bench.targets import TARGETS

CASE = "sgd-float32-200704"


def pairs(*ratios):
    return judge.Pairs(ours=(1.0,) * len(ratios), peer=ratios)


def test_a_ratio_is_the_median_of_the_pairs_of_all_processes():
    ratio = judge.judge([pairs(1.0, 2.0, 9.0), pairs(2.0, 2.5, 3.0), pairs(0.1, 2.0, 2.2)])
    assert ratio.median == 2.0
    assert ratio.processes == (2.0, 2.5, 2.0)
    assert ratio.low <= ratio.median <= ratio.high


def test_the_same_pairs_give_the_same_interval():
    measured = [pairs(*np.random.default_rng(i).uniform(1, 2, 20)) for i in range(3)]
    assert judge.judge(measured) == judge.judge(measured)


def test_the_interval_narrows_with_more_pairs():
    rng = np.random.default_rng(0)
    few, many = ([pairs(*rng.uniform(1, 2, n)) for _ in range(3)] for n in (7, 200))
    few, many = judge.judge(few), judge.judge(many)
    # by the root of 200 / 7, which is above five
    assert 2 * (many.high - many.low) < few.high - few.low


def test_the_interval_holds_the_median_of_the_law_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(40):
        ratio = judge.judge([pairs(*rng.uniform(1, 2, 20)) for _ in range(3)])
        inside += ratio.low <= 1.5 <= ratio.high
    # 38 of 40 are meant, and four sigma of a binomial are 5.5
    assert inside >= 32


def test_a_target_is_met_when_the_interval_reaches_it():
    ratio = judge.Ratio(median=1.0, low=0.9, high=1.1, processes=(1.0,))
    assert ratio.reaches(1.1)
    assert ratio.reaches(0.5)
    assert not ratio.reaches(1.11)


def test_pairs_are_interleaved_in_alternating_order():
    calls = []
    effort = judge.Effort(budget=0.0, sample=0.0)
    found = judge.measure(lambda: calls.append("ours"), lambda: calls.append("peer"), effort)
    assert len(found.ours) == len(found.peer) == 7
    timed = calls[4:]  # one call each to warm up, one each to find the number of loops
    assert timed == (["ours", "peer", "peer", "ours"] * 4)[:14]


def test_a_call_that_takes_three_times_as_long_has_the_ratio_three(monkeypatch):
    now = 0.0

    def takes(seconds):
        def call():
            nonlocal now
            now += seconds

        return call

    monkeypatch.setattr(judge.time, "perf_counter", lambda: now)
    found = judge.judge([judge.measure(takes(0.002), takes(0.006), judge.QUICK)])
    assert (found.low, found.median, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_a_short_call_is_repeated_until_it_can_be_timed():
    counted = []
    judge.measure(lambda: counted.append(1), lambda: None, judge.Effort(0.0, 0.001))
    assert len(counted) > 7 * 1000


def test_names_of_cases_are_distinct_and_targets_name_some():
    names = [case.name for case in cases.CASES]
    assert len(set(names)) == len(names)
    assert {target.case for target in TARGETS} <= set(names)
    families = {"fill", "orthogonal", "dense", "loss", "sgd", "train"}
    assert {case.family for case in cases.CASES} == families


def test_cases_are_selected_by_a_piece_of_the_name_or_a_pattern():
    assert {case.family for case in cases.select(["loss"])} == {"loss"}
    assert cases.select(["*"]) == list(cases.CASES)
    assert [case.name for case in cases.select([CASE])] == [CASE]
    assert all(case.short for case in cases.select(None))
    with pytest.raises(ValueError, match="cases='dence' matches no case"):
        cases.select(["dence"])


SMALL = [
    case
    for case in cases.CASES
    if (case.family != "dense" or case.name.endswith(("-1x64x64", "-32x64x64")))
    and not (case.family in ("fill", "train") and case.large)
]
TRAINING = "train-tanh-momentum-64-128-64-10-by32"


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_every_case_agrees_with_its_numpy_twin(case):
    ours, twin, *others = case.prepare([])
    assert (ours, twin) == ("initcore", "numpy")
    assert all(name == "memset" or name.startswith("initcore ") for name in others)


def test_training_agrees_with_its_numpy_twin_and_with_networks_at_once():
    (case,) = [case for case in cases.CASES if case.name == TRAINING]
    assert list(case.prepare([])) == ["initcore", "numpy"]
    (case,) = cases.select(["24networks"])
    calls, _ = case.make([])
    assert calls["initcore"]() == calls["initcore one by one"]()


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("dense-relu-float32-32x64x64", "dense_backward"),
        ("dense-relu-float32-32x64x64", "dense_forward"),
        ("loss-softmax_cross_entropy-float64-128x10", "softmax_cross_entropy"),
        ("loss-mean_squared_error-float64-128x10", "mean_squared_error"),
        (CASE, "sgd_step"),
        ("fill-uniform-float32-65536", "fill_uniform"),
        ("fill-normal-float32-65536", "fill_normal"),
        ("fill-truncated_normal-float32-65536", "fill_truncated_normal"),
    ],
)
def test_a_wrong_kernel_is_never_timed(monkeypatch, name, kernel):
    """Each kernel in turn leaves one result a thousandth off."""
    right = getattr(kernels, kernel)

    def wrong(*args, **options):
        result = right(*args, **options)
        touched = {"sgd_step": args[0], "dense_forward": options.get("out")}.get(kernel, result)
        while isinstance(touched, tuple):
            touched = touched[1]
        touched *= 1.001 if not kernel.startswith("fill") else 1.1
        return result

    monkeypatch.setattr(kernels, kernel, wrong)
    (case,) = cases.select([name])
    with pytest.raises(AssertionError, match=f"{name}: initcore is wrong"):
        case.prepare([])


KERNELS = [
    "dense-relu-float32-32x64x64",
    "dense-tanh-float64-32x64x64",
    "loss-softmax_cross_entropy-float64-128x10",
    "loss-mean_squared_error-float64-128x10",
    "sgd-float64-200704",
    "fill-truncated_normal-float32-65536",
]


@pytest.mark.parametrize(
    "names",
    [
        KERNELS,
        pytest.param([TRAINING], marks=pytest.mark.slow),
    ],
    ids=["kernels", "training"],
)
def test_peers_that_are_installed_give_the_same(names):
    wanted = [name for name in peers.installed() if name != "mkl_random"]  # has normals alone
    if not wanted:
        pytest.skip("neither torch nor JAX is installed")
    # in a process of its own: JAX warns of every fork of a process that has imported it
    effort = {"budget": 0.0, "sample": 0.0}
    request = {"cases": names, "peers": wanted, "threads": 1, "effort": effort}
    measured = command.process(request)["measured"]
    assert list(measured) == names
    for by_peer in measured.values():
        assert {"numpy", *wanted} <= set(by_peer)


def options(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_command_prints_ratios_and_what_it_ran_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(peers, "installed", list)
    file = tmp_path / "figures.json"
    assert command.run(options("--quick", "--cases", CASE, "--json", str(file))) == 0
    text = capsys.readouterr().out
    figures = json.loads(file.read_text())
    (row,) = figures["rows"]
    assert (row["case"], row["peer"]) == (CASE, "numpy")
    assert row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    for said in (
        CASE,
        "instruction set",
        "threads 1",
        "was checked",
        f"{row['ratio']['median']:.2f}",
    ):
        assert said in text
    assert figures["machine"]["isa"] in kernels.isas_available()
    assert figures["machine"]["threads"] == 1


def test_json_on_standard_output_leaves_the_table_to_standard_error(monkeypatch, capsys):
    monkeypatch.setattr(peers, "installed", list)
    monkeypatch.setattr(command, "measure", lambda *_, **__: figures())
    assert command.run(options("--json", "-")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == figures()
    assert "0.7 missed" in err


def figures():
    return {
        "machine": {
            "cpu": "c", "isa": "avx2", "threads": 1, "initcore": "0", "numpy": "2", "python": "3",
        },
        "processes": 1,
        "level": 0.95,
        "rule": "median",
        "rows": [
            {
                "case": "dense", "peer": "numpy", "seconds": 0.1, "peer_seconds": 1e-5,
                "ratio": {"median": 0.5, "low": 0.4, "high": 0.6, "processes": [0.5]},
                "targets": [{"at_least": 0.7, "met": False}],
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--cases", "dence"], 2, "matches no case"),
        (["--threads", "0"], 2, "--threads 0 must be at least 1"),
    ],
)
def test_the_command_refuses_options_that_mean_nothing(capsys, arguments, code, message):
    assert command.run(options(*arguments)) == code
    assert message in capsys.readouterr().err


def test_the_command_fails_when_a_result_is_wrong(monkeypatch, capsys):
    def wrong(*_, **__):
        raise command.WrongResult("sgd: initcore is wrong")

    monkeypatch.setattr(command, "measure", wrong)
    assert command.run(options()) == 1
    assert "initcore is wrong" in capsys.readouterr().err


def test_the_truncated_twin_stays_inside():
    out = np.empty(1000, np.float32)
    reference.fill_truncated_normal(out, low=-0.5, high=0.5, key=np.random.default_rng(0))
    assert np.abs(out).max() <= 0.5
