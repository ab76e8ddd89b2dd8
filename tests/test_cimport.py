"""Another Cython module cimports the kernels from an installed initcore: no header, no library."""

import doctest
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import initcore as ic
from initcore import kernels

SOURCE = Path(__file__).parent / "cimport" / "foreign.pyx"
PAGE = Path(__file__).parents[1] / "docs" / "kernels.md"
KEY = ic.Key(5) / "foreign"


def blocks(page: str, language: str) -> list[str]:
    return [block.split("```", 1)[0] for block in page.split(f"```{language}\n")[1:]]


def build(source: str, name: str, folder: Path) -> ModuleType:
    """Compile and import a Cython module of somebody else's."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler cc")
    (folder / f"{name}.pyx").write_text(source, encoding="utf-8")
    # The package alone is on the path: what pip installed, not the sources of the core.
    site = Path(ic.__file__).parents[1]
    cython = [sys.executable, "-m", "cython", "-I", str(site), f"{name}.pyx"]
    subprocess.run(cython, cwd=folder, check=True, timeout=120)
    library = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = f"-I{sysconfig.get_path('include')}"
    command = [compiler, "-shared", "-fPIC", "-O1", include, f"{name}.c", "-o", str(library)]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return build(SOURCE.read_text(encoding="utf-8"), "foreign", tmp_path_factory.mktemp("foreign"))


def test_a_foreign_fill_gives_the_bytes_of_the_key(foreign: ModuleType) -> None:
    out = np.empty(1003, np.float32)
    assert foreign.normal(out, KEY.seed, KEY.stream_id()) == 0
    assert out.tobytes() == ic.Normal(std=0.02)(1003, key=KEY).tobytes()
    part = np.empty(50)
    assert foreign.uniform_from(part, 7, KEY.seed, KEY.stream_id()) == 0
    assert part.tobytes() == ic.Uniform()(57, key=KEY, dtype="f8")[7:].tobytes()


def test_a_foreign_truncated_fill_says_when_there_is_no_probability(foreign: ModuleType) -> None:
    out = np.empty(100)
    assert foreign.truncated(out, KEY.seed, KEY.stream_id(), -2.0, 2.0) == 0
    assert out.tobytes() == ic.TruncatedNormal()(100, key=KEY, dtype="f8").tobytes()
    assert foreign.truncated(out, KEY.seed, KEY.stream_id(), 1e6, 1e7) == -1


def test_a_foreign_layer_gives_the_bytes_of_the_kernel(foreign: ModuleType) -> None:
    x = ic.Normal()((5, 300), key=KEY / "x")
    w = ic.Normal()((17, 300), key=KEY / "w")
    b = ic.Normal()(17, key=KEY / "b")
    y = np.empty((5, 17), np.float32)
    assert foreign.relu_layer(y, x, w, b) == 0
    assert y.tobytes() == kernels.dense_forward(x, w, b, activation="relu")[0].tobytes()

    x64, w64 = x.astype(np.float64), w.astype(np.float64)
    y64, dw, dy = np.empty((5, 17)), np.empty((17, 300)), np.ones((5, 17))
    assert foreign.tanh_layer(y64, dw, dy, x64, w64) == 0
    expected, saved = kernels.dense_forward(x64, w64, activation="tanh")
    assert y64.tobytes() == expected.tobytes()
    _, expected_dw, _ = kernels.dense_backward(dy, x64, w64, saved, activation="tanh")
    assert dw.tobytes() == expected_dw.tobytes()


def test_the_page_of_the_kernels_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (source,) = blocks(text, "cython")
    monkeypatch.setitem(sys.modules, "mine", build(source, "mine", tmp_path))
    examples = doctest.DocTestParser().get_doctest(
        "\n".join(blocks(text, "python")), {}, PAGE.name, None, None
    )
    runner = doctest.DocTestRunner()
    runner.run(examples)
    results = runner.summarize(verbose=False)
    assert results.failed == 0
    assert results.attempted > 30
