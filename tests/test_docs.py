"""Every example in a docstring or on a page runs and prints what it says."""

import doctest
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import initcore
from initcore import kernels

ROOT = Path(__file__).parents[1]
# Frameworks whose part of initcore.interop needs them to be imported at all.
FRAMEWORKS = ("torch", "jax", "keras")


def modules() -> list[str]:
    names = [
        info.name
        for info in pkgutil.walk_packages(initcore.__path__, "initcore.")
        if info.name != "initcore.__main__"
    ]
    return ["initcore", *names]


def run(tests: list[doctest.DocTest]) -> int:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test)
    results = runner.summarize(verbose=False)
    assert results.failed == 0
    return results.attempted


@pytest.mark.parametrize("name", modules())
def test_docstring_examples_run(name: str) -> None:
    for framework in FRAMEWORKS:
        if name.startswith(f"initcore.interop.{framework}"):
            pytest.importorskip(framework)
    module = __import__(name, fromlist=["x"])
    assert isinstance(module, ModuleType)
    run(doctest.DocTestFinder().find(module))


def test_kernel_examples_run() -> None:
    parser = doctest.DocTestParser()
    tests = [
        parser.get_doctest(function.__doc__, {}, f"kernels.{name}", None, None)
        for name, function in vars(kernels).items()
        if getattr(function, "__doc__", None) and ">>>" in function.__doc__
    ]
    assert run(tests) > 0


PAGES = {
    str(path.relative_to(ROOT)): text
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "```python\n" in (text := path.read_text(encoding="utf-8"))
    and path.name != "kernels.md"  # test_cimport.py runs it, with the module that it compiles
}


def libraries_of(page: str) -> list[str]:
    """The frameworks that a page's examples import, and what builds on one of them."""
    lines = PAGES[page].splitlines()
    words = [line.split()[2].rstrip(",").split(".")[0] for line in lines if is_import(line)]
    return [name for name in (*FRAMEWORKS, "flax") if name in words]


def is_import(line: str) -> bool:
    return line.startswith((">>> import ", ">>> from "))


def run_page(page: str) -> int:
    blocks = PAGES[page].split("```python\n")[1:]
    examples = "\n".join(block.split("```", 1)[0] for block in blocks)
    return run([doctest.DocTestParser().get_doctest(examples, {}, page, None, None)])


@pytest.mark.parametrize("page", [page for page in PAGES if not libraries_of(page)])
def test_examples_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(page) > 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if libraries_of(page)])
def test_examples_of_a_framework_s_page_run(page: str) -> None:
    for name in libraries_of(page):
        pytest.importorskip(name, reason=f"{name} is not installed")
    assert run_page(page) > 0
