"""Audits: a model's weights against the laws they should follow."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import _checks
from initcore.doctor import bounds
from initcore.initializers import (
    Constant,
    Elementwise,
    Initializer,
    Ones,
    Orthogonal,
    Zeros,
    spread_of,
)
from initcore.interop import weights
from initcore.keys import Key
from initcore.models.fingerprints import tensor_fingerprint
from initcore.models.parameters import BUFFERS, Parameter
from initcore.models.pieces import Piece
from initcore.models.plan import Entry, Plan, make
from initcore.models.reading import RecipeLike, recipe
from initcore.models.weights import Weights

Array = np.ndarray[Any, Any]

_CHUNK = 1 << 20  # elements summed at a time
_SAMPLE = 20_000  # elements whose distribution function is looked at
_LARGEST_QR = 2048  # rows or columns of a matrix whose orthogonality is looked at
_CONTINUOUS = ("uniform", "normal", "truncated_normal")
_FEW = 64  # elements that most often show that there are more than two values
_COMPUTED = (*BUFFERS, "set")  # roles of tensors that nobody draws
_TESTS = 3  # of a continuous law: mean, variance, distribution
# A row of equal neighbors that no continuous law gives: at 2**-23 or 2**-7 for each pair.
_RUN = {4: 6, 8: 6, 2: 24}
# Half a unit in the last place, in proportion: what rounding moves a value by.
_ROUNDING = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a tensor."""

    code: str
    """``"law"``, ``"duplicate"``, ``"untouched"``, ``"not-finite"`` or ``"no-rule"``."""
    name: str
    """The tensor."""
    message: str
    """What was found, what was expected, and what it may come from."""

    def __str__(self) -> str:
        return f"{self.name}: {self.message} [{self.code}]"


