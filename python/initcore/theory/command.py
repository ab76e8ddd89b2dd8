"""``initcore theory``: what infinitely wide networks do with given weights, as a table."""

import argparse
import json
import math
import sys
from dataclasses import dataclass

from initcore import _checks, activations
from initcore._files import replacing
from initcore.activations import gains
from initcore.theory.mean_field import MeanField

_ACTIVATIONS = "relu,leaky_relu,tanh,gelu,silu,sigmoid"
_LARGEST = 1e150  # of a q, whose square a double holds
_LAWS = ("xavier", "he", "rms", "backward", "critical")


@dataclass(frozen=True)
class TheoryRow:
    """One activation with one law of weights."""

    activation: str
    weights: str
    sigma_w: float
    sigma_b_squared: float
    q_star: float
    chi_1: float
    phase: str
    xi_q: float
    xi_c: float
    gradient_decades: float
    """log10 of the gradient's root-mean-square below `depth` layers, over that above."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.description = (
        "How the length of a signal, the angle between two inputs and the gradient travel through "
        "layers of many units, by formula: the fixed point q*, chi_1 and the depth scales. The "
        "documentation has them under 'Theory'."
    )
    add = parser.add_argument
    add(
        "--activation",
        default=_ACTIVATIONS,
        metavar="LIST",
        help="comma-separated names of initcore.activations (default: %(default)s)",
    )
    add(
        "--weights",
        default="xavier,he,rms,critical",
        metavar="LIST",
        help=f"comma-separated from {', '.join(_LAWS)}, or numbers fan_in Var(W) "
        "(default: %(default)s)",
    )
    add(
        "--sigma-b2",
        type=float,
        default=0.0,
        metavar="VAR",
        help="variance of the biases; 'critical' has its own (default: 0)",
    )
    add(
        "--q",
        type=float,
        default=1.0,
        metavar="Q",
        help="mean square of the first pre-activations, and where rms, backward and critical are "
        "taken (default: 1)",
    )
    add("--depth", type=int, default=50, metavar="N", help="layers (default: %(default)s)")
    add("--json", metavar="FILE", help="write the numbers as JSON; - for standard output")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code, 0 or 2."""
    try:
        _check(args)
        rows = [
            _row(activation, weights, args)
            for activation in _names(args.activation, "--activation")
            for weights in _names(args.weights, "--weights")
        ]
        if args.json is not None:
            text = json.dumps([_plain(row) for row in rows], indent=2) + "\n"
            if args.json != "-":
                replacing.write(args.json, text)
    except (_checks.UsageError, OSError) as error:
        print(f"initcore theory: {error}", file=sys.stderr)
        return 2
    if args.json == "-":
        sys.stdout.write(text)
    print(table(rows, args.depth), file=sys.stderr if args.json == "-" else sys.stdout, end="")
    return 0


def _names(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise _checks.UsageError(f"{option} is empty: name at least one")
    return names


def _check(args: argparse.Namespace) -> None:
    if args.depth < 1:
        raise _checks.UsageError(f"--depth={args.depth} must be at least 1")
    if not (math.isfinite(args.sigma_b2) and args.sigma_b2 >= 0.0):
        raise _checks.UsageError(f"--sigma-b2={args.sigma_b2:g} must not be negative, and finite")
    if not (math.isfinite(args.q) and args.q > 0.0):
        raise _checks.UsageError(f"--q={args.q:g} must be positive and finite")


def _row(activation: str, weights: str, args: argparse.Namespace) -> TheoryRow:
    """What the mean field says; that nothing exists, where a law has no such weights."""
    if activation not in activations.names():
        raise _checks.UsageError(
            f"--activation={activation} is not known; use some of {', '.join(activations.names())}"
        )
    bias, nothing = args.sigma_b2, (math.nan,) * 3
    try:
        if weights == "critical":
            sigma_w, bias = gains.critical(activation, args.q)
        elif weights in ("rms", "backward"):
            sigma_w = gains.gain(activation, weights, args.q)  # type: ignore[arg-type]
        else:
            sigma_w = {"xavier": 1.0, "he": math.sqrt(2.0)}.get(weights) or _root(weights)
    except _checks.UsageError:
        raise
    except ValueError:
        return TheoryRow(
            activation, weights, math.nan, math.nan, math.nan, math.nan, "none exists", *nothing
        )
    at = MeanField(activation, sigma_w, bias, args.q)
    if math.isinf(at.q_star):
        decades = _decades_on_the_way(at, args.depth)
        unbounded = (math.inf, math.nan, "unbounded", math.nan, math.nan, decades)
        return TheoryRow(activation, weights, sigma_w, bias, *unbounded)
    chi_1 = 1.0 if at.phase == "critical" else at.chi_1
    decades = 0.5 * args.depth * math.log10(chi_1) if chi_1 > 0.0 else -math.inf
    settled = (at.q_star, at.chi_1, at.phase, at.xi_q, _xi_c(at), decades)
    return TheoryRow(activation, weights, sigma_w, bias, *settled)


def _xi_c(at: MeanField) -> float:
    """The depth scale of correlations; NaN where q is too large to integrate over a plane."""
    try:
        return at.xi_c
    except ValueError:
        return math.nan


def _decades_on_the_way(at: MeanField, depth: int) -> float:
    """Of the gradient through the layers while q grows, as far as a double can hold q."""
    decades, q = 0.0, at.q0
    for _ in range(depth):
        decades += 0.5 * math.log10(at.chi(q))
        after = at.q_map(q)
        q = after if after < _LARGEST else q
    return decades


def _root(weights: str) -> float:
    try:
        value = float(weights)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise _checks.UsageError(
            f"--weights={weights} is neither one of {', '.join(_LAWS)} nor a positive number"
        )
    return math.sqrt(value)


def _plain(row: TheoryRow) -> dict[str, object]:
    """For JSON, which knows no infinity and no NaN: those are null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in vars(row).items()
    }


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "inf" if math.isinf(value) else f"{value:.4g}"


def table(rows: list[TheoryRow], depth: int) -> str:
    """The rows as text that ends with a newline."""
    head = ["activation", "weights", "n Var(W)", "Var(b)", "q*", "chi_1", "phase"]
    head += ["xi_q", "xi_c", f"gradient, {depth} layers"]
    cells = [head]
    for row in rows:
        decades = row.gradient_decades
        cells.append(
            [
                row.activation,
                row.weights,
                _number(row.sigma_w**2),
                _number(row.sigma_b_squared),
                _number(row.q_star),
                _number(row.chi_1),
                row.phase,
                _number(row.xi_q),
                _number(row.xi_c),
                "-" if math.isnan(decades) else f"{decades:+.1f} decades",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = {0, 1, 6}
    return "".join(
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in cells
    )
