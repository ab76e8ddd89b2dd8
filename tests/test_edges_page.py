"""The page of edges: every question on it, put to four libraries."""

import importlib
import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers

PAGE = (Path(__file__).parents[1] / "docs" / "edges.md").read_text(encoding="utf-8")
KEY = ic.Key(9) / "edges"
EMPTY = ((0, 5), (5, 0), (0, 0))
FEW = ((5,), ())
LIBRARIES = ("PyTorch", "JAX", "Keras")


def lines() -> list[list[str]]:
    """The cells of all tables: request, three libraries, our call, our answer, why."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (?!request)", line)]
    return [[cell.strip() for cell in row.strip()[1:-1].split(" | ")] for row in rows]


LINES = lines()


def answer(ask: Callable[[], Any]) -> str:
    """What came of a request, in the page's words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            got = ask()
        except Exception as error:
            return f"`{type(error).__name__}`"
    heard = any(issubclass(warning.category, UserWarning) for warning in caught)
    return _word(got) + (" and a warning" if heard else "")


def _word(got: Any) -> str:
    if getattr(got, "is_meta", False):
        return "nothing"
    if hasattr(got, "detach"):
        got = got.detach().clone().contiguous()
        got = got.float().numpy() if not got.is_complex() else got.numpy()
    x = np.asarray(getattr(got, "value", got))
    x = x if np.iscomplexobj(x) else x.astype(float)
    if x.size == 0:
        return "nothing"
    if np.isnan(x).any():
        return "NaN"
    if np.isinf(x).any():
        return "infinite"
    if not x.any():
        return "zeros"
    return "numbers" if x.size == 1 or np.unique(x).size > 1 else "a constant"


def together(answers: list[str]) -> str:
    """One word where all agree."""
    return answers[0] if len(set(answers)) == 1 else ", ".join(answers)


def every(shapes: tuple[Any, ...], ask: Callable[[Any], Any]) -> str:
    return together([answer(lambda shape=shape: ask(shape)) for shape in shapes])  # type: ignore[misc]


def torch_questions() -> dict[str, Callable[[], str]]:
    torch = pytest.importorskip("torch")
    init, empty = torch.nn.init, torch.empty
    one = empty(64)

    def filled(function: str, *arguments: Any, **named: Any) -> Callable[[], str]:
        return lambda: answer(lambda: getattr(init, function)(*arguments, **named))

    def shaped(function: str, shapes: Any, *arguments: Any) -> Callable[[], str]:
        return lambda: every(shapes, lambda s: getattr(init, function)(empty(s), *arguments))

    return {
        "Glorot's law for (0, 5), (5, 0), (0, 0)": shaped("xavier_uniform_", EMPTY),
        "He's law for the same": shaped("kaiming_normal_", EMPTY),
        "an orthogonal matrix for the same": shaped("orthogonal_", EMPTY),
        "sparse columns for the same": shaped("sparse_", EMPTY, 0.5),
        "Glorot's law for (5,), ()": shaped("xavier_uniform_", FEW),
        "an orthogonal matrix for (5,), ()": shaped("orthogonal_", FEW),
        "an identity for (3, 3, 3)": shaped("eye_", ((3, 3, 3),)),
        "an orthogonal matrix for (8, 4, 6), stored transposed": lambda: answer(
            lambda: init.orthogonal_(empty(4, 6, 8).permute(2, 0, 1))
        ),
        "sizes of (4, -4)": shaped("kaiming_normal_", ((4, -4),)),
        "Dirac's kernel in 4 groups of (6, 4, 3)": shaped("dirac_", ((6, 4, 3),), 4),
        "the same in 0 groups": shaped("dirac_", ((6, 4, 3),), 0),
        "normal, std -1": filled("normal_", one, 0.0, -1.0),
        "normal, std 0": filled("normal_", one, 0.0, 0.0),
        "normal, std NaN": filled("normal_", one, 0.0, math.nan),
        "normal, std infinite": filled("normal_", one, 0.0, math.inf),
        "truncated normal, std -1": filled("trunc_normal_", one, 0.0, -1.0),
        "truncated normal, std 0": filled("trunc_normal_", one, 0.0, 0.0),
        "truncated normal, std NaN": filled("trunc_normal_", one, 0.0, math.nan),
        "truncated normal from 1 to -1": filled("trunc_normal_", one, 0.0, 1.0, 1.0, -1.0),
        "truncated normal from 6 to 7 sigma": filled("trunc_normal_", one, 0.0, 1.0, 6.0, 7.0),
        "uniform from 1 to -1": filled("uniform_", one, 1.0, -1.0),
        "orthogonal, gain -1": shaped("orthogonal_", ((4, 4),), -1.0),
        "a part of -0.5 zeros": shaped("sparse_", ((8, 4),), -0.5),
        "a part of 1.5 zeros": shaped("sparse_", ((8, 4),), 1.5),
        "a part of NaN zeros": shaped("sparse_", ((8, 4),), math.nan),
        "mode=None": shaped("kaiming_normal_", ((8, 4),), 0, None),
        'the gain of "gelu"': filled("calculate_gain", "gelu"),
        'the gain of "no such"': filled("calculate_gain", "no such"),
        "1e300 in float32": filled("constant_", one, 1e300),
        "He's law in int32": filled("kaiming_normal_", empty(4, 4, dtype=torch.int32)),
        "an orthogonal matrix in bfloat16": filled(
            "orthogonal_", empty(4, 4, dtype=torch.bfloat16)
        ),
        "an orthogonal matrix in complex64": filled(
            "orthogonal_", empty(4, 4, dtype=torch.complex64)
        ),
        "a truncated law in float8_e4m3fn": filled(
            "trunc_normal_", empty(64, dtype=torch.float8_e4m3fn)
        ),
        "fill elements that share memory": filled("normal_", empty(4).expand(4, 4)),
        "fill every other column": filled("normal_", empty(4, 8)[:, ::2]),
        "fill a tensor on the meta device": filled("normal_", empty(4, device="meta")),
        "an int for the generator, key or seed": filled("normal_", one, generator=0),
        "nothing for it": filled("normal_", one),
    }


