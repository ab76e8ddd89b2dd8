"""Recipes for models: by name, from a dict, from a TOML file."""

import tomllib
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

from initcore import initializers
from initcore.initializers import Initializer
from initcore.models.presets import PRESETS
from initcore.models.presets.common import optional, rest
from initcore.models.rules import KEEP, Choice, Rule, Rules, Scaled

_RULE_FIELDS = ("name", "module", "role", "init", "needed")
_FIELDS = ("base", "rules", "title")

RecipeLike = str | dict[str, Any] | Initializer | Rules | PathLike[str]


def recipe(given: RecipeLike, **options: Any) -> Rules:
    """A recipe: which tensor of a model starts how.

    Parameters
    ----------
    given : str, dict, os.PathLike, Initializer or Rules
        - A name: ``"xavier"``, ``"he"``, ``"glorot"``, ``"lecun"``, ``"torch_default"``,
          ``"keras_default"``, ``"gpt2"``, ``"llama"``, ``"olmo"``, ``"bert"``, ``"vit"``,
          ``"nfnet"``, ``"fixup_resnet"``, ``"mup"``, ``"deepnorm"`` or ``"siren"``.
        - A dict of a name and its options, ``{"recipe": "gpt2", "n_layers": 12}``.
        - A dict of rules, ``{"rules": [{"name": "*.head.weight", "init": "zeros"}], "base":
          "he"}``: the rules come first, then those of the base, if there is one. A rule has an
          ``"init"`` and says which tensors it is for by ``"name"`` (patterns), ``"module"`` (class
          of the layer) and ``"role"``; all that it says has to fit, and the first rule that fits
          decides. ``"init"`` is an initializer's name or dict, ``"keep"``, or ``{"initializer":
          "Scaled", ...}`` for the gain of what follows.
        - The path of a TOML file (a Path, or a text that ends in ``.toml``) of such a dict.
        - An initializer: kernels take it, biases are 0, normalizations the identity, embeddings
          N(0, 1).
    **options
        Of a recipe given by name.

    Returns
    -------
    Rules

    Raises
    ------
    TypeError, ValueError
        If a name, an option or a field is not known; the message lists those that are.

    Notes
    -----
    Source: of each named recipe, that of its initializers.

    Examples
    --------
    >>> from initcore import interop
    >>> len(interop.recipe("gpt2", n_layers=12).rules) > 5
    True
    >>> interop.recipe({"base": "he", "rules": [{"role": "bias", "init": "zeros"}]}).name
    'rules over he'
    """
    if isinstance(given, Rules):
        _no_options(options)
        return given
    if isinstance(given, Initializer):
        _no_options(options)
        first = optional(given, role=("weight", "recurrent"))
        return Rules(repr(given), (first, *rest()), {"initializer": given.to_dict()})
    if isinstance(given, PathLike) or (isinstance(given, str) and given.endswith(".toml")):
        _no_options(options)
        with Path(given).open("rb") as file:
            return recipe(tomllib.load(file))
    if isinstance(given, dict):
        _no_options(options)
        return _from_dict(given)
    if not isinstance(given, str):
        raise TypeError(
            f"recipe={given!r} must be a name, a dict, the path of a TOML file, an initializer or "
            f"Rules, not a {type(given).__name__}"
        )
    return _named(given, options)


def _no_options(options: dict[str, Any]) -> None:
    if options:
        raise TypeError(f"{', '.join(options)}: options are for a recipe given by name")


def _named(name: str, options: dict[str, Any]) -> Rules:
    make = PRESETS.get(name)
    if make is None:
        raise ValueError(f"recipe={name!r} is not known; use one of {', '.join(PRESETS)}")
    known = signature(make).parameters
    for option in options:
        if option not in known:
            raise ValueError(
                f"{option}={options[option]!r} is no option of the recipe {name!r}; it has "
                f"{', '.join(known) or 'none'}"
            )
    missing = [p.name for p in known.values() if p.default is p.empty and p.name not in options]
    if missing:
        raise ValueError(
            f"recipe={name!r} needs {' and '.join(missing)}: pass recipe={{'recipe': {name!r}, "
            + ", ".join(f"{option!r}: ..." for option in missing)
            + "}"
        )
    return Rules(name, make(**options), {"recipe": name, **options})


def _from_dict(given: dict[str, Any]) -> Rules:
    if "recipe" in given:
        options = dict(given)
        return _named(options.pop("recipe"), options)
    if set(given) == {"initializer"} and isinstance(given["initializer"], dict):
        return recipe(initializers.from_dict(given["initializer"]))
    unknown = [field for field in given if field not in _FIELDS]
    if unknown or "rules" not in given:
        wrong = f"has the unknown field {unknown[0]!r}" if unknown else 'has no "rules"'
        raise ValueError(
            f'recipe={given!r} {wrong}; it must have "recipe" and options, or "rules" and, if '
            'wanted, "base" and "title"'
        )
    own = tuple(_rule(rule) for rule in given["rules"])
    base = given.get("base")
    if base is None:
        return Rules(given.get("title", "rules"), own, dict(given))
    below = recipe(base)
    title = given.get("title", f"rules over {below.name}")
    return Rules(title, own + below.rules, dict(given))


def _rule(given: dict[str, Any]) -> Rule:
    unknown = [field for field in given if field not in _RULE_FIELDS]
    if unknown or "init" not in given:
        wrong = f"has the unknown field {unknown[0]!r}" if unknown else 'has no "init"'
        raise ValueError(f"rule={given!r} {wrong}; a rule has {', '.join(_RULE_FIELDS)}")
    said = {field: given[field] for field in ("name", "module", "role") if field in given}
    said = {field: tuple(v) if isinstance(v, list) else v for field, v in said.items()}
    return Rule(_choice(given["init"]), **said, needed=bool(given.get("needed", True)))


def _choice(given: Any) -> Choice:
    if given == "keep":
        return KEEP
    if isinstance(given, dict) and given.get("initializer") == "Scaled":
        return Scaled(**{name: value for name, value in given.items() if name != "initializer"})
    return initializers.get(given)
