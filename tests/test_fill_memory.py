"""A fill takes no memory to speak of beside the array."""

import os
import subprocess
import sys

import pytest

resource = pytest.importorskip("resource", reason="this system does not say what memory is used")
MOST = 8  # MiB; the array has 128

PROGRAM = """
import resource, numpy as np, initcore as ic
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out = np.full((4096, 8192 * 4 // {item}), 1, "{dtype}")
key = ic.Key(0) / "memory"
ic.Normal().fill(out[:64], key=key)
before = peak()
ic.Normal().fill(out{view}, key=key, layout="{layout}")
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak in Linux's unit")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="another library may take memory, too")
@pytest.mark.parametrize(
    ("dtype", "layout", "view"),
    [
        ("f4", "oi", ""),
        ("f4", "io", ""),
        ("f4", "oi", ".T"),
        ("f4", "oi", "[:, ::-1]"),
        ("f8", "oi", ""),
        ("f2", "oi", ""),
    ],
)
def test_a_fill_makes_no_array_of_its_own(dtype: str, layout: str, view: str) -> None:
    program = PROGRAM.format(dtype=dtype, layout=layout, view=view, item=dtype[1])
    environment = {**os.environ, "INITCORE_NUM_THREADS": "2"}
    rise = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert int(rise) < MOST