def jax_questions() -> dict[str, Callable[[], str]]:
    init = pytest.importorskip("jax.nn.initializers")
    key = importlib.import_module("jax").random.key(0)

    def made(
        function: str, *arguments: Any, shape: Any = (64,), dtype: Any = "float32", **named: Any
    ) -> Callable[[], str]:
        return lambda: answer(
            lambda: getattr(init, function)(*arguments, **named)(key, shape, dtype)
        )

    def shaped(function: str, shapes: Any) -> Callable[[], str]:
        return lambda: every(shapes, lambda s: getattr(init, function)()(key, s))

    def scaled(scale: float, mode: Any = "fan_in") -> Callable[[], str]:
        return made("variance_scaling", scale, mode, "normal", shape=(4, 4))

    return {
        "Glorot's law for (0, 5), (5, 0), (0, 0)": shaped("glorot_uniform", EMPTY),
        "He's law for the same": shaped("he_normal", EMPTY),
        "an orthogonal matrix for the same": shaped("orthogonal", EMPTY),
        "Glorot's law for (5,), ()": shaped("glorot_uniform", FEW),
        "an orthogonal matrix for (5,), ()": shaped("orthogonal", FEW),
        "sizes of (4, -4)": shaped("he_normal", ((4, -4),)),
        "normal, std -1": made("normal", -1.0),
        "normal, std 0": made("normal", 0.0),
        "normal, std NaN": made("normal", math.nan),
        "normal, std infinite": made("normal", math.inf),
        "truncated normal, std -1": made("truncated_normal", -1.0),
        "truncated normal, std 0": made("truncated_normal", 0.0),
        "truncated normal, std NaN": made("truncated_normal", math.nan),
        "truncated normal from 1 to -1": made("truncated_normal", 1.0, lower=1.0, upper=-1.0),
        "truncated normal from 6 to 7 sigma": made("truncated_normal", 1.0, lower=6.0, upper=7.0),
        "variance scaling, scale -1": scaled(-1.0),
        "variance scaling, scale 0": scaled(0.0),
        "variance scaling, scale NaN": scaled(math.nan),
        "orthogonal, gain -1": made("orthogonal", -1.0, shape=(4, 4)),
        "mode=None": scaled(1.0, None),
        "1e300 in float32": made("constant", 1e300),
        "He's law in int32": made("he_normal", shape=(4, 4), dtype="int32"),
        "an orthogonal matrix in bfloat16": made("orthogonal", shape=(4, 4), dtype="bfloat16"),
        "an orthogonal matrix in complex64": made("orthogonal", shape=(4, 4), dtype="complex64"),
        "a truncated law in float8_e4m3fn": made("truncated_normal", 1.0, dtype="float8_e4m3fn"),
        "an int for the generator, key or seed": lambda: answer(lambda: init.normal()(0, (4,))),
        "nothing for it": lambda: answer(lambda: init.normal()(None, (4,))),
    }


