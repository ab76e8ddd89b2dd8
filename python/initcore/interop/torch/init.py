"""A drop-in for torch.nn.init: the same functions, arguments, defaults and laws, and a key.

``from initcore.interop.torch import init`` in the place of ``from torch.nn import init`` is all.
The functions that draw take two more arguments, by name: `key`, an `initcore.Key` that says which
numbers, and, as in torch, `generator`. Without either, one 64-bit seed is drawn from torch's
generator, so that ``torch.manual_seed`` decides as before; the numbers are initcore's, not torch's.
Functions that draw nothing (``constant_``, ``ones_``, ``zeros_``, ``eye_``, ``dirac_``,
``calculate_gain``) are torch's own. Where torch raises, the same type of error is raised.

It deviates where torch accepts silently what makes no start, or refuses what does:

- A mean, standard deviation, gain or bound that is not finite, a negative `std` of
  `trunc_normal_`, and a value beyond the tensor's type are a RuntimeError; torch fills with NaN or
  infinities. (Infinite bounds of `trunc_normal_` are fine in both.)
- `sparse_` refuses a `sparsity` outside [0, 1] (ValueError), where torch leaves no zeros or all;
  and takes its zeros from the key or the generator too, where torch takes them from its global one.
- `trunc_normal_` is right however far the bounds are from the mean, so it has no warning for that;
  beyond 36 standard deviations it is a RuntimeError. It draws a number for each element, once.
- `orthogonal_` takes float16 and bfloat16 (the float32 matrix, rounded once) and tensors of any
  strides.
- The numbers do not depend on strides or threads, and 16-bit tensors hold the float32 numbers,
  rounded once; a uniform one may hold its upper bound, if rounding leads there.
- Complex tensors, tensors on a device other than CUDA's, sparse ones and subclasses that wrap
  others are a NotImplementedError. An inference tensor is a RuntimeError also within
  ``torch.inference_mode``. Meta and fake tensors are left alone, as in torch. TorchScript and
  torch.compile do not see through these functions.
"""

import math
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn import init as _torch
from torch.nn.init import calculate_gain, constant_, dirac_, eye_, ones_, zeros_

from initcore._memory import torch_tensors
from initcore.initializers import Initializer, Normal, Orthogonal, Sparse, TruncatedNormal, Uniform
from initcore.keys import Key, require_key

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]


def _key(key: Key | None, generator: torch.Generator | None) -> Key:
    """The key itself, or one whose seed the generator draws."""
    if key is None:
        drawn = torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator)
        return Key(int(drawn))
    if generator is not None:
        raise ValueError("key and generator both say which numbers to draw; pass one of them")
    return require_key(key)


def _has_no_memory(tensor: Tensor) -> bool:
    return tensor.is_meta or type(tensor).__module__.startswith("torch._subclasses.")


def _fill(
    tensor: Tensor,
    make: Callable[[], Initializer],
    key: Key | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Fill the tensor by the initializer that `make` makes, with torch's types of errors."""
    try:
        init = make()
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    if _has_no_memory(tensor):
        return tensor
    try:
        torch_tensors.require(tensor, "tensor", gpu=True)
    except TypeError as error:
        in_place = tensor.is_inference() or "expanded" in str(error)
        raise (RuntimeError if in_place else NotImplementedError)(str(error)) from error
    tensor_key = _key(key, generator)
    try:
        return init.fill(tensor, key=tensor_key)
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from U[a, b) and return it.

    Parameters
    ----------
    tensor : torch.Tensor
        Of float32, float64, float16 or bfloat16; written in place, without a trace in autograd.
    a, b : float
        The bounds.
    generator : torch.Generator, optional
        Draws the seed; None for torch's own.
    key : Key, optional
        Says which numbers, in the place of a generator.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.uniform_.

    Examples
    --------
    >>> import torch, initcore as ic
    >>> from initcore.interop.torch import init
    >>> w = init.uniform_(torch.empty(3, 5), key=ic.Key(0) / "w")
    >>> bool((w >= 0).all() and (w < 1).all())
    True
    """
    return _fill(tensor, lambda: Uniform(low=a, high=b), key, generator)


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from N(mean, std^2) and return it; see `uniform_` for what all share.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.normal_.
    """
    return _fill(tensor, lambda: Normal(std=std, mean=mean), key, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from N(mean, std^2) given that a <= x <= b, and return it.

    The bounds are values, not multiples of std.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.trunc_normal_.
    """
    if std == 0:
        raise ZeroDivisionError(f"std={std!r} must be greater than 0; for a constant use constant_")
    if a == b:
        return _fill(tensor, lambda: Uniform(low=a, high=b), key, generator)
    return _fill(
        tensor,
        lambda: TruncatedNormal(std=std, mean=mean, low=a, high=b, bounds="absolute"),
        key,
        generator,
    )


def _glorot_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _torch._calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from U(-r, r), r = gain sqrt(6 / (fan_in + fan_out)), and return it.

    The fans are those that torch reads off the shape.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.xavier_uniform_; Glorot and Bengio 2010.
    """
    bound = math.sqrt(3.0) * _glorot_std(tensor, gain)
    return _fill(tensor, lambda: Uniform(low=-bound, high=bound), key, generator)


def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from N(0, gain^2 2 / (fan_in + fan_out)) and return it.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.xavier_normal_; Glorot and Bengio 2010.
    """
    std = _glorot_std(tensor, gain)
    return _fill(tensor, lambda: Normal(std=std), key, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """The standard deviation; None, with torch's warning, if there is nothing to fill."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _torch._calculate_correct_fan(tensor, mode)
    return float(calculate_gain(nonlinearity, a) / math.sqrt(fan))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from U(-r, r), r = gain sqrt(3 / fan), and return it.

    The gain is `calculate_gain` of the nonlinearity and of its slope `a`, the fan what `mode` says.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.kaiming_uniform_; He et al. 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return _fill(tensor, lambda: Uniform(low=-bound, high=bound), key, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor from N(0, gain^2 / fan) and return it; see `kaiming_uniform_`.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.kaiming_normal_; He et al. 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    return _fill(tensor, lambda: Normal(std=std), key, generator)


def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the tensor with gain times orthonormal rows, or columns if it is tall, and return it.

    Trailing axes are flattened into one.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.orthogonal_; Saxe et al. 2013.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    return _fill(tensor, lambda: Orthogonal(gain), key, generator)


def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: torch.Generator | None = None,
    *,
    key: Key | None = None,
) -> Tensor:
    """Fill the matrix from N(0, std^2) with ceil(sparsity rows) zeros per column, and return it.

    Notes
    -----
    Exactness: bit-exact, stream v1, of the key or of the seed that is drawn.
    Source: torch.nn.init.sparse_; Martens 2010.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity={sparsity!r} must be a part of 1: from 0 to 1")
    return _fill(tensor, lambda: Sparse(sparsity, std), key, generator)


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under the name that torch deprecates, with torch's warning."""
    new = function.__name__
    old = new[:-1]

    @wraps(function)
    def warn(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    warn.__name__ = warn.__qualname__ = old
    warn.__doc__ = f"Deprecated name of `{new}`, as in torch."
    return warn


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
