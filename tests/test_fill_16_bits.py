"""Fills of 16-bit types: the float32 element, rounded once to nearest even."""

import numpy as np
import pytest

import initcore as ic
from initcore import Key, kernels

KEY = Key(20_260_301) / "fill" / "half"
LAWS = {
    "uniform": (-0.25, 1.5),
    "normal": (0.5, 0.02),
    "truncated_normal": (0.0, 1.0, -2.0, 1.5),
    "sign": (0.3,),
}


def half(name: str) -> np.dtype:
    if name == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(name)


@pytest.fixture(params=["float16", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> np.dtype:
    return half(request.param)


def fill(law: str, out: np.ndarray, first: int = 0, parameters: tuple = ()) -> np.ndarray:
    return kernels._fill(law, out, parameters or LAWS[law], KEY.seed, KEY.stream_id(), first)


def rounded(wide: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return wide.astype(dtype)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1023, 1024, 1025, 5_003])
def test_an_element_is_the_float32_one_rounded(isa: str, dtype: np.dtype, law: str, n: int) -> None:
    wide = fill(law, np.zeros(n, np.float32), 3)
    assert fill(law, np.zeros(n, dtype), 3).tobytes() == rounded(wide, dtype).tobytes()


@pytest.mark.parametrize("largest", [3e-8, 1e-6, 6.2e-5, 1.5, 65_503.9])
def test_rounding_is_to_nearest_even_at_every_size(
    isa: str, dtype: np.dtype, largest: float
) -> None:
    """Subnormal numbers of float16, zero, and the last numbers below infinity."""
    law = (-largest, largest)
    wide = fill("uniform", np.zeros(200_003, np.float32), 0, law)
    found = fill("uniform", np.zeros(200_003, dtype), 0, law)
    assert found.tobytes() == rounded(wide, dtype).tobytes()


def test_ties_go_to_even(isa: str, dtype: np.dtype) -> None:
    """Constants half way between two numbers of 8 or 11 bits, from both sides."""
    bits = 8 if dtype.name == "bfloat16" else 11
    for odd in range(2**bits + 1, 2**bits + 40, 2):
        for middle in (odd * 2.0**-bits, -odd * 2.0 ** -(bits + 13)):
            near = (np.nextafter(np.float32(middle), np.float32(s * 9)) for s in (-1, 1))
            for x in (middle, *map(float, near)):
                found = fill("uniform", np.zeros(9, dtype), 0, (x, x))
                assert found.tobytes() == rounded(np.full(9, x, np.float32), dtype).tobytes()


def test_strides_threads_and_parts_change_no_byte(isa: str, dtype: np.dtype) -> None:
    init = ic.HeNormal()
    whole = init((301, 203), key=KEY, dtype=dtype)
    assert whole.dtype == dtype
    expected = rounded(init((301, 203), key=KEY), dtype)
    assert whole.tobytes() == expected.tobytes()
    stored = init((203, 301), key=KEY, dtype=dtype, layout="io")
    assert np.ascontiguousarray(stored.T).tobytes() == whole.tobytes()
    memory = np.zeros((602, 609), dtype)
    init.fill(memory[::-2, 1::3], key=KEY)
    assert np.ascontiguousarray(memory[::-2, 1::3]).tobytes() == whole.tobytes()
    part = init.block((301, 203), np.s_[17:250:3, 5:], key=KEY, dtype=dtype)
    assert part.tobytes() == np.ascontiguousarray(whole[17:250:3, 5:]).tobytes()
    for threads in (1, 2, 5):
        with ic.num_threads(threads):
            assert init((301, 203), key=KEY, dtype=dtype).tobytes() == whole.tobytes()


BAD = [
    (kernels.fill_uniform, {"high": 65_520.0}, "high=65520.0 must be finite in float16"),
    (kernels.fill_normal, {"std": 9_900.0}, "std=9900.0 is too large.*infinite in float16"),
    (kernels.fill_normal, {"mean": -7e4}, "mean=-70000.0 must be finite in float16"),
]


@pytest.mark.parametrize(("function", "parameters", "message"), BAD)
def test_what_the_type_cannot_hold_is_refused(
    function: object, parameters: dict[str, float], message: str
) -> None:
    out = np.full(5, -77.0, np.float16)
    with pytest.raises(ValueError, match=message):
        function(out, **parameters, key=KEY)
    assert (out == -77.0).all()


def test_bfloat16_holds_what_float32_holds_up_to_its_last_number() -> None:
    out = np.zeros(5, half("bfloat16"))
    kernels.fill_uniform(out, low=3.38e38, high=3.38e38, key=KEY)
    with pytest.raises(ValueError, match="finite in bfloat16"):
        kernels.fill_uniform(out, high=3.4e38, key=KEY)


def test_other_types_of_16_bits_are_refused() -> None:
    with pytest.raises(TypeError, match="must be float32, float64, float16 or bfloat16"):
        kernels.fill_normal(np.zeros(3, np.int16), key=KEY)
    with pytest.raises(TypeError, match="dtype=int16 is not supported"):
        ic.HeNormal()((3, 4), key=KEY, dtype=np.int16)
