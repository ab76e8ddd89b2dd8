"""The catalogue: every scheme with formula, source, exactness and a number, read from the code.

The facts stand in the docstrings alone. A scheme's `Notes` have four lines of ours: `Use:` (for
what, and for what not), `Exactness:`, `Source:` and `Check:`, a comparison of a Python expression
with a number. The tests compute every number (`bench.catalogue` in the repository), and the
documentation shows each beside what the expression gives.
"""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from initcore import initializers, recipes
from initcore.initializers import Initializer
from initcore.recipes import Recipe

Kind = Literal["initializer", "recipe", "function"]
Scope = Literal["element", "tensor", "call", "none"]

_FACTS = ("Formula", "Use", "Exactness", "Source", "Check")


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
    """The expression whose value is known."""
    relation: str
    """``"=="``, ``"<="`` or ``">="``."""
    expected: str
    """The number it is compared with, as written."""
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


def comparison(check: str) -> tuple[str, str, str]:
    """Expression, relation and number of a check.

    Parameters
    ----------
    check : str
        ``"EXPRESSION == NUMBER"``, or with ``<=`` or ``>=``.

    Raises
    ------
    ValueError
        If the text is not such a comparison.

    Examples
    --------
    >>> from initcore import catalogue
    >>> catalogue.comparison("std(LecunNormal(), 128, 256) == 0.0625")
    ('std(LecunNormal(), 128, 256)', '==', '0.0625')
    """
    tree = ast.parse(check, mode="eval").body
    if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1):
        raise ValueError(f"check={check!r} must compare an expression with one number")
    relation = _RELATIONS.get(type(tree.ops[0]))
    left = ast.get_source_segment(check, tree.left)
    right = ast.get_source_segment(check, tree.comparators[0])
    if relation is None or left is None or right is None:
        raise ValueError(f"check={check!r} must compare with ==, <= or >=")
    return left, relation, right


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
    check, relation, expected = comparison(known["Check"])
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
    """Every scheme, as its docstring describes it.

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
