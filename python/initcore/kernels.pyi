"""The kernels: stream fills, dense forward and backward, losses and optimizer steps."""

from collections.abc import Collection, Iterable, Sequence
from os import PathLike
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeVar, final, overload

import numpy as np
from numpy.typing import NDArray

from initcore.activations import Activation
from initcore.keys import Key

__version__: str
__pyx_capi__: dict[str, Any]

def isas_built() -> tuple[str, ...]: ...
def isas_available() -> tuple[str, ...]: ...
def isa() -> str: ...
def get_num_threads() -> int: ...
def set_num_threads(n: SupportsIndex) -> None: ...
def _select_isa(name: str) -> None: ...
def _override_threads(n: SupportsIndex) -> int: ...
def _cpus_of_groups(membership: str | PathLike[str], root: str | PathLike[str]) -> int: ...
def _build_facts() -> dict[str, Any]: ...

_Real = SupportsFloat | SupportsIndex
_Float = TypeVar("_Float", bound=np.generic)
_Word = TypeVar("_Word", np.uint32, np.uint64)

def fill_uniform(
    out: NDArray[_Float], *, low: _Real = 0.0, high: _Real = 1.0, key: Key
) -> NDArray[_Float]: ...
def fill_normal(
    out: NDArray[_Float], *, mean: _Real = 0.0, std: _Real = 1.0, key: Key
) -> NDArray[_Float]: ...
def fill_truncated_normal(
    out: NDArray[_Float],
    *,
    mean: _Real = 0.0,
    std: _Real = 1.0,
    low: _Real = -2.0,
    high: _Real = 2.0,
    key: Key,
) -> NDArray[_Float]: ...
def random_bits(out: NDArray[_Word], *, key: Key, kind: str = "value") -> NDArray[_Word]: ...
def fill_sign(out: NDArray[_Float], *, scale: _Real = 1.0, key: Key) -> NDArray[_Float]: ...
def random_mask(
    out: NDArray[np.bool_], *, p: _Real, key: Key, kind: str = "mask", first: int = 0
) -> NDArray[np.bool_]: ...
def _require_own_elements(array: NDArray[Any], name: str) -> None: ...
def _zero_columns(
    out: NDArray[Any],
    rows: SupportsIndex,
    zeros: SupportsIndex,
    seed: SupportsIndex,
    stream_id: SupportsIndex,
    first: tuple[SupportsIndex, SupportsIndex],
    strides: tuple[Sequence[SupportsIndex], Sequence[SupportsIndex]],
) -> NDArray[Any]: ...
def _fill(
    law: str,
    out: NDArray[Any],
    p: tuple[_Real, ...],
    seed: SupportsIndex,
    stream_id: SupportsIndex,
    first: SupportsIndex = 0,
    strides: Sequence[SupportsIndex] | None = None,
) -> NDArray[Any]: ...
def _fill_many(
    fills: Iterable[
        tuple[
            str,
            NDArray[Any],
            tuple[_Real, ...],
            SupportsIndex,
            SupportsIndex,
            SupportsIndex,
            Sequence[SupportsIndex] | None,
        ]
    ],
) -> None: ...
def _orthogonal(
    out: NDArray[Any], gain: _Real, seed: SupportsIndex, stream_id: SupportsIndex
) -> NDArray[Any]: ...
def _truncated_moments(low: _Real, high: _Real) -> tuple[float, float]: ...
def _philox4x32(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]: ...

_Array = NDArray[Any]