@dataclass(frozen=True)
class Audit:
    """What an audit found; ``print`` it."""

    findings: tuple[Finding, ...]
    tensors: int
    """How many were looked at."""
    laws: int
    """How many had a law to be held against."""
    false_alarms: float
    """At most so often does a model that follows its laws get a finding of the code ``"law"``."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        against = (
            f"{self.laws} of them held against a law "
            f"(false alarms: at most {self.false_alarms:g} of models)"
            if self.laws
            else "none of them held against a law: pass the recipe that they should follow"
        )
        head = f"{self.tensors} tensors, {against}"
        return "\n".join([head, *map(str, self.findings or ["nothing found"])])


def audit(
    model: Any,
    recipe: RecipeLike | Plan | None = None,
    *,
    false_alarms: float = 1e-6,
) -> Audit:
    """Hold a model's weights against the laws that they should follow.

    Looks at moments and distribution of every tensor with a law, at copies, at memory that nobody
    wrote (rows of equal elements, such as zeros or a poison pattern), at infinities and NaN, and
    at parameters that have no rule.

    Parameters
    ----------
    model : initcore.Sequential, torch.nn.Module, keras.Model, or a pytree of JAX
        Just started, with whatever: also by its framework.
    recipe : recipe or Plan, optional
        What its weights should follow; see `initcore.interop.recipe`. Without one no law is tested.
    false_alarms : float, default 1e-6
        How many of models whose weights follow their laws may get a finding about a law. It is
        shared out among all tests of the model, each of which is a bound for finite samples.

    Returns
    -------
    Audit

    Raises
    ------
    TypeError, ValueError
        If the model is none of these, the recipe does not fit it, or the rate is not between 0
        and 1.

    Notes
    -----
    The distribution is looked at in up to 20,000 elements of a tensor, its moments in all.

    Source: Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant, 1990; Laurent and Massart
    2000, lemma 1; Bernstein's and Hoeffding's inequalities.

    Examples
    --------
    >>> import initcore as ic
    >>> from initcore import doctor, interop
    >>> net = ic.Sequential(ic.Dense(64, 32, activation="relu"), ic.Dense(32, 10))
    >>> plan = interop.initialize(net, "he", key=0)
    >>> print(doctor.audit(net, plan))
    4 tensors, 4 of them held against a law (false alarms: at most 1e-06 of models)
    nothing found
    >>> print(doctor.audit(net, "glorot").findings[0].code)
    law
    """
    false_alarms = _checks.fraction(false_alarms, "false_alarms", zero=False, one=False)
    found = weights(model)
    plan = _plan(found, recipe)
    findings = [*_copies(found)]
    entries = {} if plan is None else {entry.parameter.name: entry for entry in plan}
    tested = sum(len(entry.pieces) for entry in entries.values())
    alpha = false_alarms / max(1, _TESTS * tested)
    for parameter, array in found:
        entry = entries.get(parameter.name)
        findings += _broken(parameter, array, entry)
        if entry is not None:
            findings += _against(entry, array, alpha)
    laws = sum(bool(entry.pieces) for entry in entries.values())
    return Audit(tuple(findings), len(entries) or len(found.arrays), laws, false_alarms)


def _plan(found: Weights, given: RecipeLike | Plan | None) -> Plan | None:
    if given is None:
        return None
    if not isinstance(given, Plan):
        return make(found.model, recipe(given), Key(0), strict=False)
    wanted = {entry.parameter.name: entry.parameter.shape for entry in given}
    has = {parameter.name: parameter.shape for parameter, _ in found}
    if wanted != has:
        name = next(iter(wanted.items() ^ has.items()))[0]
        raise ValueError(f"recipe is a plan of another model: {name!r} differs; plan this one")
    return given


def _copies(found: Weights) -> Iterator[Finding]:
    """Tensors that hold the same numbers, where these are not all one number."""
    first: dict[str, str] = {}
    for parameter, array in found:
        if parameter.role in _COMPUTED or parameter.frozen or not _is_drawn(array):
            continue
        nameless = Parameter("", (), parameter.shape, "other", layout=parameter.layout)
        other = first.setdefault(tensor_fingerprint(nameless, array), parameter.name)
        if other != parameter.name:
            yield Finding(
                "duplicate",
                parameter.name,
                f"the same numbers as {other}; each tensor needs a key or a seed of its own",
            )


def _is_drawn(array: Array) -> bool:
    """Whether a law may have drawn it: not a constant, and not two numbers, as in an identity.

    Of two elements each may be a number of its own.
    """
    flat = array.reshape(-1)
    if flat.size < 2:
        return False
    if np.unique(flat[:_FEW]).size > 2:
        return True
    return np.unique(flat).size > min(2, flat.size - 1)


def _broken(parameter: Parameter, array: Array, entry: Entry | None) -> Iterator[Finding]:
    """Elements that no law gives; a buffer may hold infinities, as a mask of attention does."""
    right = ~np.isnan(array) if parameter.role == "buffer" else np.isfinite(array)
    if array.size and not right.all():
        bad = int(array.size - np.count_nonzero(right))
        yield Finding("not-finite", parameter.name, f"{bad} elements are infinite or NaN")
        return
    if entry is None or parameter.role in ("buffer", "counter"):
        return
    if entry.rule == "none":
        yield Finding("no-rule", parameter.name, "no rule of the recipe starts it")
    for piece in entry.pieces:
        if _law(piece) is None:
            continue
        run, value = _longest_run(_values(entry, piece, array))
        if run >= _RUN[array.dtype.itemsize]:
            yield Finding(
                "untouched",
                parameter.name,
                f"{run} neighbors in a row are {value:g}, which {piece.init.rule} does not give: "
                "memory that nobody wrote, or wrote only in part",
            )


def _longest_run(values: Array) -> tuple[int, float]:
    if values.size == 0:
        return 0, 0.0
    ends = np.flatnonzero(values[1:] != values[:-1])
    edges = np.concatenate([[-1], ends, [values.size - 1]])
    at = int(np.argmax(np.diff(edges)))
    return int(edges[at + 1] - edges[at]), float(values[edges[at] + 1])


def _law(piece: Piece) -> tuple[str, tuple[float, ...]] | None:
    """The continuous law of a piece with a spread; None for any other."""
    init = piece.init
    if not isinstance(init, Elementwise):
        return None
    if 0 in piece.shape:
        return None
    law, numbers = piece.law()
    if law not in _CONTINUOUS or spread_of((law, numbers)).std == 0:
        return None
    return law, numbers


def _values(entry: Entry, piece: Piece, array: Array) -> Array:
    """The elements of a piece in the order of memory, without a row that stays 0."""
    row = entry.parameter.zero_row
    if row is not None:
        array = np.delete(array, row, axis=0)
    part: Array = array[piece.index] if piece.index else array
    return part.ravel(order="K")


def _against(entry: Entry, array: Array, alpha: float) -> Iterator[Finding]:
    name = entry.parameter.name
    for piece in entry.pieces:
        law = _law(piece)
        if law is not None:
            message = _strays(_values(entry, piece, array), *law, alpha)
        else:
            message = _differs(piece.init, array[piece.index] if piece.index else array)
        if message:
            yield Finding("law", name, f"{message}; the law is {piece.init.rule}")
            return


def _strays(values: Array, law: str, numbers: tuple[float, ...], alpha: float) -> str:
    """What is unlikely about values under this law; empty for nothing."""
    n = values.size
    if n == 0:
        return ""
    expected = spread_of((law, numbers))
    mean, variance = expected.mean, expected.variance
    total = squares = 0.0
    for start in range(0, n, _CHUNK):
        away = values[start : start + _CHUNK].astype(np.float64) - mean
        total += float(away.sum())
        squares += float(away @ away)
    std, wanted = (squares / n) ** 0.5, expected.std
    if abs(squares / n - variance) > bounds.square_bound(n, law, numbers, alpha):
        return f"std {std:.4g}, where {wanted:.4g} is expected"
    if abs(total / n) > bounds.mean_bound(n, law, numbers, alpha):
        return f"mean {mean + total / n:.4g}, where {mean:.4g} is expected"
    sample = values[:: max(1, n // _SAMPLE)][:_SAMPLE]
    apart = bounds.distance(sample, bounds.distribution(law, numbers))
    rounding = _ROUNDING.get(values.dtype.name, 0.0) * 0.4 * (abs(mean) / wanted + 3)
    if apart > bounds.distance_bound(len(sample), alpha) + rounding:
        return f"another shape: the distribution functions are {apart:.3g} apart"
    return ""


def _differs(init: Initializer, array: Array) -> str:
    """What is wrong with a tensor that starts at fixed numbers or orthogonal; empty for nothing."""
    if isinstance(init, Zeros | Ones | Constant):
        wanted = init((), dtype=np.float64).astype(array.dtype)
        other = int(np.count_nonzero(array != wanted))
        return f"{other} of {array.size} elements are not {float(wanted):g}" if other else ""
    if type(init) is Orthogonal and array.ndim == 2 and max(array.shape) <= _LARGEST_QR:
        w = array.astype(np.float64)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        error = float(np.abs(gram - init.gain**2 * np.eye(len(gram))).max())
        limit = (8 * _ROUNDING.get(array.dtype.name, 2.0**-20)) * max(1.0, init.gain**2)
        return f"rows are not orthonormal, by {error:.3g}" if error > limit else ""
    return ""
