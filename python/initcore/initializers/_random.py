"""Initializers that draw every element from one law: uniform, normal, truncated normal."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, final

import numpy as np

from initcore import kernels
from initcore._checks import check_fields, not_negative, number, one_of, positive, real
from initcore._memory import torch_tensors
from initcore.initializers._base import A, Initializer, refuse_own_write
from initcore.initializers._block import Block
from initcore.initializers._law import Law, Spread, spread_of
from initcore.initializers._truncation import parent_std, result_std
from initcore.initializers._weight import Fans, WeightShape
from initcore.keys import Key, require_key

_MOST_CACHED = 256


class _CachedFill(NamedTuple):
    """What the kernels are told to fill a whole array of one shape and layout."""

    law: str
    parameters: tuple[float, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Elementwise(Initializer):
    """An initializer whose element i is a pure function of the key, i and one law."""

    _by_element: ClassVar[bool] = True

    kind: ClassVar[str] = "value"
    """Which of the key's streams the law draws from."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_own_write(cls, Elementwise)

    @cached_property
    def _cached(self) -> dict[tuple[tuple[int, ...], str], _CachedFill]:
        """Fills by shape and layout, of calls that say nothing else of the tensor."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone, for pickles and copies."""
        return {name: value for name, value in vars(self).items() if name != "_cached"}

    def fill(
        self,
        array: A,
        *,
        key: Key | None = None,
        layout: str = "oi",
        groups: int = 1,
        transposed: bool = False,
        stride: int | Sequence[int] = 1,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> A:
        """Fill an array in place, whatever its strides, and return it.

        Parameters
        ----------
        array : numpy.ndarray, torch.Tensor, or of a type given to `initcore.interop.allow`
            As in `Initializer.fill`.
        key, layout, groups, transposed, stride, fan_in, fan_out
            As in a call.
        """
        # A model has many layers of few shapes, most of them small: what is the same for all of
        # them is worked out once. Anything else takes the checked path.
        usual = fan_in is None and fan_out is None and groups == 1 and not transposed
        exact = type(layout) is str and type(groups) is int and type(stride) is int and stride == 1
        memory: Any = None
        if usual and exact and isinstance(key, Key):
            memory = array if type(array) is np.ndarray else torch_tensors.quick_view(array)
            if memory is not None and self._fill_again(memory, key, layout):
                if memory is not array:
                    torch_tensors.written(array)
                return array
        super().fill(
            array,
            key=key,
            layout=layout,
            groups=groups,
            transposed=transposed,
            stride=stride,
            fan_in=fan_in,
            fan_out=fan_out,
        )
        if memory is not None:
            self._remember(memory.shape, layout)
        return array

    def _fill_again(self, array: np.ndarray[Any, Any], key: Key, layout: str) -> bool:
        """Fill an array of a shape that was filled before; False if the checked path is to run."""
        cached = self._cached.get((array.shape, layout))
        if cached is None:
            return False
        try:
            kernels._fill(
                cached.law,
                array,
                cached.parameters,
                key.seed,
                key.stream_id(self.kind),
                0,
                cached.strides,
            )
        except (TypeError, ValueError):
            return False
        return True

    def _remember(self, shape: tuple[int, ...], layout: str) -> None:
        if 0 in shape:
            return
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        weight = WeightShape.of(shape, layout)
        self._cached[shape, layout] = _CachedFill(*self.law(weight.fans), weight.strides)

    @abstractmethod
    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters, for a tensor with these fans."""

    @final
    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        tensor_key = require_key(key)
        if out.size == 0:
            return
        name, parameters = self.law(weight.fans)
        strides = weight.strides
        kernels._fill(
            name,
            out,
            parameters,
            tensor_key.seed,
            tensor_key.stream_id(self.kind),
            block.first(strides),
            block.strides(strides),
        )

    @final
    def spread(self, weight: WeightShape) -> Spread:
        """Mean and standard deviation of the law."""
        return spread_of(self.law(weight.fans))


@dataclass(frozen=True, repr=False, kw_only=True)
class Normal(Elementwise):
    """N(mean, std^2).

    Parameters
    ----------
    std : float, default 1.0
        Standard deviation, not negative.
    mean : float, default 0.0
        Both are rounded once to the type of the array.

    Notes
    -----
    Use: a width that is a number of the model, such as 0.02 in transformers; not for deep plain
    networks, which need a fan.
    Exactness: bit-exact, stream v1.
    Source: Box and Muller, "A note on the generation of random normal deviates", 1958;
    docs/stream-v1.md.
    Check: abs(draw(Normal(std=0.02), 100_000).std() / 0.02 - 1) <= 0.011

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.Normal(std=0.02)((64, 64), key=ic.Key(0) / "fc" / "weight")
    >>> bool(0.019 < w.std() < 0.021)
    True
    """

    std: float = 1.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, real, "mean")
        check_fields(self, not_negative, "std")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"N({self.mean:g}, {self.std:g}^2)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return "normal", (self.mean, self.std)


@dataclass(frozen=True, repr=False, kw_only=True)
class Uniform(Elementwise):
    """Uniform on [low, high).

    Parameters
    ----------
    low, high : float, default -1.0 and 1.0
        Rounded once to the type of the array; low must not exceed high.

    Notes
    -----
    Use: bounds that a model names, such as Keras's 0.05; not where a fan should set the width.
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.
    Check: abs(draw(Uniform(), 100_000).std() * math.sqrt(3) - 1) <= 0.007

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.Uniform(low=0.0, high=1.0)((1000,), key=ic.Key(0) / "u")
    >>> bool(0 <= w.min() and w.max() < 1)
    True
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "low", "high")
        if self.low > self.high:
            raise ValueError(f"low={self.low!r} must not exceed high={self.high!r}")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"U[{self.low:g}, {self.high:g})"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters."""
        return "uniform", (self.low, self.high)


@dataclass(frozen=True, repr=False, kw_only=True)
class TruncatedNormal(Elementwise):
    """A normal law conditioned on [low, high], by its inverse distribution function.

    Parameters
    ----------
    std : float, default 1.0
        Standard deviation, positive: that of the normal before the cut
        (``std_of="parent"``) or of the values after it (``std_of="result"``).
    mean : float, default 0.0
        Mean of the normal before the cut.
    low, high : float, default -2.0 and 2.0
        Where it is cut; infinities are allowed.
    bounds : {"sigma", "absolute"}, default "sigma"
        Whether `low` and `high` count standard deviations of the parent from its mean (as in
        Keras and JAX), or are values (as in PyTorch).
    std_of : {"parent", "result"}, default "parent"
        Whose standard deviation `std` is. At a cut of 2 sigma the result's is 0.8796 of the
        parent's.

    Raises
    ------
    ValueError
        If low >= high, or no parent gives the standard deviation asked for.

    Notes
    -----
    Use: transformers whose papers cut their normal law; not where a fan should set the width.
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.
    Check: std(TruncatedNormal()) == 0.8796256610

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.TruncatedNormal(std=0.02)((64, 64), key=ic.Key(0) / "embedding")
    >>> bool(abs(w).max() <= 0.04)
    True
    """

    std: float = 1.0
    mean: float = 0.0
    low: float = -2.0
    high: float = 2.0
    bounds: Literal["sigma", "absolute"] = "sigma"
    std_of: Literal["parent", "result"] = "parent"

    def __post_init__(self) -> None:
        check_fields(self, real, "mean")
        check_fields(self, positive, "std")
        check_fields(self, number, "low", "high")
        if not self.low < self.high:
            raise ValueError(f"low={self.low!r} must be less than high={self.high!r}")
        one_of(self.bounds, "bounds", ("sigma", "absolute"))
        one_of(self.std_of, "std_of", ("parent", "result"))
        self.law(Fans(None, None))  # an impossible std is an error now, not at the first fill

    @property
    def rule(self) -> str:
        """The law in a few words."""
        unit = " sigma" if self.bounds == "sigma" else ""
        whose = "" if self.std_of == "parent" else " after the cut"
        return (
            f"N({self.mean:g}, {self.std:g}^2){whose}, cut to [{self.low:g}, {self.high:g}]{unit}"
        )

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law and its parameters: the parent's, and absolute bounds."""
        std = self.std
        if self.std_of == "result":
            if self.bounds == "sigma":
                std /= result_std(self.low, self.high)
            else:
                std = parent_std(std, self.low - self.mean, self.high - self.mean)
        low, high = self.low, self.high
        if self.bounds == "sigma":
            low, high = self.mean + std * low, self.mean + std * high
        return "truncated_normal", (self.mean, std, low, high)
