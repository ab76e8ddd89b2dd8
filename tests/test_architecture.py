"""Arrows in one direction: the order of the files is data, in data/order.txt."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "initcore"
PACKAGE = ROOT / "python" / "initcore"


def order(section: str) -> list[str]:
    text = (ROOT / "tests" / "data" / "order.txt").read_text(encoding="utf-8")
    body = text.split(f"[{section}]\n")[1].split("\n[")[0]
    return [line for line in body.splitlines() if line and not line.startswith("#")]


def rank(name: str, ranks: list[str]) -> int:
    found = [place for place, pattern in enumerate(ranks) if fnmatch(name, pattern)]
    assert found, f"{name} has no place in tests/data/order.txt"
    return found[0]


C_FILES = sorted(
    str(path.relative_to(CORE)) for path in CORE.rglob("*") if path.suffix in {".c", ".h", ".pxd"}
)


@pytest.mark.parametrize("name", C_FILES)
def test_a_c_file_includes_only_what_stands_above_it(name: str) -> None:
    ranks = order("c")
    own = rank(name, ranks)
    text = (CORE / name).read_text(encoding="utf-8")
    for used in re.findall(r'(?:#include|from) "initcore/([^"]+)"', text):
        own_header = used == name.replace(".c", ".h")
        assert own_header or rank(used, ranks) < own, f"{name} may not include {used}"


@pytest.mark.parametrize("path", sorted(CORE.glob("kernels/*.[ch]")), ids=lambda path: path.name)
def test_kernels_know_no_python_no_cpu_and_no_memory(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("Python.h", "malloc", "calloc", "realloc", "cpu_supports", "getenv", "stdio.h"):
        assert word not in text


def room_of(module: str) -> str:
    """The room or loose file at the top of the package that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "initcore"


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("initcore", *(part for part in parts if part != "__init__")))


PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {module_of(path) for path in PYTHON_FILES} | {"initcore.kernels"}


def imported(path: Path, *, eager: bool = False) -> set[str]:
    """The modules of the package that a file imports; with `eager`, not inside its functions."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if eager else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in below]
        else:
            continue
        found |= {name for name in names if name.split(".")[0] == "initcore"}
    return found


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_that_stand_above_its_own(path: Path) -> None:
    ranks = order("python")
    room = room_of(module_of(path))
    for used in {room_of(name) for name in imported(path)} - {room}:
        assert rank(used, ranks) < rank(room, ranks), f"{room} may not import {used}"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_no_private_file_of_another_room(path: Path) -> None:
    room = room_of(module_of(path))
    for used in imported(path):
        if room_of(used) != room:
            private = [part for part in used.split(".")[2:] if part.startswith("_")]
            assert not private, f"{module_of(path)} may not import {used}"


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    arrows = {module_of(path): imported(path, eager=True) & MODULES for path in PYTHON_FILES}
    faces = {module_of(path) for path in PYTHON_FILES if path.name == "__init__.py"}
    left = {name: used - faces for name, used in arrows.items() if name not in faces}
    while free := [name for name, used in left.items() if not used & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"these import each other: {sorted(left)}"


def test_the_top_of_the_package_has_at_most_ten_files() -> None:
    files = [path.name for path in PACKAGE.iterdir() if path.is_file() and path.suffix != ".so"]
    assert len(files) <= 10, sorted(files)


def test_only_the_benchmarks_import_the_reference() -> None:
    for path in PYTHON_FILES:
        if path.parent.name != "_bench":
            assert "_bench.reference" not in path.read_text(encoding="utf-8"), path
