"""`initcore theory`."""

import json
from pathlib import Path

import pytest

from initcore.__main__ import main
from initcore.theory import MeanField


def test_the_table_has_a_row_for_each_law_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--activation", "relu,sigmoid", "--weights", "he,critical"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["relu", "he"],
        ["relu", "critical"],
        ["sigmoid", "he"],
    ]
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
