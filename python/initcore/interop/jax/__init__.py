"""JAX: initializer functions for Flax, Haiku and Equinox, and whole trees of parameters.

A function of `jax.nn.initializers` has the same name, arguments, defaults and law here, and the
numbers of stream v1. ``init(key, shape, dtype)`` is right under ``jit``, ``eval_shape``, ``vmap``
and sharding. A JAX key stands for the seed that `key_of` says, an `initcore.Key` for itself: with
that, a kernel has the bytes that the same name has in every other framework. `initialize` starts
all parameters by a recipe.
"""

from initcore.interop.jax._functions import (
    Function,
    constant,
    delta_orthogonal,
    from_initializer,
    glorot_normal,
    glorot_uniform,
    haiku,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    key_of,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    truncated_normal,
    uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from initcore.interop.jax._initialize import Started, initialize

__all__ = [
    "Function",
    "Started",
    "constant",
    "delta_orthogonal",
    "from_initializer",
    "glorot_normal",
    "glorot_uniform",
    "haiku",
    "he_normal",
    "he_uniform",
    "initialize",
    "kaiming_normal",
    "kaiming_uniform",
    "key_of",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
