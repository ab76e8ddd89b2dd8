"""Every number of the catalogue, computed: the evaluation of what the docstrings say.

The tests hold each number to its scheme's docstring, and the documentation prints the tables.
"""

from dataclasses import dataclass
from decimal import Decimal

from bench.catalogue.measures import NAMES
from initcore import catalogue
from initcore.catalogue import Kind, Row

_EXACT_BELOW = 8  # digits: a number written with fewer is meant exactly
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Value:
    """What the expression of a check gives."""

    found: float
    """The number that it gives."""
    green: bool
    """Whether the relation holds; ``"=="`` to half a unit of the last digit written, or to 1e-12
    of the number where it is written with fewer than 8 digits."""


def compute(check: str) -> Value:
    """The value of a check's expression.

    Parameters
    ----------
    check : str
        See `initcore.catalogue.comparison`. The expression may use the names of
        `initcore.initializers` and `initcore.recipes`, ``np``, ``math``, ``gains``, and those of
        `bench.catalogue.measures`.

    Raises
    ------
    ValueError
        If the text is not a comparison with a number.
    """
    expression, relation, expected = catalogue.comparison(check)
    # the text is a docstring of the package
    found = float(eval(compile(expression, "<check>", "eval"), NAMES))
    return Value(found, _holds(found, relation, expected))


def value(row: Row) -> Value:
    """The value of a row's expression."""
    return compute(f"{row.check} {row.relation} {row.expected}")


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


_HEADINGS: dict[Kind, str] = {
    "initializer": "Initializers",
    "recipe": "Recipes",
    "function": "From data, and from other weights",
}


def markdown() -> str:
    """The catalogue as Markdown: a table for each family, a line for each scheme."""
    tables: dict[Kind, dict[str, list[str]]] = {}
    for row in catalogue.rows():
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
    computed = value(row)
    mark = "✓" if computed.green else "✗"
    cells = (
        f"`{row.name}`",
        row.formula,
        row.use,
        row.source if row.verified else f"{row.source} (unverified)",
        row.exactness,
        f"`{row.check} {row.relation} {row.expected}`",
        f"{mark} {computed.found:.10g}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
