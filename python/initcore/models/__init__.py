"""Initialization of whole models, by rules; knows no framework.

A `Model` lists the parameters, `recipe` reads the `Rules`, `make` says in a `Plan` which
distribution each parameter gets, before a byte is written. `initcore.interop` brings the models.
"""

from initcore.models.parameters import ROLES, Model, Parameter
from initcore.models.plan import Entry, Plan, key_below, make
from initcore.models.reading import RecipeLike, recipe
from initcore.models.roles import RECIPES, Recipe, Role, register
from initcore.models.rules import KEEP, Assignment, Rule, Rules, Scaled
from initcore.models.weights import Weights
from initcore.models.writing import Writer, made, write

__all__ = [
    "KEEP",
    "RECIPES",
    "ROLES",
    "Assignment",
    "Entry",
    "Model",
    "Parameter",
    "Plan",
    "Recipe",
    "RecipeLike",
    "Role",
    "Rule",
    "Rules",
    "Scaled",
    "Weights",
    "Writer",
    "key_below",
    "made",
    "make",
    "recipe",
    "register",
    "write",
]