def keras_questions() -> dict[str, Callable[[], str]]:
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("the page has Keras on JAX")
    init = keras.initializers

    def made(
        function: str, *arguments: Any, shape: Any = (64,), dtype: Any = "float32", **named: Any
    ) -> Callable[[], str]:
        return lambda: answer(lambda: getattr(init, function)(*arguments, **named)(shape, dtype))

    def shaped(function: str, shapes: Any) -> Callable[[], str]:
        return lambda: every(shapes, lambda s: getattr(init, function)()(s))

    def scaled(scale: float, mode: Any = "fan_in") -> Callable[[], str]:
        return made("VarianceScaling", scale, mode, "untruncated_normal", shape=(4, 4))

    return {
        "Glorot's law for (0, 5), (5, 0), (0, 0)": shaped("GlorotUniform", EMPTY),
        "He's law for the same": shaped("HeNormal", EMPTY),
        "an orthogonal matrix for the same": shaped("Orthogonal", EMPTY),
        "Glorot's law for (5,), ()": shaped("GlorotUniform", FEW),
        "an orthogonal matrix for (5,), ()": shaped("Orthogonal", FEW),
        "an identity for (3, 3, 3)": shaped("Identity", ((3, 3, 3),)),
        "sizes of (4, -4)": shaped("HeNormal", ((4, -4),)),
        "normal, std -1": made("RandomNormal", 0.0, -1.0),
        "normal, std 0": made("RandomNormal", 0.0, 0.0),
        "normal, std NaN": made("RandomNormal", 0.0, math.nan),
        "normal, std infinite": made("RandomNormal", 0.0, math.inf),
        "truncated normal, std -1": made("TruncatedNormal", 0.0, -1.0),
        "truncated normal, std 0": made("TruncatedNormal", 0.0, 0.0),
        "truncated normal, std NaN": made("TruncatedNormal", 0.0, math.nan),
        "uniform from 1 to -1": made("RandomUniform", 1.0, -1.0),
        "variance scaling, scale -1": scaled(-1.0),
        "variance scaling, scale 0": scaled(0.0),
        "variance scaling, scale NaN": scaled(math.nan),
        "orthogonal, gain -1": made("Orthogonal", -1.0, shape=(4, 4)),
        "mode=None": scaled(1.0, None),
        "1e300 in float32": made("Constant", 1e300),
        "He's law in int32": made("HeNormal", shape=(4, 4), dtype="int32"),
        "an orthogonal matrix in bfloat16": made("Orthogonal", shape=(4, 4), dtype="bfloat16"),
        "an orthogonal matrix in complex64": made("Orthogonal", shape=(4, 4), dtype="complex64"),
        "a truncated law in float8_e4m3fn": made(
            "TruncatedNormal", 0.0, 1.0, dtype="float8_e4m3fn"
        ),
        "an int for the generator, key or seed": made("RandomNormal", seed=0),
        "nothing for it": made("RandomNormal"),
    }


QUESTIONS = {"PyTorch": torch_questions, "JAX": jax_questions, "Keras": keras_questions}


def our_answer(request: str, call: str) -> str:
    """What our call of a line makes of its request."""

    def init() -> Any:
        return eval(call, {**vars(initializers), **vars(ic), "math": math})

    def ask(shape: Any, **arguments: Any) -> str:
        return answer(lambda: init()(shape, key=KEY, **arguments))

    def fill(array: Any) -> str:
        return answer(lambda: init().fill(array, key=KEY))

    if "(0, 5)" in request or ("the same" in request and "groups" not in request):
        return together([ask(shape) for shape in EMPTY])
    if "(5,)" in request:
        return together([ask(shape) for shape in FEW])
    if "groups" in request:
        return ask((6, 4, 3), groups=4 if "4 groups" in request else 0)
    if shape := re.search(r"\(\d.*\d\)", request):
        if "stored transposed" in request:
            return fill(np.empty((4, 6, 8), np.float32).transpose(2, 0, 1))
        return ask(eval(shape[0]))
    if kind := re.search(r"in (int32|bfloat16|complex64|float8_e4m3fn)", request):
        small = kind[1] in ("bfloat16", "float8_e4m3fn")
        name = getattr(pytest.importorskip("ml_dtypes"), kind[1]) if small else kind[1]
        return ask((4, 4), dtype=name)
    if request == "fill elements that share memory":
        return fill(np.lib.stride_tricks.as_strided(np.empty(4, np.float32), (4, 4), (0, 4)))
    if request == "fill every other column":
        return fill(np.empty((4, 8), np.float32)[:, ::2])
    if request == "fill a tensor on the meta device":
        return fill(pytest.importorskip("torch").empty(4, device="meta"))
    if request == "an int for the generator, key or seed":
        return answer(lambda: init()((4,), key=0))
    if request == "nothing for it":
        return answer(lambda: init()((4,)))
    return ask((8, 4))


def test_every_line_has_a_question_for_each_library_that_it_names() -> None:
    assert len(LINES) > 35
    assert all(len(line) == 7 for line in LINES), [line for line in LINES if len(line) != 7]
    assert len({line[0] for line in LINES}) == len(LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_our_answer_is_the_page_s(line: list[str]) -> None:
    assert our_answer(line[0], line[4].strip("`")) == line[5]


@pytest.mark.parametrize("library", LIBRARIES)
def test_another_library_s_answers_are_the_page_s(library: str) -> None:
    questions = QUESTIONS[library]()
    column = 1 + LIBRARIES.index(library)
    said = {line[0]: line[column] for line in LINES if line[column] != "–"}
    assert questions.keys() == said.keys()
    assert {request: ask() for request, ask in questions.items()} == said


def test_sixteen_bit_normals_have_the_values_that_the_page_says() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    ours = ic.Normal()((1 << 20,), key=KEY, dtype=bfloat16).astype(float)
    assert len(np.unique(ours)) > 2000
    assert 4.5 < np.abs(ours).max() < 5.5
    init = pytest.importorskip("jax.nn.initializers")
    key = importlib.import_module("jax").random.key(0)
    theirs = np.asarray(init.normal(1.0)(key, (1 << 20,), "bfloat16")).astype(float)
    assert len(np.unique(theirs)) == 128
    assert np.abs(theirs).max() < 2.9
