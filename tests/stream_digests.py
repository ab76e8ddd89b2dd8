"""The golden digests of stream v1: what they are of, and how they are printed.

python tests/stream_digests.py > tests/data/stream_v1_digests.txt
"""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from initcore import Key, kernels

FILE = Path(__file__).parent / "data" / "stream_v1_digests.txt"
LONG, SHORT = 100_003, 1_027
HEADER = """\
# Stream v1: SHA-256 of the elements' bytes, little-endian, in index order.
# law, bits, parameters, seed, path, first element, number of elements, digest.
"""


class Case(NamedTuple):
    law: str
    bits: int
    parameters: tuple[float, ...]
    seed: int
    path: str
    first: int
    n: int

    def __str__(self) -> str:
        numbers = ",".join(repr(p) for p in self.parameters)
        return f"{self.law} {self.bits} {numbers} {self.seed} {self.path} {self.first} {self.n}"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(f"f{self.bits // 8}")

    def fill(self, out: np.ndarray, offset: int = 0, strides: tuple[int, ...] | None = None):
        key = Key(self.seed).at(self.path)
        first = self.first + offset
        return kernels._fill(
            self.law, out, self.parameters, key.seed, key.stream_id(), first, strides
        )


LAWS = {
    "uniform": [(0.0, 1.0), (-0.0625, 0.0875)],
    "normal": [(0.0, 1.0), (0.1, 0.02)],
    "truncated_normal": [(0.0, 1.0, -2.0, 2.0), (0.0, 1.0, -0.5, 9.0), (0.0, 1.0, 4.0, 40.0)],
}
PLACES = [
    (0, "fc1.weight", 0, LONG),
    (2**64 - 1, "layers.0.weight", 3, SHORT),
    (20260301, "große.Schicht", 2**34 - 513, SHORT),
]


def cases() -> list[Case]:
    return [
        Case(law, bits, parameters, *place)
        for law, rows in LAWS.items()
        for bits in (32, 64)
        for parameters in rows
        for place in PLACES
    ]


def digest(elements: np.ndarray) -> str:
    return sha256(elements.astype(elements.dtype.newbyteorder("<")).tobytes()).hexdigest()


def recorded() -> dict[str, str]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


if __name__ == "__main__":
    print(HEADER, end="")
    for case in cases():
        print(case, digest(case.fill(np.zeros(case.n, case.dtype))))
