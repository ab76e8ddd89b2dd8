"""The catalogue: every scheme says its facts, and its number holds."""

import math

import pytest

from bench.catalogue import compute, markdown, value
from initcore import catalogue, initializers, recipes
from initcore.initializers._random import Elementwise

ROWS = catalogue.rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_number_of_a_scheme_is_what_the_code_gives(row: catalogue.Row) -> None:
    found = value(row)
    assert math.isfinite(found.found)
    assert found.green, f"{row.check} gives {found.found}, not {row.relation} {row.expected}"


def test_every_public_scheme_has_a_row() -> None:
    # the helpers that the two packages have beside schemes
    helpers = {"Initializer", "Recipe", "Role", "LowRank", "Fans", "fans", "einsum_layout"}
    helpers |= {"from_dict", "get", "register", "result_std", "axes", "canonical_strides"}
    helpers |= {"Elementwise", "Filled", "Law", "Axes", "Distribution", "Mode"}
    helpers |= {"Block", "WeightShape", "Spread", "spread_of"}
    names = {row.name for row in ROWS}
    assert names == {*initializers.__all__, *recipes.__all__} - helpers
    assert len(names) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_for_what_from_where_and_how_exactly(row: catalogue.Row) -> None:
    assert row.formula
    assert row.use.endswith(".")
    assert row.source
    assert row.family
    assert row.exactness.startswith(("bit-exact", "within"))


def test_a_row_says_what_its_bytes_depend_on() -> None:
    scopes = {row.name: row.scope for row in ROWS}
    assert scopes["HeNormal"] == "element"
    assert scopes["Orthogonal"] == scopes["Packed"] == "tensor"
    assert scopes["lsuv"] == scopes["pissa"] == "call"
    assert scopes["ForgetBias"] == scopes["ZerO"] == "none"
    # what draws element by element is an initializer with a law, and the other way round
    for row in ROWS:
        if row.kind == "initializer":
            elementwise = issubclass(getattr(initializers, row.name), Elementwise)
            exactly = row.name == "Sparse"  # its zeros depend on the number of rows too
            assert (row.scope == "element") == elementwise or exactly, row.name


@pytest.mark.parametrize(
    ("check", "green"),
    [
        ("std(LecunNormal(), 128, 256) == 0.0625", True),
        ("std(LecunNormal(), 128, 256) == 0.0626", False),
        ("std(SmallInit(6144)) == 0.0080687153", True),
        ("std(SmallInit(6144)) == 0.0080687154", False),
        ("gram_error(draw(Normal(), 8, 8)) <= 1e-12", False),
        ("abs(draw(Sign(2.0), 9)).max() >= 2", True),
    ],
)
def test_a_check_fails_when_the_last_digit_is_wrong(check: str, green: bool) -> None:
    assert compute(check).green is green


@pytest.mark.parametrize("check", ["1 + 1", "1 < 2", "1 == 1 == 1"])
def test_what_is_no_comparison_with_a_number_is_refused(check: str) -> None:
    with pytest.raises(ValueError, match="check="):
        catalogue.comparison(check)


def test_the_tables_have_a_line_for_each_scheme_in_its_family() -> None:
    family, places = "", {}
    for line in markdown().splitlines():
        if line.startswith("### "):
            family = line.removeprefix("### ")
        elif line.startswith("| `"):
            places[line.split("`")[1]] = family
        assert "✗" not in line
    assert places == {row.name: row.family for row in ROWS}
