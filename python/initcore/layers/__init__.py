"""Layers: parameters, their gradients, and the kernels that use them."""

from initcore.layers._base import Layer, first_reader, initializer, no_weights
from initcore.layers._builder import Builder, Lowerable, Value
from initcore.layers._chain import Chain, Residual
from initcore.layers._dense import Dense
from initcore.layers._elementwise import Activation, Dropout, Scale
from initcore.layers._norm import BatchNorm, LayerNorm, RMSNorm
from initcore.layers._shape import Embedding, Flatten

__all__ = [
    "Activation",
    "BatchNorm",
    "Builder",
    "Chain",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Lowerable",
    "RMSNorm",
    "Residual",
    "Scale",
    "Value",
    "first_reader",
    "initializer",
    "no_weights",
]
