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


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "initcore" if parts == ("__init__",) else parts[0]


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports, here or inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            whole = node.module == "initcore"
            names = [
                f"initcore.{alias.name}"
                if (whole and (PACKAGE / f"{alias.name}.py").exists())
                or (PACKAGE / alias.name).is_dir()
                or alias.name == "kernels"
                else node.module
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "initcore":
                found.add(parts[1] if len(parts) > 1 else "initcore")
    return found


PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    ranks = order("python")
    module = module_of(path)
    for used in imported(path) - {module}:
        assert rank(used, ranks) < rank(module, ranks), f"{module} may not import {used}"


def test_only_the_benchmarks_import_the_reference() -> None:
    for path in PYTHON_FILES:
        if path.parent.name != "_bench":
            assert "_bench.reference" not in path.read_text(encoding="utf-8"), path
