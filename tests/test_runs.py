"""CI's further runs: the files that data/runs.txt names exist, and no skipped test is forgotten."""

from fnmatch import filter as matching
from pathlib import Path

import pytest
from runs import listed, markers

TESTS = Path(__file__).parent


@pytest.mark.parametrize("section", ["interpreter", "not under sanitizers"])
def test_every_pattern_stands_for_a_file(section: str) -> None:
    names = [path.name for path in TESTS.glob("test_*.py")]
    for pattern in listed(section):
        assert matching(names, pattern), f"{pattern} is no file of tests"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "test_new.py"


def test_a_new_test_runs_under_the_sanitizers_and_on_one_python(file: Path) -> None:
    file.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    assert markers(file, "test_nothing") == ("reaches_c",)


def test_what_uses_something_optional_by_way_of_others_runs_where_that_is(file: Path) -> None:
    lines = [
        "LIBRARIES = ['torch']",
        "def helper():",
        "    return LIBRARIES",
        "@pytest.fixture",
        "def twins():",
        "    return helper()",
        "def test_a(twins): ...",
        "@pytest.mark.parametrize('name', LIBRARIES)",
        "def test_b(name): ...",
        "def test_c(): ...",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    wanted = [name for name in ("test_a", "test_b", "test_c") if "may_skip" in markers(file, name)]
    assert wanted == ["test_a", "test_b"]


EVERY_TEST_WANTS = {
    "keras = pytest.importorskip('keras')": True,
    "np = pytest.importorskip('numpy')": False,
    "@pytest.fixture(autouse=True)\ndef there(): pytest.importorskip('torch')": True,
    "@pytest.fixture\ndef there(): pytest.importorskip('torch')": False,
}


@pytest.mark.parametrize("begin", EVERY_TEST_WANTS)
def test_a_file_may_want_something_for_all_of_its_tests(file: Path, begin: str) -> None:
    file.write_text(f"{begin}\ndef test_a(): ...\n", encoding="utf-8")
    assert ("may_skip" in markers(file, "test_a")) is EVERY_TEST_WANTS[begin]
