"""The catalogue: every scheme with formula, source, exactness and a number, read from the code.

The facts stand in the docstrings alone. A scheme's `Notes` have four lines of ours: `Use:` (for
what, and for what not), `Exactness:`, `Source:` and `Check:`, a comparison of a Python expression
with a number, which is computed here.
"""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from initcore import initializers, recipes
from initcore.catalogue.measures import NAMES
from initcore.initializers import Initializer
from initcore.recipes import Recipe

Kind = Literal["initializer", "recipe", "function"]
Scope = Literal["element", "tensor", "call", "none"]

_FACTS = ("Formula", "Use", "Exactness", "Source", "Check")
_EXACT_BELOW = 8  # digits: a number written with fewer is meant exactly
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Row:
    """One scheme of the catalogue."""

    name: str
    """Its name in `initcore.initializers` or `initcore.recipes`."""
    kind: Kind
    """What it is: an initializer, a recipe over roles, or a function of a network or weight."""
    family: str
    """The file it stands in, in words."""
    formula: str
    """What it does, in a line."""
    use: str
    """When to take it, and when not."""
    source: str
    """Paper, or code, that it is from."""
    exactness: str
    """Which bytes are promised."""
    check: str
    """The expression that is computed."""
    relation: str
    """``"=="``, ``"<="`` or ``">="``."""
    expected: str
    """The number it is compared with, as written."""
    found: float
    """What the expression gives."""
    green: bool
    """Whether the relation holds; ``"=="`` to half a unit of the last digit written, or to 1e-12
    of the number where it is written with fewer than 8 digits."""
    verified: bool
    """Whether the formula was checked against a source rather than quoted from memory."""

    @property
    def scope(self) -> Scope:
        """What the bytes are a function of, beside the key.

        ``"element"``: the element's index alone; ``"tensor"``: the shape of the whole tensor;
        ``"call"``: all arguments, data included; ``"none"``: no random numbers are drawn.
        """
        if "compute v1" in self.exactness:
            return "call"
        if "for the same whole tensor" in self.exactness:
            return "tensor"
        return "element" if "stream v1" in self.exactness else "none"


def facts(docstring: str) -> dict[str, str]:
    """The labelled lines of a docstring, each with the lines that continue it.

    Examples
    --------
    >>> from initcore import catalogue
    >>> catalogue.facts('''Adds one.
    ...
    ... Source: a paper,
    ... 2020.
    ... ''')
    {'Source': 'a paper, 2020.'}
    """
    found: dict[str, str] = {}
    label = ""
    for line in inspect.cleandoc(docstring).splitlines():
        start = re.match(rf"({'|'.join(_FACTS)}): (.*)", line)
        if start:
            label = start[1]
            found[label] = start[2].strip()
        elif not line.strip():
            label = ""
        elif label:
            found[label] += " " + line.strip()
    return found


_RELATIONS: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.LtE: "<=", ast.GtE: ">="}


def compute(check: str) -> tuple[str, str, str, float, bool]:
    """Expression, relation and number of a check, what the expression gives, and whether it holds.

    Parameters
    ----------
    check : str
        ``"EXPRESSION == NUMBER"``, or with ``<=`` or ``>=``. The expression may use the names of
        `initcore.initializers` and `initcore.recipes`, ``np``, ``math``, ``gains``, and those of
        `initcore.catalogue.measures`.

    Raises
    ------
    ValueError
        If the text is not such a comparison.

    Examples
    --------
    >>> from initcore import catalogue
    >>> catalogue.compute("std(LecunNormal(), 128, 256) == 0.0625")
    ('std(LecunNormal(), 128, 256)', '==', '0.0625', 0.0625, True)
    """
    tree = ast.parse(check, mode="eval").body
    if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1):
        raise ValueError(f"check={check!r} must compare an expression with one number")
    relation = _RELATIONS.get(type(tree.ops[0]))
    left = ast.get_source_segment(check, tree.left)
    right = ast.get_source_segment(check, tree.comparators[0])
    if relation is None or left is None or right is None:
        raise ValueError(f"check={check!r} must compare with ==, <= or >=")
    # the text is a docstring of this package
    found = float(eval(compile(left, "<check>", "eval"), NAMES))
    return left, relation, right, found, _holds(found, relation, right)


