"""Every command that a page, a docstring or the Makefile tells to type exists."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from initcore.__main__ import _COMMANDS

ROOT = Path(__file__).parents[1]
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder, kinds in {
        ".": ("README.md", "CONTRIBUTING.md", "Makefile"),
        "docs": ("**/*.md",),
        "bench": ("**/*.py",),
        "python": ("**/*.py",),
    }.items()
    for kind in kinds
    for path in sorted((ROOT / folder).glob(kind))
    if "_generated" not in path.parts
}


def found(pattern: str) -> list[tuple[str, str]]:
    """Page and command of every place where the pattern stands, each once."""
    places = {(page, match) for page, text in TEXTS.items() for match in re.findall(pattern, text)}
    return sorted(places)


@pytest.mark.parametrize(("page", "module"), found(r"python -m (bench[a-z_.]*[a-z_])"))
def test_a_module_that_is_to_be_run_can_be_run(page: str, module: str) -> None:
    spec = find_spec(module)
    assert spec is not None, f"{page}: python -m {module}"
    if spec.submodule_search_locations is not None:
        spec = find_spec(f"{module}.__main__")
    assert spec is not None
    assert spec.origin is not None
    assert '__name__ == "__main__"' in Path(spec.origin).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "command"), found(r"(?:`|^|/|    )initcore ([a-z]+)(?= --|`|$| #)")
)
def test_a_command_of_initcore_is_one(page: str, command: str) -> None:
    assert command in _COMMANDS, f"{page}: initcore {command}"


@pytest.mark.parametrize(("page", "target"), found(r"`make ([a-z]+)`"))
def test_a_target_of_make_is_one(page: str, target: str) -> None:
    assert f"\n{target}:" in TEXTS["Makefile"], f"{page}: make {target}"


def test_commands_are_found() -> None:
    assert {"bench.reach", "bench.outcomes"} <= {m for _, m in found(r"python -m (bench[a-z_.]*)")}


def test_nothing_of_the_package_needs_the_clone() -> None:
    for page, text in TEXTS.items():
        if page.startswith("python/"):
            assert not re.search(r"^\s*(?:from|import) bench\b", text, re.MULTILINE), page
