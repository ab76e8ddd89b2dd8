"""The page of names: each cell exists in its library and has the law of its line."""

import importlib
import importlib.util
import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers
from initcore.initializers import Initializer

PAGE = (Path(__file__).parents[1] / "docs" / "names.md").read_text(encoding="utf-8")
SHAPE = (200, 96)  # out, in
SHAPES = {"dirac": (96, 64, 3, 3), "delta": (96, 64, 3, 3)}
KEY = ic.Key(0) / "names"
LIBRARIES = ("torch.nn.init", "jax.nn.initializers", "keras.initializers", "timm.layers")


def table() -> list[list[str]]:
    """The cells of the first table."""
    lines = PAGE[PAGE.index("| law |") : PAGE.index("All other schemes")].strip().splitlines()
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


HEAD, _, *LINES = table()


def calls(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def ours(text: str) -> Initializer:
    found = eval(text, {**vars(initializers), **vars(ic)})
    assert isinstance(found, Initializer)
    return found


def initializers_of(library: str) -> ModuleType:
    """A library's initializers, or a skip where they can't be had."""
    if library != "timm.layers":
        return pytest.importorskip(library, reason=f"{library} is not installed")
    # The file that defines them needs torch alone; the package around it wants torchvision,
    # which has to be of the same build as torch.
    pytest.importorskip("torch")
    package = importlib.util.find_spec("timm")
    if package is None or package.submodule_search_locations is None:
        pytest.skip("timm is not installed")
    path = Path(package.submodule_search_locations[0], "layers", "weight_init.py")
    spec = importlib.util.spec_from_file_location("timm_weight_init", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def theirs(library: str, text: str, shape: tuple[int, ...]) -> Any:
    """What the call of a library draws, as (out, in, spatial...)."""
    module = initializers_of(library)
    stored = (*shape[2:], shape[1], shape[0])
    back = (len(shape) - 1, len(shape) - 2, *range(len(shape) - 2))
    if library in ("torch.nn.init", "timm.layers"):
        torch = importlib.import_module("torch")
        torch.manual_seed(1)
        tensor = torch.full(shape, math.nan)
        name, _, arguments = text.partition("(")
        eval(f"{name}(tensor, {arguments}", {**vars(module), "tensor": tensor})
        return tensor.numpy()
    found = eval(text, vars(module))
    if library == "jax.nn.initializers":
        return np.asarray(found(importlib.import_module("jax").random.key(1), stored)).T.transpose(
            0, 1, *range(len(shape) - 1, 1, -1)
        )
    tensor = found(stored)
    return np.asarray(getattr(tensor, "value", tensor)).transpose(back)


CELLS = [
    pytest.param(
        library,
        ours_,
        call,
        cell.startswith("truncated"),
        id=f"{library.split('.')[0]}-{call}",
        marks=[pytest.mark.slow] if library == "keras.initializers" and "Normal" in call else [],
    )
    for line in LINES
    for library, cell in zip(LIBRARIES, line[2:], strict=True)
    for ours_ in calls(line[1])[:1]
    for call in calls(cell)
]


def test_the_table_has_a_column_for_each_library() -> None:
    assert HEAD[2:] == list(LIBRARIES)
    assert all(len(line) == len(HEAD) for line in LINES)
    assert len(CELLS) > 60


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_names_of_ours_on_one_line_are_one_law(line: list[str]) -> None:
    laws = [ours(text) for text in calls(line[1])]
    assert laws
    first = laws[0](SHAPES.get(line[1][14:19].lower(), SHAPE), key=KEY)
    assert all((init(first.shape, key=KEY) == first).all() for init in laws)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("library", "own", "call", "cut"), CELLS)
def test_a_name_of_another_library_has_the_law_of_its_line(
    library: str, own: str, call: str, cut: bool
) -> None:
    initializers_of(library)
    shape = next((s for word, s in SHAPES.items() if word in own.lower()), SHAPE)
    a = ours(own)(shape, key=KEY, dtype=np.float64)
    b = theirs(library, call, shape).astype(np.float64)
    assert b.shape == shape
    # 5 standard errors of the difference of two root mean squares of kurtosis at most 3
    size = math.sqrt(np.square(a).mean())
    tolerance = 5 * size * math.sqrt(1 / max(1, np.count_nonzero(a)))
    assert math.sqrt(np.square(b).mean()) == pytest.approx(size, abs=tolerance)
    assert abs(b.mean() - a.mean()) <= tolerance
    assert np.count_nonzero(b) == pytest.approx(np.count_nonzero(a), rel=1e-3)
    if cut:  # 2 standard deviations of the parent, which is 0.8796 of it once it is cut
        assert np.abs(b).max() == pytest.approx(2 * size / 0.8796256610, rel=0.02)
    elif "cut" in next(line[0] for line in LINES if call in line[2] + line[3] + line[4] + line[5]):
        assert np.abs(b).max() == pytest.approx(np.abs(a).max(), rel=0.02)
    else:  # a plain normal of 20,000 ends between 3.2 and 5.9 sigma
        assert np.abs(b).max() == pytest.approx(np.abs(a).max(), rel=0.3)
        assert (np.abs(b).max() > 2.5 * size) == (np.abs(a).max() > 2.5 * size)


def test_the_truncation_constant_of_the_page_is_that_of_the_law() -> None:
    share = initializers._truncation.result_std(-2.0, 2.0)  # type: ignore[attr-defined]
    assert f"{share:.8f}" in PAGE
    assert f"{100 * share * share:.1f} %" in PAGE


def test_torchs_gains_are_those_of_the_page() -> None:
    init = pytest.importorskip("torch.nn.init")
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("selu") == 3 / 4
    assert "5/3" in PAGE
    assert "3/4" in PAGE
    assert f"{ic.gain('tanh'):.8f}" in PAGE
    assert f"{ic.gain('relu', 'std'):.8f}" in PAGE
    settled = ic.theory.MeanField("tanh", 5 / 3)
    assert math.sqrt(settled.q_star) / (5 / 3) == pytest.approx(0.651, abs=5e-4)


def test_the_defaults_of_the_page_are_those_of_the_libraries() -> None:
    jax = pytest.importorskip("jax.nn.initializers")
    key = importlib.import_module("jax").random.key(0)
    assert np.std(jax.normal()(key, (10_000,))) == pytest.approx(0.01, rel=0.05)
    x = np.asarray(jax.uniform()(key, (10_000,)))
    assert 0.0 <= x.min() < 1e-4
    assert 0.0099 < x.max() < 0.01
    keras = pytest.importorskip("keras")
    assert keras.initializers.RandomNormal().stddev == 0.05
    assert keras.initializers.RandomUniform().minval == -0.05
    assert keras.initializers.VarianceScaling().distribution == "truncated_normal"
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    assert torch.nn.init.normal_(torch.empty(10_000)).std() == pytest.approx(1.0, rel=0.05)
    assert torch.nn.init.uniform_(torch.empty(10_000)).min() >= 0.0