@overload
def dense_forward(
    x: _Array,
    w: _Array,
    b: _Array | None = None,
    *,
    activation: str | Activation = "identity",
    save: Literal[True] = True,
    out: _Array | None = None,
) -> tuple[_Array, _Array]: ...
@overload
def dense_forward(
    x: _Array,
    w: _Array,
    b: _Array | None = None,
    *,
    activation: str | Activation = "identity",
    save: Literal[False],
    out: _Array | None = None,
) -> _Array: ...
def dense_backward(
    dy: _Array,
    x: _Array | None,
    w: _Array | None,
    saved: _Array | None,
    *,
    activation: str | Activation = "identity",
    need: Collection[str] = ("dx", "dw", "db"),
    out: tuple[_Array | None, _Array | None, _Array | None] | dict[str, _Array] | None = None,
    accumulate: bool = False,
) -> tuple[Any, Any, Any]: ...
@overload
def activation_forward(
    z: _Array,
    activation: str | Activation,
    *,
    save: Literal[True] = True,
    out: _Array | None = None,
) -> tuple[_Array, _Array]: ...
@overload
def activation_forward(
    z: _Array,
    activation: str | Activation,
    *,
    save: Literal[False],
    out: _Array | None = None,
) -> _Array: ...
def activation_backward(
    dy: _Array,
    saved: _Array | None,
    activation: str | Activation,
    *,
    out: _Array | None = None,
) -> _Array: ...
def _saves_z(activation: str | Activation) -> bool | None: ...
def softmax_cross_entropy(
    logits: _Array, labels: NDArray[np.int64], *, out: _Array | None = None
) -> tuple[float, _Array]: ...
def mean_squared_error(
    y: _Array, target: _Array, *, out: _Array | None = None
) -> tuple[float, _Array]: ...
def sgd_step(
    parameter: _Array,
    gradient: _Array,
    velocity: _Array | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
) -> None: ...
def cross_entropy(
    logits: _Array,
    targets: _Array,
    *,
    labels: NDArray[np.int64] | None = None,
    peaks: _Array | None = None,
    sample_weights: _Array | None = None,
    out: _Array | None = None,
) -> tuple[float, _Array]: ...
def error_loss(
    error: str,
    y: _Array,
    target: _Array,
    *,
    a: _Real = 1.0,
    b: _Real = 1.0,
    sample_weights: _Array | None = None,
    out: _Array | None = None,
) -> tuple[float, _Array]: ...
def optimizer_step(
    rule: str,
    parameter: _Array,
    gradient: _Array,
    first: _Array | None = None,
    second: _Array | None = None,
    *,
    lr: _Real,
    clip: float = 1.0,
    decay: float = 0.0,
    shrink: float = 1.0,
    momentum: float = 0.0,
    memory: float = 0.0,
    root: float = 1.0,
    epsilon: float = 0.0,
    nesterov: bool = False,
) -> None: ...
def sum_of_squares(x: _Array) -> float: ...
def _layer(
    kernel: str,
    rows: int,
    n: int,
    *,
    number: float = 0.0,
    centered: bool = False,
    unbiased: bool = False,
    activation: str | Activation = "identity",
    **arrays: NDArray[Any] | None,
) -> None: ...
def _fma_chains(dtype: str, steps: int) -> float: ...
def _apply(function: str, x: _Array) -> _Array: ...
def _order(words: NDArray[np.uint64]) -> NDArray[np.int64]: ...

@final
class _Plan:
    def __new__(cls, samples: int, rows: int, is_double: bool, clip_norm: float = ...) -> _Plan: ...
    @property
    def at(self) -> int: ...
    @property
    def right(self) -> int: ...
    @property
    def norm(self) -> float: ...
    def gather(self, source: _Array) -> _Array: ...
    def op(
        self,
        kernel: str,
        each: int,
        rows: int,
        n: int,
        *,
        backward: bool = False,
        number: float = 0.0,
        centered: bool = False,
        unbiased: bool = False,
        activation: str | Activation = "identity",
        **arrays: NDArray[Any] | None,
    ) -> None: ...
    def mask(self, mask: _Array, p: float, seed: int, stream_id: int) -> None: ...
    def dense(
        self,
        x: _Array,
        y: _Array,
        z: _Array | None,
        dy: _Array,
        dx: _Array | None,
        w: _Array | None,
        b: _Array | None,
        dw: _Array | None,
        db: _Array | None,
        activation: str | Activation,
        probed_z: _Array | None,
    ) -> None: ...
    def probe(
        self,
        z: _Array,
        y: _Array,
        dy: _Array,
        dz: _Array | None,
        activation: str | Activation,
        low: float,
        high: float,
    ) -> None: ...
    def record_parameters(self, every: int, before: _Array) -> None: ...
    @property
    def record_columns(self) -> int: ...
    def softmax(self, y: _Array, dy: _Array, labels: _Array) -> None: ...
    def cross_entropy(
        self,
        y: _Array,
        dy: _Array,
        t: _Array,
        labels: _Array | None,
        peaks: _Array | None,
        weights: _Array | None,
    ) -> None: ...
    def squared(self, y: _Array, dy: _Array, t: _Array) -> None: ...
    def errors(
        self,
        error: str,
        a: float,
        b: float,
        y: _Array,
        dy: _Array,
        t: _Array,
        weights: _Array | None,
    ) -> None: ...
    def count(self, classes: _Array) -> None: ...
    def count_sides(self) -> None: ...
    def parameter(
        self,
        p: _Array,
        g: _Array,
        first: _Array | None,
        second: _Array | None,
        numbers: int,
    ) -> None: ...
    def numbers(self, rule: str, numbers: list[dict[str, Any]], each: int, first: int) -> None: ...
    def begin(
        self, order: _Array, losses: _Array, steps_before: int, record: _Array | None
    ) -> None: ...
    def run(self, end: int) -> bool: ...
    def outputs(self, x: _Array) -> _Array | None: ...
    def pair(self) -> None: ...
    def update(self) -> None: ...
