"""What the compiler made of the stream's kernels: nothing fused, and vectors of the full width."""

import re
import subprocess
from functools import cache
from pathlib import Path
from shutil import which

import pytest

BUILD = Path(__file__).parents[1] / "build"
KERNELS = ("fill", "truncated_normal", "sign", "mask", "round", "permutation")
FUSED = ("vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmla", "fmls", "fmadd", "fmsub", "fnm")
REGISTER = {"baseline": "%xmm", "avx2": "%ymm", "avx512": "%zmm"}
LAWS = [
    (law, real, {"f32": "mulps", "f64": "mulpd"}[real])
    for law in ("fill_uniform", "fill_normal", "fill_truncated_normal")
    for real in ("f32", "f64")
] + [("fill_truncated_normal_deep", "f32", "mulpd")]

WORDS = ("pmuludq", "pmullq")  # what Philox multiplies with

Code = dict[str, list[tuple[str, str]]]


def objects() -> list[Path]:
    found = [path for kernel in KERNELS for path in BUILD.glob(f"**/kernels/{kernel}.c.o")]
    return sorted(path for path in found if "initcore_" in path.parents[1].stem)


def isa_of(path: Path) -> str:
    return path.parents[1].stem.removeprefix("initcore_")


@cache
def code(path: Path) -> Code:
    """Mnemonic and operands of each instruction, by function."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    functions: Code = {}
    for line in text.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\w+)>:", line):
            body = functions.setdefault(start[1], [])
        elif "\t" in line:
            mnemonic, _, operands = line.split("\t", 1)[1].strip().partition(" ")
            body.append((mnemonic, operands))
    return functions


pytestmark = [
    pytest.mark.skipif(which("objdump") is None, reason="objdump (binutils) is not installed"),
    pytest.mark.skipif(not objects(), reason="the objects of the build are not in build/"),
]


@pytest.mark.parametrize("path", objects(), ids=lambda path: f"{isa_of(path)}-{path.name}")
def test_no_kernel_of_the_stream_contains_a_fused_multiply_add(path: Path) -> None:
    mnemonics = {mnemonic for body in code(path).values() for mnemonic, _ in body}
    assert len(mnemonics) > 10  # something was read
    assert not [mnemonic for mnemonic in mnemonics if mnemonic.startswith(FUSED)]


def wide(isa: str, name: str) -> list[str]:
    """The instructions of a kernel that work on the widest vectors of the set."""
    functions = [code(path) for path in objects() if isa_of(path) == isa]
    body = next(found[f"ic_{name}_{isa}"] for found in functions if f"ic_{name}_{isa}" in found)
    return [name.removeprefix("v") for name, operands in body if REGISTER[isa] in operands]


ISAS = [isa for isa in REGISTER if any(isa_of(path) == isa for path in objects())]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("law", "real", "product"), LAWS, ids=lambda part: part)
def test_laws_are_computed_by_whole_vectors(isa: str, law: str, real: str, product: str) -> None:
    mnemonics = wide(isa, f"{law}_{real}")
    assert sum(mnemonics.count(name) for name in WORDS) >= 20
    if (isa, law, real) != ("baseline", "fill_truncated_normal", "f64"):  # SSE2 lacks its selects
        assert mnemonics.count(product) >= 4


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "name", ["fill_bits_u32", "fill_bits_u64", "fill_sign_f32", "fill_sign_f64", "fill_mask"]
)
def test_bits_are_made_by_whole_vectors(isa: str, name: str) -> None:
    assert sum(wide(isa, name).count(word) for word in WORDS) >= 20
