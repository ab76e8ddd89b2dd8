"""Recipes for models: by name, as an object, from a dict, from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from initcore import initializers
from initcore.initializers import Initializer
from initcore.models.patterns import optional, rest
from initcore.models.roles import RECIPES, Recipe
from initcore.models.rules import KEEP, Choice, Rule, Rules, Scaled

_RULE_FIELDS = ("name", "module", "role", "init", "needed")
_FIELDS = ("base", "rules", "title")

RecipeLike = str | dict[str, Any] | Initializer | Recipe | Rules | PathLike[str]


def recipe(given: RecipeLike, **options: Any) -> Rules:
    """A recipe: which tensor of a model gets what.

    Parameters
    ----------
    given : str, Recipe, dict, os.PathLike, Initializer or Rules
        - An object of `initcore.recipes`, such as ``recipes.Gpt2(n_layers=12)``.
        - Its name, ``"gpt2"``: `RECIPES` lists the names, `recipes.register` adds one.
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
    >>> from initcore import interop, recipes
    >>> len(interop.recipe("gpt2", n_layers=12).rules) > 5
    True
    >>> interop.recipe(recipes.Gpt2(n_layers=12)) == interop.recipe("gpt2", n_layers=12)
    True
    >>> interop.recipe({"base": "he", "rules": [{"role": "bias", "init": "zeros"}]}).name
    'rules over he'
    """
    if isinstance(given, str) and not given.endswith(".toml"):
        return _named(given, options)
    if options:
        raise TypeError(f"{', '.join(options)}: options are for a recipe given by name")
    return _read(given, ())


def _read(given: Any, files: tuple[Path, ...]) -> Rules:
    """Read a recipe that stands in these files, the outermost first."""
    if isinstance(given, Rules):
        return given
    if isinstance(given, Recipe):
        source = given.to_dict()
        return Rules(source.get("recipe", type(given).__name__), given.rules(), source)
    if isinstance(given, Initializer):
        first = optional(given, role=("weight", "recurrent"))
        return Rules(repr(given), (first, *rest()), {"initializer": given.to_dict()})
    if isinstance(given, PathLike) or (isinstance(given, str) and given.endswith(".toml")):
        return _from_file(Path(fspath(given)), files)
    if isinstance(given, Mapping):
        return _from_dict(dict(given), files)
    if isinstance(given, str):
        return _named(given, {})
    raise _wrong_type(given)


def _wrong_type(given: Any) -> TypeError:
    wanted = (
        "a name, an object of initcore.recipes, a dict, the path of a TOML file, an initializer"
    )
    if isinstance(given, type) and issubclass(given, Recipe | Initializer):
        remedy = f"make an object of the class: {given.__name__}(...)"
    elif callable(given):
        remedy = (
            "a function gives weights itself: call it on what it takes, such as a network and its "
            "data (initcore.recipes.lsuv) or a trained weight (initcore.recipes.pissa)"
        )
    else:
        remedy = f"not a {type(given).__name__}"
    return TypeError(f"recipe={given!r} must be {wanted} or Rules; {remedy}")


def _from_file(path: Path, files: tuple[Path, ...]) -> Rules:
    resolved = path.resolve()
    if resolved in files:
        names = " -> ".join(str(file) for file in (*files, resolved))
        raise ValueError(f"recipe={str(path)!r} is its own base: {names}; name another one there")
    with path.open("rb") as file:
        try:
            return _read(tomllib.load(file), (*files, resolved))
        except (TypeError, ValueError) as error:
            if str(error).startswith("in the file "):
                raise
            raise _plain_class(error)(f"in the file {str(path)!r}: {error}") from error


def _plain_class(error: TypeError | ValueError) -> type[TypeError | ValueError]:
    """The plain class of an error: TOML's own are made from other arguments."""
    return TypeError if isinstance(error, TypeError) else ValueError


