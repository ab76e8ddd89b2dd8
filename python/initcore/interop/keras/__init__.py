"""Initializers for Keras 3, with Keras's names, arguments, defaults and laws, and whole models.

Where Keras's initializers take a seed these take a key, and with it the numbers of stream v1: a
kernel of the same name has the same bytes in every framework and on every backend. An object starts
one tensor; a second use, which gives cloned layers in Keras, is an error, and ``.at(name)`` makes
one with a key of its own. `initialize` starts a whole model by a recipe.
"""

from initcore.interop.keras._initialize import initialize
from initcore.interop.keras._start import (
    Start,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
    random_normal,
    random_uniform,
    truncated_normal,
    variance_scaling,
)

__all__ = [
    "Start",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initialize",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
]
