"""`initcore theory`."""

import json
import math
from pathlib import Path

import pytest

from initcore.__main__ import main
from initcore.theory import MeanField


def test_the_table_has_a_row_for_each_law_and_says_where_none_exists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["theory", "--activation", "relu,sigmoid", "--weights", "he,critical"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["relu", "he"],
        ["relu", "critical"],
        ["sigmoid", "he"],
        ["sigmoid", "critical"],
    ]
    assert "none exists" in lines[4]
    assert "critical" in lines[1]
    assert "+0.0 decades" in lines[1]


def test_the_numbers_are_those_of_the_mean_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--activation", "tanh", "--weights", "1.5", "--sigma-b2", "0.05", "--depth", "10"]
    assert main(["theory", *options, "--json", "-"]) == 0
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)
    layer = MeanField("tanh", 1.5**0.5, 0.05)
    assert row["chi_1"] == layer.chi_1
    assert row["xi_c"] == layer.xi_c
    assert printed.err.startswith("activation")
    assert main(["theory", *options, "--json", str(tmp_path / "t.json")]) == 0
    assert json.loads((tmp_path / "t.json").read_text()) == [row]


def test_growth_without_bound_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--activation", "relu", "--weights", "3"]) == 0
    assert "unbounded" in capsys.readouterr().out


@pytest.mark.parametrize("activation", ["snake", "tanhshrink", "softshrink", "sigmoid", "abs"])
def test_an_activation_has_every_row_that_is_asked_for(
    activation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    laws = ["xavier", "he", "critical", "1e100"]
    options = ["--activation", activation, "--weights", ",".join(laws), "--json", "-"]
    assert main(["theory", *options]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["weights"] for row in rows] == laws
    for row in rows:
        exists, settles = row["phase"] != "none exists", row["phase"] != "unbounded"
        assert (row["sigma_w"] is not None) == exists
        assert (row["q_star"] is not None) == (exists and settles)
        assert (row["chi_1"] is not None) == (exists and settles)


@pytest.mark.parametrize(
    ("activation", "weights", "phase", "decades"),
    [
        # 1 + 0.01^2 per layer, half of it in decades
        ("leaky_relu", "he", "unbounded", 25 * math.log10(1.0001)),
        ("relu", "3", "unbounded", 25 * math.log10(1.5)),
        ("elu", "he", "unbounded", None),
        # chi_1 -> sigma_w (4 / 3) / sqrt(2 pi)
        ("tanh", "1e100", "chaotic", 25 * math.log10(1e50 * 4 / 3 / math.sqrt(2 * math.pi))),
    ],
)
def test_what_is_large_is_a_number_and_what_grows_is_unbounded(
    activation: str,
    weights: str,
    phase: str,
    decades: float | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--activation", activation, "--weights", weights, "--json", "-"]
    assert main(["theory", *options]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["phase"] == phase
    if decades is not None:
        assert row["gradient_decades"] == pytest.approx(decades, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        ["--activation", "nonesuch"],
        ["--activation", ""],
        ["--weights", "nonesuch"],
        ["--weights", "-1"],
        ["--sigma-b2", "-1"],
        ["--q", "0"],
        ["--depth", "0"],
        ["--json", "/nonexistent/t.json"],
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["theory", "--activation", "tanh", "--weights", "critical", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("initcore theory: ")
    assert error.count("\n") == 1
