"""The page docs/stream-v1.md, the twin written from it, and the kernels say the same thing."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stream_twin

from initcore import Key, kernels

ROOT = Path(__file__).parents[1]
SEED, PATH = 0xFEDC_BA98_7654_3210, ("layers", "3", "größe")
KEY = Key(SEED) / "layers" / 3 / "größe"
INF = math.inf

UNIFORM = [(0.0, 1.0), (-0.05, 0.05), (3.0, 3.0), (1.0, 1.0000001), (-1e38, 1e38), (0.1, 0.3)]
NORMAL = [(0.0, 1.0), (0.1, 0.02), (-5.0, 0.0), (1e6, 1e-3), (0.0, 1e30)]
TRUNCATED = [
    (0.0, 1.0, -2.0, 2.0),
    (0.0, 0.02, -0.04, 0.04),
    (0.1, 0.02, -2.0, 2.0),  # nothing to cut
    (0.0, 1.0, -6.7, 6.7),  # nothing to cut in f32 alone
    (0.0, 1.0, -INF, 0.5),
    (0.0, 1.0, -8.0, 3.0),
    (0.0, 1.0, 0.5, INF),  # one half; f32 deep
    (0.0, 1.0, -1e-3, 5.0),
    (2.0, 0.5, 4.0, 9.0),  # deep
    (0.0, 1.0, 20.0, 21.0),
    (0.0, 1.0, -37.0, -36.0),
    (0.0, 1.0, 1.0, 1.001),
    (0.0, 1.0, 3.5, 3.9),  # across the first border of the tail's pieces
    (0.0, 1.0, 11.15, 11.9),  # across the second
    (0.0, 1e-60, -1.0, 1.0),
]


def indices() -> list[int]:
    return [*range(24), 126, 127, 128, 2**34 - 1, 2**34, 2**34 + 5, 2**62 + 7]


def elements(law: str, dtype: type, p: tuple[float, ...]) -> np.ndarray:
    parts = [
        kernels._fill(law, np.zeros(1, dtype), p, KEY.seed, KEY.stream_id(), i) for i in indices()
    ]
    return np.concatenate(parts)


CASES = [
    (law, p)
    for law, rows in (("uniform", UNIFORM), ("normal", NORMAL), ("truncated_normal", TRUNCATED))
    for p in rows
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("law", "p"), CASES)
def test_kernels_give_the_bytes_of_the_page(isa: str, law: str, p: tuple, dtype: type) -> None:
    twin = stream_twin.Stream(SEED, PATH)
    method = getattr(twin, f"{law}{np.dtype(dtype).itemsize * 8}")
    expected = np.array([method(i, *p) for i in indices()], dtype)
    assert elements(law, dtype, p).tobytes() == expected.tobytes()


def test_random_cells_of_every_octave_agree() -> None:
    twin = stream_twin.Stream(SEED, PATH)
    for p in [(0.0, 1.0, -6.0, 6.0), (0.0, 1.0, 2.0, 6.0), (0.0, 1.0, 5.5, 6.2)]:
        got = kernels._fill(
            "truncated_normal", np.zeros(700, np.float32), p, KEY.seed, KEY.stream_id()
        )
        expected = np.array([twin.truncated_normal32(i, *p) for i in range(700)], np.float32)
        assert got.tobytes() == expected.tobytes()


def test_keys_give_the_stream_id_of_the_page() -> None:
    assert KEY.stream_id() == stream_twin.stream_id(PATH)
    assert Key(5).stream_id("mask") == stream_twin.stream_id((), "mask")
    assert (Key(1) / "a" / "bc").stream_id() != (Key(1) / "ab" / "c").stream_id()


def test_bits_give_the_words_of_the_page() -> None:
    twin = stream_twin.Stream(SEED, PATH, "shuffle")
    narrow = kernels.random_bits(np.zeros(9, np.uint32), key=KEY, kind="shuffle")
    wide = kernels.random_bits(np.zeros(9, np.uint64), key=KEY, kind="shuffle")
    assert narrow.tolist() == [twin.word32(i) for i in range(9)]
    assert wide.tolist() == [twin.word64(i) for i in range(9)]


def test_the_page_prints_the_constants_of_the_header() -> None:
    header = (ROOT / "src" / "initcore" / "constants.h").read_text()
    hexadecimal = r"-?0x[0-9a-f.]+p[+-]\d+"
    in_header = {
        name: [float.fromhex(x) for x in re.findall(hexadecimal, body)]
        for name, body in re.findall(r"IC_(\w+)((?:\[\d+\])+ = \{.*?\};| -?0x\S+)", header, re.S)
    }
    in_page = {
        name: [float(x) for row in (t if isinstance(t[0], list) else [t]) for x in row]
        for name, t in stream_twin.C.items()
    }
    assert in_page == in_header


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("form", "file"), [("header", "src/initcore/constants.h"), ("markdown", "docs/stream-v1.md")]
)
def test_the_constants_are_what_the_tool_derives(form: str, file: str) -> None:
    pytest.importorskip("mpmath", reason="mpmath is not installed")
    tool = [sys.executable, ROOT / "tools" / "fit_transforms.py", form]
    printed = subprocess.run(tool, check=True, capture_output=True, encoding="utf-8").stdout
    assert (ROOT / file).read_text(encoding="utf-8").endswith(printed)
