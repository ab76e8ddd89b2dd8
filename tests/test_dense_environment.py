"""Dense layers under what others set: flush-to-zero and rounding modes; and what they allocate."""

import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import allocated
import numpy as np
import pytest
from test_float_environment import FLUSH_X86, UPWARD_X86, mxcsr_with

from initcore import kernels, num_threads

KINDS = (np.float32, np.float64)
needs_mxcsr = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="sets the x86-64 register MXCSR"
)


Inputs = tuple[np.ndarray, ...]


def inputs(kind: type) -> Inputs:
    """x, w, b, dy of a layer whose sums are subnormal, with work for four threads."""
    rng = np.random.default_rng(3)
    tiny = kind(np.finfo(kind).tiny)
    x, w, dy = (rng.normal(size=s).astype(kind) for s in ((130, 270), (250, 270), (130, 250)))
    return x * (tiny / 64), w, np.full(250, tiny / 4, kind), dy * (tiny / 64)


def results(arrays: Inputs, activation: str) -> bytes:
    x, w, b, dy = arrays
    y, saved = kernels.dense_forward(x, w, b, activation=activation)
    gradients = kernels.dense_backward(dy, x, w, saved, activation=activation)
    alone = kernels.dense_forward(x[:1], w, save=False)  # one row has a path of its own
    return b"".join(a.tobytes() for a in (y, *gradients, alone))


@needs_mxcsr
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [FLUSH_X86, UPWARD_X86], ids=["flush to zero", "round up"])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_foreign_mode_changes_no_byte_of_a_layer(
    activation: str, threads: int, bits: int, kind: type, isa: str
) -> None:
    arrays, least = inputs(kind), np.full(8, np.finfo(kind).tiny, kind)
    with num_threads(threads):
        expected = results(arrays, activation)
        with mxcsr_with(bits):
            got = results(arrays, activation)
            halves, above_one = least * kind(0.5), least + kind(1)
    assert got == expected
    # the mode was set, and the kernels have left it so
    assert not halves.any() if bits == FLUSH_X86 else (above_one > 1).all()


@needs_mxcsr
def test_threads_that_are_born_under_a_foreign_mode_change_no_byte() -> None:
    """A new thread takes the mode of the one that starts it: a process of its own, for its pool."""
    program = """
        import hashlib, sys
        import numpy as np
        from test_dense_environment import FLUSH_X86, inputs, mxcsr_with, results
        from initcore import set_num_threads
        set_num_threads(4)
        arrays = inputs(np.float32)
        with mxcsr_with(FLUSH_X86 if sys.argv[1] == "flushed" else 0):
            found = results(arrays, "tanh")
        print(hashlib.sha256(found).hexdigest())
    """
    found = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), mode],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout
        for mode in ("flushed", "plain")
    }  # fmt: skip
    assert len(found) == 1


COUNTED = """
    import sys
    import numpy as np
    from initcore import kernels, set_num_threads

    set_num_threads(int(sys.argv[1]))
    rng = np.random.default_rng(0)
    for shape in ((1, 64, 64), (32, 64, 64), (33, 257, 50), (130, 300, 260), (2048, 8, 1200)):
        batch, n_in, n_out = shape
        x, w, b, dy = (
            rng.normal(size=size).astype("f4")
            for size in ((batch, n_in), (n_out, n_in), n_out, (batch, n_out))
        )
        y, out = np.empty_like(dy), (np.empty_like(x), np.empty_like(w), np.empty_like(b))

        def both(y, out):
            y = kernels.dense_forward(x, w, b, activation="tanh", save=False, out=y)
            kernels.dense_backward(dy, x, w, y, activation="tanh", out=out)

        both(y, out)
        before = allocated()
        for _ in range(20):
            both(y, out)
        given = allocated() - before
        before = allocated()
        both(None, None)
        print(given, allocated() - before)
"""


@pytest.mark.parametrize("threads", [1, 4])
def test_dense_with_out_takes_no_memory(threads: int, tmp_path: Path) -> None:
    rows = allocated.numbers_of(COUNTED, threads, folder=tmp_path)
    assert len(rows) == 5
    for given, new in rows:
        assert given == 0
        assert new > 0  # or the counter does not count
