"""What is built computes as it is written, and runs only where the CPU has what it needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_native import build, digest, require

from initcore import kernels

CORE = Path(__file__).parents[1] / "src"
WRONG = [
    "-ffast-math",
    "-ffinite-math-only",
    "-fassociative-math -fno-signed-zeros -fno-trapping-math",
    "-freciprocal-math",
    "-fno-signed-zeros",
    "-mfpmath=387",
]


def compiles(folder: Path, *flags: str) -> bool:
    source = folder / "base.c"
    source.write_text('#include "initcore/base.h"\n', encoding="utf-8")
    command = [os.environ.get("CC", "cc"), "-I", CORE, "-fsyntax-only", *flags, source]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not kernels._build_facts()["compiler"].startswith("GNU"),
                    reason="these are flags of GCC")  # fmt: skip
@pytest.mark.parametrize("flags", WRONG)
def test_flags_that_change_what_is_computed_are_refused(flags: str, tmp_path: Path) -> None:
    require(os.environ.get("CC", "cc"))
    assert compiles(tmp_path)
    if "387" in flags and not re.search("x86_64|AMD64", os.uname().machine):
        pytest.skip("x87 is of x86")
    assert not compiles(tmp_path, *flags.split())
    if "387" not in flags:  # which only the base architecture has: there it is refused
        taken_back = [f for f in kernels._build_facts()["flags"].split() if f.startswith("-f")]
        assert compiles(tmp_path, *flags.split(), *taken_back)


@pytest.mark.parametrize("flag", ["-ffp-contract=off", "-fno-unsafe-math-optimizations"])
def test_a_set_of_kernels_is_built_with_flags_that_keep_what_is_written(flag: str) -> None:
    assert flag in kernels._build_facts()["flags"].split()


@pytest.mark.slow
def test_cflags_that_change_what_is_computed_are_taken_back(tmp_path: Path) -> None:
    require("cmake")
    flags = "-funsafe-math-optimizations -freciprocal-math -ffast-math -fsingle-precision-constant"
    plain = build(tmp_path / "plain", "dump")
    other = build(tmp_path / "other", "dump", f"-DCMAKE_C_FLAGS={flags}")
    for isa in kernels.isas_available():
        assert digest(plain, isa=isa) == digest(other, isa=isa)


def emulated(cpu: str) -> list[str]:
    """The instruction sets that are chosen from on a CPU."""
    program = "import initcore; print(*initcore.kernels.isas_available())"
    command = ["qemu-x86_64", "-cpu", cpu, sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-x86_64 is not installed")
@pytest.mark.skipif("avx2" not in kernels.isas_built(), reason="this build is for another CPU")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="another library does not run emulated")
def test_a_set_is_chosen_only_where_every_feature_of_its_flags_is_there() -> None:
    assert emulated("Haswell") == ["baseline", "avx2"]
    features = [flag[2:] for flag in kernels._build_facts()["isa_flags"]["avx2"].split()]
    assert set(features) == {"avx2", "fma", "f16c", "bmi", "bmi2"}
    for feature in set(features) - {"bmi"}:  # without it the C library of many systems stops
        assert emulated(f"Haswell,-{feature}") == ["baseline"]
