"""The experiments of the literature come out as the page says; every one is a claim of a paper."""

import math
from functools import cache
from pathlib import Path

import pytest

from bench import outcomes
from bench.outcomes.page import markdown, svg

pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
ROOT = Path(__file__).parents[1]


@cache
def outcome(name: str) -> outcomes.Outcome:
    return getattr(outcomes, name)()


def test_born_dead_networks_are_as_frequent_as_published() -> None:
    dead = outcome("born_dead").numbers
    # 100 000 networks: five standard deviations are 0.005
    assert dead["dead 2"] == pytest.approx(0.15625, abs=0.006)
    assert 0.85484 - 0.006 < dead["dead 9"] < 0.88737 + 0.006
    # what is born dead stays so, and some more die: 300 networks, 5 standard deviations are 0.08
    assert dead["trained"] > dead["dead 9"] - 0.08
    assert outcome("born_dead").verdict == "reproduced"


@pytest.mark.nightly
def test_he_trains_thirty_layers_and_xavier_does_not() -> None:
    accuracy = outcome("he_against_xavier").numbers
    assert min(accuracy["He 22"], accuracy["Xavier 22"], accuracy["He 30"]) > 0.95
    assert accuracy["He 22 epoch"] < accuracy["Xavier 22 epoch"] / 2
    assert accuracy["Xavier 30"] < 0.2


@pytest.mark.nightly
def test_orthogonal_weights_train_two_hundred_layers_of_tanh() -> None:
    accuracy = outcome("orthogonal_tanh").numbers
    assert accuracy["orthogonal 200"] > 0.8
    assert accuracy["Gaussian 200"] < 0.6


@pytest.mark.nightly
def test_tanh_networks_train_as_deep_as_their_signals_reach() -> None:
    accuracy = outcome("trainable_depth").numbers
    assert accuracy["as said"] >= 18
    assert min(accuracy[f"1.76 {depth}"] for depth in (20, 40, 60, 80)) > 0.5
    assert accuracy["1 60"] < 0.2
    assert accuracy["4 80"] < 0.3


@pytest.mark.nightly
def test_sigmoids_sit_on_a_plateau_until_the_gradient_is_kept() -> None:
    accuracy = outcome("sigmoid_plateau").numbers
    assert accuracy["U(±1/√n)"] < 0.2
    assert accuracy["backward gain"] > 0.9


@pytest.mark.nightly
def test_deep_linear_networks_learn_from_orthogonal_weights_alone() -> None:
    steps = outcome("deep_linear").numbers
    assert steps["orthogonal 64"] < 1.5 * steps["orthogonal 16"]
    assert steps["orthogonal 64"] < 2.5 * steps["orthogonal 4"]
    assert steps["Gaussian 16"] > 5 * steps["Gaussian 4"]
    assert math.isinf(steps["Gaussian 64"])


@pytest.mark.nightly
def test_fifty_residual_blocks_train_without_normalization_if_the_branches_start_small() -> None:
    accuracy = outcome("residual").numbers
    assert accuracy["He"] < 0.2
    assert 20 < math.log2(accuracy["He loss"]) < 30  # half a bit for each of 50 blocks
    assert accuracy["Fixup loss"] == pytest.approx(math.log(10), rel=1e-6)
    assert min(accuracy[start] for start in ("1/√L", "Fixup", "SkipInit")) > 0.9


@pytest.mark.nightly
def test_lsuv_trains_thin_deep_networks() -> None:
    accuracy = outcome("lsuv").numbers
    assert accuracy["LSUV"] > 0.8
    assert accuracy["LSUV"] > accuracy["He"]


@pytest.mark.nightly
def test_activations_stay_as_they_are_with_width_under_mup() -> None:
    slopes = outcome("width_transfer").numbers
    assert max(abs(slope) for name, slope in slopes.items() if name.startswith("muP")) < 0.1
    assert slopes["standard output"] > 0.5


def test_the_page_shows_what_was_published_beside_what_was_found() -> None:
    found = outcome("born_dead")
    page = markdown([found])
    assert found.published in page
    assert found.found in page
    assert f"**{found.verdict}**" in page
    assert "](outcomes/dead.svg)" in page


def test_a_plot_is_a_file_of_its_own() -> None:
    drawn = svg(outcome("born_dead"))
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "--blue" in drawn
    assert "nan" not in drawn.lower().replace("nano", "")


def test_the_published_page_is_what_the_code_gives() -> None:
    page = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
    rows = [" | ".join(row) for row in outcome("born_dead").rows]
    assert all(f"| {row} |" in page for row in rows)
    assert len(outcomes.EXPERIMENTS) == page.count("\nOutcome: **reproduced**")