def _holds(found: float, relation: str, expected: str) -> bool:
    number = Decimal(expected)
    if relation == "<=":
        return found <= float(number)
    if relation == ">=":
        return found >= float(number)
    _, digits, exponent = number.as_tuple()
    if len(digits) < _EXACT_BELOW or not isinstance(exponent, int):
        return abs(found - float(number)) <= _ROUNDING * abs(float(number))
    return abs(found - float(number)) <= 0.5 * 10.0**exponent * (1.0 + 1e-6)


def _family(item: Any) -> str:
    module = inspect.getmodule(item)
    summary = (inspect.getdoc(module) or "").splitlines()[0]
    return summary.split(":")[0].rstrip(".")


def _row(name: str, kind: Kind, item: Any) -> Row:
    text = inspect.getdoc(item) or ""
    known = facts(text)
    missing = [label for label in _FACTS[1:] if label not in known]
    if missing:
        raise ValueError(f"{name}: its docstring has no line {missing[0]}:")
    check, relation, expected, found, green = compute(known["Check"])
    return Row(
        name,
        kind,
        _family(item),
        known.get("Formula", text.splitlines()[0]),
        known["Use"],
        known["Source"],
        known["Exactness"],
        check,
        relation,
        expected,
        found,
        green,
        verified="not verified" not in known["Source"],
    )


# in the modules, but no schemes
_NOT_SCHEMES = {"Elementwise", "Filled", "Initializer", "Recipe", "register"}


def _schemes(module: Any) -> list[tuple[str, Kind, Any]]:
    found: list[tuple[str, Kind, Any]] = []
    for name in module.__all__:
        item: type | Callable[..., Any] = getattr(module, name)
        if name in _NOT_SCHEMES:
            continue
        if isinstance(item, type) and issubclass(item, Initializer):
            found.append((name, "initializer", item))
        elif isinstance(item, type) and issubclass(item, Recipe):
            found.append((name, "recipe", item))
        elif not isinstance(item, type) and module is recipes:
            found.append((name, "function", item))
    return found


def rows() -> list[Row]:
    """Every scheme, its number computed anew.

    Returns
    -------
    list of Row
        Initializers, then recipes, then functions; by name within each.

    Raises
    ------
    ValueError
        If a docstring lacks one of the lines.

    Examples
    --------
    >>> from initcore import catalogue
    >>> {row.name: row.expected for row in catalogue.rows()}["SmallInit"]
    '0.0080687153'
    """
    order = ("initializer", "recipe", "function")
    every = [*_schemes(initializers), *_schemes(recipes)]
    every.sort(key=lambda scheme: (order.index(scheme[1]), scheme[0].lower()))
    return [_row(*scheme) for scheme in every]


_HEADINGS: dict[Kind, str] = {
    "initializer": "Initializers",
    "recipe": "Recipes",
    "function": "From data, and from other weights",
}


def markdown() -> str:
    """The catalogue as Markdown: a table for each family, a line for each scheme.

    Examples
    --------
    >>> from initcore import catalogue
    >>> print("\\n".join(catalogue.markdown().splitlines()[:5]))
    ## Initializers
    <BLANKLINE>
    ### Asymmetric starts
    <BLANKLINE>
    | scheme | what it does | for | source | exactness | check | found |
    """
    tables: dict[Kind, dict[str, list[str]]] = {}
    for row in rows():
        tables.setdefault(row.kind, {}).setdefault(row.family, []).append(_line(row))
    parts = []
    for kind, families in tables.items():
        parts.append(f"## {_HEADINGS[kind]}\n")
        for family, lines in sorted(families.items()):
            parts.append(f"### {family}\n")
            parts.append("| scheme | what it does | for | source | exactness | check | found |")
            parts.append("|---|---|---|---|---|---|---|")
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts).rstrip()


def _line(row: Row) -> str:
    mark = "✓" if row.green else "✗"
    cells = (
        f"`{row.name}`",
        row.formula,
        row.use,
        row.source if row.verified else f"{row.source} (unverified)",
        row.exactness,
        f"`{row.check} {row.relation} {row.expected}`",
        f"{mark} {row.found:.10g}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
