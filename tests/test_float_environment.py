"""What other libraries do to the processor's floating-point mode changes no byte of a fill."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from initcore import Key, kernels, num_threads

KEY = Key(9) / "environment"
FLUSH_X86 = 0x8040  # MXCSR: flush results to zero, read subnormals as zero
UPWARD_X86 = 0x4000  # MXCSR: round up
TINY = 5e-39  # subnormal in float32


@contextmanager
def mxcsr_with(bits: int) -> Iterator[None]:
    """Set bits of MXCSR, the last word of glibc's fenv_t on x86-64, for this thread."""
    libm = ctypes.CDLL("libm.so.6")
    saved, changed = (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(saved)
    libm.fegetenv(changed)
    changed[7] |= bits
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(saved)


def draws(n: int = 70_000) -> bytes:
    """Numbers and parameters that a flush to zero or another rounding would change."""
    single, double = np.empty(n, np.float32), np.empty(n, np.float64)
    result = b""
    for out, tiny in ((single, TINY), (double, 1e-309)):
        result += kernels.fill_uniform(out, high=tiny, key=KEY).tobytes()
        result += kernels.fill_normal(out, std=0.1, key=KEY).tobytes()
        result += kernels.fill_normal(out, std=tiny, key=KEY).tobytes()
        result += kernels.fill_truncated_normal(
            out, std=0.1, low=-0.13, high=0.3, key=KEY
        ).tobytes()
        result += kernels.fill_truncated_normal(out, low=1.3, high=9.7, key=KEY).tobytes()
    return result


@pytest.mark.skipif(platform.machine() != "x86_64", reason="sets the x86-64 register MXCSR")
@pytest.mark.parametrize("bits", [FLUSH_X86, UPWARD_X86], ids=["flush to zero", "round up"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_foreign_mode_changes_no_byte(isa: str, bits: int, threads: int) -> None:
    with num_threads(threads):
        expected = draws()
        with mxcsr_with(bits):
            got = draws()
    assert got == expected


@pytest.mark.skipif(platform.machine() != "x86_64", reason="sets the x86-64 register MXCSR")
def test_the_foreign_mode_is_really_set_and_is_given_back() -> None:
    tiny = np.full(8, TINY, np.float32)
    with mxcsr_with(FLUSH_X86):
        kernels.fill_normal(np.empty(10, np.float32), key=KEY)
        flushed = tiny * np.float32(0.5)
    assert not flushed.any()
    assert (tiny * np.float32(0.5)).all()
