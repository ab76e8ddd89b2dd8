"""Initialization of whole models, by rules; knows no framework.

A `Model` lists the parameters, `recipe` reads the `Rules`, `make` says in a `Plan` which
distribution each parameter gets, before a byte is written. `initcore.interop` brings the models.
"""

from initcore.models.parameters import ROLES, Model, Parameter
from initcore.models.plan import Entry, Plan, key_below, make
from initcore.models.presets import PRESETS
from initcore.models.reading import RecipeLike, recipe
from initcore.models.rules import KEEP, Rule, Rules, Scaled, Start
from initcore.models.weights import Weights
from initcore.models.writing import Writer, made, write

__all__ = [
    "KEEP",
    "PRESETS",
    "ROLES",
    "Entry",
    "Model",
    "Parameter",
    "Plan",
    "RecipeLike",
    "Rule",
    "Rules",
    "Scaled",
    "Start",
    "Weights",
    "Writer",
    "key_below",
    "made",
    "make",
    "recipe",
    "write",
]