def _named(name: str, options: dict[str, Any]) -> Rules:
    cls = RECIPES.get(name)
    if cls is None:
        raise ValueError(f"recipe={name!r} is not known; use one of {', '.join(sorted(RECIPES))}")
    known = [field for field in fields(cls) if field.init]
    names = [field.name for field in known]
    for option in options:
        if option in ("rules", "base", "title"):
            raise ValueError(
                f"recipe={name!r} takes no {option!r}; rules before a recipe's have its name under "
                f'"base": {{"base": {name!r}, "rules": [...]}}'
            )
        if option not in names:
            raise ValueError(
                f"{option}={options[option]!r} is no option of the recipe {name!r}; it has "
                f"{', '.join(names) or 'none'}"
            )
    missing = [
        field.name
        for field in known
        if field.default is MISSING
        and field.default_factory is MISSING
        and field.name not in options
    ]
    if missing:
        raise ValueError(
            f"recipe={name!r} needs {' and '.join(missing)}: pass recipe={{'recipe': {name!r}, "
            + ", ".join(f"{option!r}: ..." for option in missing)
            + "}"
        )
    return _read(cls(**{option: _option(value) for option, value in options.items()}), ())


def _option(value: Any) -> Any:
    """An option as it was before JSON or TOML."""
    if isinstance(value, dict) and "initializer" in value:
        return initializers.from_dict(value)
    return tuple(value) if isinstance(value, list) else value


def _from_dict(given: dict[str, Any], files: tuple[Path, ...]) -> Rules:
    if "recipe" in given:
        options = dict(given)
        name = options.pop("recipe")
        if not isinstance(name, str):
            raise TypeError(f'recipe={given!r} has "recipe": {name!r}, which must be a name')
        return _named(name, options)
    if set(given) == {"initializer"} and isinstance(given["initializer"], dict):
        return _read(initializers.from_dict(given["initializer"]), files)
    unknown = [field for field in given if field not in _FIELDS]
    if unknown or "rules" not in given:
        wrong = f"has the unknown field {unknown[0]!r}" if unknown else 'has no "rules"'
        raise ValueError(
            f'recipe={given!r} {wrong}; it must have "recipe" and options, or "rules" and, if '
            'wanted, "base" and "title"'
        )
    if not isinstance(given["rules"], list | tuple):
        raise TypeError(
            f"rules={given['rules']!r} must be a list of rules; put one rule in brackets: [rule]"
        )
    own = tuple(_rule(rule) for rule in given["rules"])
    if given.get("base") is None:
        return Rules(given.get("title", "rules"), own, given)
    below = _read(given["base"], files)
    title = given.get("title", f"rules over {below.name}")
    named = isinstance(given["base"], str) and not given["base"].endswith(".toml")
    base = given["base"] if named else below.source
    source = {**given, "base": base} if base else {}  # Rules made in Python have no text
    return Rules(title, own + below.rules, source)


def _rule(given: Any) -> Rule:
    if not isinstance(given, Mapping):
        raise TypeError(
            f"rule={given!r} must be a dict such as {{'name': '*.head.weight', 'init': 'zeros'}}"
        )
    unknown = [field for field in given if field not in _RULE_FIELDS]
    if unknown or "init" not in given:
        wrong = f"has the unknown field {unknown[0]!r}" if unknown else 'has no "init"'
        raise ValueError(f"rule={given!r} {wrong}; a rule has {', '.join(_RULE_FIELDS)}")
    conditions = {field: given[field] for field in ("name", "module", "role") if field in given}
    conditions = {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in conditions.items()
    }
    return Rule(_choice(given), **conditions, needed=bool(given.get("needed", True)))


def _choice(rule: Mapping[str, Any]) -> Choice:
    init = rule["init"]
    if isinstance(init, str) and init == "keep":
        return KEEP
    try:
        if isinstance(init, dict) and init.get("initializer") == "Scaled":
            return _scaled({name: value for name, value in init.items() if name != "initializer"})
        return initializers.get(init)
    except (TypeError, ValueError) as error:
        raise _plain_class(error)(f'rule={dict(rule)!r} has a wrong "init": {error}') from error


def _scaled(options: dict[str, Any]) -> Scaled:
    known = [field.name for field in fields(Scaled)]
    for option in options:
        if option not in known:
            raise ValueError(
                f"{option}={options[option]!r} is no option of Scaled; it has {', '.join(known)}"
            )
    return Scaled(**options)
