"""The core without Python: on CPUs that are not here, emulated, and under ThreadSanitizer."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from initcore import kernels

SOURCE = Path(__file__).parent / "native"
ARM = [
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc",
    "-DCMAKE_EXE_LINKER_FLAGS=-static",
]


def build(folder: Path, program: str, *options: str, source: Path = SOURCE) -> Path:
    subprocess.run(["cmake", "-S", source, "-B", folder, *options], check=True, timeout=120)
    # the emulated intrinsics take a compiler minutes
    command = ["cmake", "--build", folder, "--parallel", "2", "--target", program]
    subprocess.run(command, check=True, timeout=900)
    return folder / program


def digest(*command: str | Path, isa: str) -> str:
    environment = {**os.environ, "INITCORE_ISA": isa, "INITCORE_NUM_THREADS": "2"}
    result = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, timeout=300
    )
    assert len(result.stdout) > 1_000_000
    return hashlib.sha256(result.stdout).hexdigest()


def require(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@pytest.mark.nightly
def test_arm_gives_the_same_bytes(tmp_path: Path) -> None:
    require("cmake", "aarch64-linux-gnu-gcc", "qemu-aarch64")
    here = build(tmp_path / "here", "dump")
    found = {digest(here, isa=name) for name in kernels.isas_available()}
    arm = build(tmp_path / "arm", "dump", *ARM)
    found.add(digest("qemu-aarch64", arm, isa="neon"))
    assert len(found) == 1


@pytest.mark.nightly
@pytest.mark.skipif("avx2" not in kernels.isas_available(), reason="AVX-512 is emulated on AVX2")
def test_avx512_gives_the_same_bytes_also_where_no_cpu_has_it(tmp_path: Path) -> None:
    require("cmake")
    dump = build(tmp_path, "dump", "-DINITCORE_EMULATE_AVX512=ON")
    assert digest(dump, isa="avx512") == digest(dump, isa="avx2")


def links(folder: Path, flag: str) -> bool:
    """Whether the compiler has what a flag asks for, its library included."""
    source = folder / "main.c"
    source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    command = [os.environ.get("CC", "cc"), flag, source, "-o", folder / "main"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_the_pool_has_no_data_race(tmp_path: Path) -> None:
    require("cmake", os.environ.get("CC", "cc"))
    if not links(tmp_path, "-fsanitize=thread"):
        pytest.skip("the compiler has no ThreadSanitizer")
    races = build(tmp_path, "races", "-DINITCORE_SANITIZE=thread")
    # by itself it stops a forked child that starts threads, which is what is to be seen
    environment = {**os.environ, "TSAN_OPTIONS": "die_after_fork=0"}
    result = subprocess.run(
        [races], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr


@pytest.mark.nightly
def test_the_phases_of_a_product_are_measured(tmp_path: Path) -> None:
    require("cmake")
    isas = {"avx2", "avx512", "neon"} & set(kernels.isas_available())
    if not isas:
        pytest.skip("no instruction set with a program of phases")
    for isa in isas:
        program = build(tmp_path, f"phases_{isa}", source=SOURCE.parents[1] / "tools" / "phases")
        printed = subprocess.run(
            [program, "1"], stdout=subprocess.PIPE, check=True, timeout=300, text=True
        )
        header, *rows = (line.split("\t") for line in printed.stdout.splitlines())
        assert len(rows) == 15
        assert all(len(row) == len(header) for row in rows)
        assert all(float(figure) >= 0 for row in rows for figure in row[4:])
        refused = subprocess.run([program, "0"], stderr=subprocess.PIPE, check=False, timeout=60)
        assert refused.returncode == 2
