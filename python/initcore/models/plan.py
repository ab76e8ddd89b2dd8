"""Plans: what a recipe comes to on one model, before a byte is written."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from initcore.initializers import fans
from initcore.keys import Key
from initcore.models.parameters import Model, Parameter, composed, require_distinct
from initcore.models.pieces import Piece, pieces, tensor_fans
from initcore.models.rules import EMPTY, FROZEN, KEEP, Assignment, Rule, Rules


@dataclass(frozen=True)
class Entry:
    """What one tensor gets."""

    parameter: Parameter
    assignment: Assignment
    rule: str
    """The rule that decided, in words."""
    key: Key
    """The tensor's key."""
    pieces: tuple[Piece, ...] = field(default=(), compare=False, repr=False)
    """The blocks that one initializer writes at a time; none where the tensor is kept."""

    @property
    def is_kept(self) -> bool:
        """Whether the tensor stays as it is."""
        return self.assignment.init is None

    @property
    def law(self) -> str:
        """The law in words."""
        if not self.pieces:
            return "-"
        laws = [piece.init.rule for piece in self.pieces]
        if len(set(laws)) == 1:
            return laws[0]
        parts = dict(zip(self.parameter.parts, laws, strict=True))
        return "; ".join(
            f"{' '.join(part for part in parts if parts[part] == law)}: {law}"
            for law in dict.fromkeys(laws)
        )

    @property
    def std(self) -> float | None:
        """Standard deviation of an element; None where elements differ in law or are kept."""
        stds = {piece.std for piece in self.pieces}
        return stds.pop() if len(stds) == 1 else None

    @property
    def note(self) -> str:
        """Remarks: the reason for the initializer, ties, the row that is 0, factors."""
        remarks = [self.assignment.note] if self.assignment.note else []
        if self.parameter.aliases:
            remarks.append(f"tied: also {', '.join(self.parameter.aliases)}")
        if self.parameter.zero_row is not None and not self.is_kept:
            remarks.append(f"row {self.parameter.zero_row} is 0")
        for name in ("multiplier", "lr", "weight_decay", "eps"):
            if getattr(self.assignment, name) != 1.0:
                remarks.append(f"{name} x {getattr(self.assignment, name):.4g}")
        return "; ".join(remarks)

    def write(self, array: Any) -> None:
        """Write the tensor into an array, as of `Initializer.fill`, of the parameter's shape."""
        for piece in self.pieces:
            piece.write(array, self.key)
        if self.parameter.zero_row is not None and not self.is_kept:
            array[self.parameter.zero_row] = 0

    def to_dict(self) -> dict[str, Any]:
        """This entry as a dict that JSON can hold."""
        assignment = self.assignment
        return {
            "name": self.parameter.name,
            "shape": list(self.parameter.shape),
            "role": self.parameter.role,
            "rule": self.rule,
            "init": None if assignment.init is None else assignment.init.to_dict(),
            "by_part": {part: init.to_dict() for part, init in assignment.by_part.items()},
            "law": self.law,
            "std": self.std,
            "note": self.note,
        }


@dataclass(frozen=True)
class Plan:
    """What `initialize` will do, or has done: one entry for each tensor, in the model's order.

    ``print(plan)`` shows a table; `entries` are there to be looked at.
    """

    recipe: Rules
    key: Key
    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()
    """What holds for the whole model, such as which activations are not known."""

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Entry:
        """The entry of the tensor of this name, or of this other name."""
        for entry in self.entries:
            if composed(name) in entry.parameter.names:
                return entry
        raise KeyError(name)

    def __str__(self) -> str:
        head = ("name", "shape", "layer", "fan in", "fan out", "law", "std", "note")
        rows = [head, *(_row(entry) for entry in self.entries)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        written = [entry for entry in self.entries if not entry.is_kept]
        elements = sum(math.prod(entry.parameter.shape) for entry in written)
        tail = f"{self.recipe.name}, {self.key!r}: {len(written)} tensors, {elements:,} elements"
        kept = len(self.entries) - len(written)
        if kept:
            tail += f"; {kept} kept as they are"
        return "\n".join([*table, "", tail, *self.remarks])

    def to_dict(self) -> dict[str, Any]:
        """This plan as a dict that JSON can hold."""
        return {
            "recipe": self.recipe.source or {"recipe": self.recipe.name},
            "key": self.key.to_dict(),
            "parameters": [entry.to_dict() for entry in self.entries],
            "remarks": list(self.remarks),
        }

    def difference(self, other: "Plan") -> str:
        """Where another plan of the same model gives a tensor another law, as a table.

        Empty if nowhere. Plans of one model under two recipes are how recipes are compared.
        """
        mine = {entry.parameter.name: entry for entry in self.entries}
        theirs = {entry.parameter.name: entry for entry in other.entries}
        lines = []
        for name in [*mine, *(name for name in theirs if name not in mine)]:
            left, right = (_side(entries.get(name)) for entries in (mine, theirs))
            if left != right:
                lines.append((name, left, right))
        if not lines:
            return ""
        rows = [("name", self.recipe.name, other.recipe.name), *lines]
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def _side(entry: Entry | None) -> str:
    if entry is None:
        return "not there"
    if entry.is_kept:
        return "kept"
    return entry.law + ("" if entry.std is None else f", std {entry.std:.4g}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if value != int(value) else str(int(value))


def _row(entry: Entry) -> tuple[str, ...]:
    parameter = entry.parameter
    known = tensor_fans(parameter, entry.assignment)
    packed = f" ({' '.join(parameter.parts)})" if parameter.parts else ""
    return (
        parameter.name,
        str(parameter.shape),
        parameter.kind + packed,
        _number(known.fan_in),
        _number(known.fan_out),
        entry.law,
        "-" if entry.std is None else f"{entry.std:.4g}",
        entry.note,
    )


def make(
    model: Model, recipe: Rules, key: Key, *, strict: bool = True, remarks: tuple[str, ...] = ()
) -> Plan:
    """What the recipe comes to on this model.

    Parameters
    ----------
    model : Model
        The tensors.
    recipe : Rules
        From `interop.recipe`.
    key : Key
        The tensor of path ("a", "b") takes key / "a" / "b".
    strict : bool, default True
        Refuse a parameter without a rule, and a rule without a parameter. Otherwise the first is
        kept as it is and the second does nothing.
    remarks : tuple of str, optional
        For the plan.

    Raises
    ------
    ValueError
        If `strict` finds one of these, two tensors have one name, or a law does not fit a tensor.
    """
    require_distinct(model.parameters)
    entries: list[Entry] = []
    without: list[Parameter] = []
    deciding: dict[int, Rule] = {}
    words = {id(rule): str(rule) for rule in recipe.rules}
    keys: dict[tuple[str, ...], Key] = {(): key}
    alike: dict[Any, tuple[Assignment, tuple[Piece, ...]]] = {}
    for parameter in model:
        rule = recipe.find(parameter)
        tensor_key = key_below(parameter.path, keys)
        if 0 in parameter.shape:
            nothing = KEEP if parameter.role == "buffer" else EMPTY
            entries.append(Entry(parameter, nothing, "nothing to do", tensor_key))
            if rule is not None:
                deciding[id(rule)] = rule
            continue
        if parameter.frozen and not (rule is not None and rule.needed):
            entries.append(Entry(parameter, FROZEN, "none", tensor_key))
            continue
        if rule is None:
            without.append(parameter)
            entries.append(Entry(parameter, KEEP, "none", tensor_key))
            continue
        deciding[id(rule)] = rule
        assignment, text = rule.resolve(parameter, model), words[id(rule)]
        blocks = _pieces(parameter, assignment, text, alike)
        entries.append(Entry(parameter, assignment, text, tensor_key, blocks))
    if strict:
        _require_rules(recipe, without)
        _require_tensors(recipe, model, deciding)
    return Plan(recipe, key, tuple(entries), remarks)


def _require_rules(recipe: Rules, without: list[Parameter]) -> None:
    """Refuse tensors without a rule; the error has the rule to add and where."""
    if not without:
        return
    named = ", ".join(f"{p.name} {p.shape} of {p.kind or 'the model'}" for p in without[:8])
    more = f" and {len(without) - 8} more" if len(without) > 8 else ""
    rule = f'{{"name": {without[0].name!r}, "init": "keep"}}'
    if "rules" in recipe.source or not recipe.source:
        remedy = f"add one to its rules, such as {rule}"
    else:
        own = recipe.name if recipe.source == {"recipe": recipe.name} else recipe.source
        remedy = f'put one before its own: {{"base": {own!r}, "rules": [{rule}]}}'
    raise ValueError(
        f"recipe={recipe.name!r} has no rule for {named}{more}; {remedy}, with an initializer in "
        'place of "keep" unless the value that it has is right, or leave all of them as they are '
        "with strict=False"
    )


def _require_tensors(recipe: Rules, model: Model, deciding: dict[int, Rule]) -> None:
    """Refuse a rule that decides for no tensor, unless a tie's other name has an equal rule."""
    tied = [parameter for parameter in model if parameter.aliases]
    for rule in recipe.rules:
        if not rule.needed or id(rule) in deciding:
            continue
        agreed = any(
            rule.fits(parameter) and (first := recipe.find(parameter)) and first.init == rule.init
            for parameter in tied
        )
        if not agreed:
            raise ValueError(
                f"recipe={recipe.name!r} has a rule that decides for no tensor: {rule}; correct "
                "it or put it further up, or pass strict=False"
            )


def key_below(path: tuple[str, ...], keys: dict[tuple[str, ...], Key]) -> Key:
    """The key of a path; `keys` has that of the root, and remembers those of layers."""
    above = keys.get(path[:-1])
    if above is None:
        above = keys[path[:-1]] = key_below(path[:-1], keys)
    return above / path[-1]


def _pieces(
    parameter: Parameter,
    assignment: Assignment,
    rule: str,
    alike: dict[Any, tuple[Assignment, tuple[Piece, ...]]],
) -> tuple[Piece, ...]:
    """The pieces of a tensor whose law fits it; those of one that is alike, if there is one.

    Alike are tensors of one layer's kind and shape that get the same object.
    """
    facts = (
        id(assignment.init),
        id(assignment.by_part) if assignment.by_part else None,
        *(assignment.whole, assignment.fan_in, assignment.fan_out),
        *(parameter.shape, parameter.layout, parameter.groups, parameter.transposed),
        *(parameter.fan_in, parameter.fan_out, parameter.parts, parameter.part_axis),
    )
    known = alike.get(facts)
    if known is None:
        known = assignment, _fitting(parameter, assignment, rule)
        alike[facts] = known  # with the assignment itself, so that its id is nobody else's
    return known[1]


def _fitting(parameter: Parameter, assignment: Assignment, rule: str) -> tuple[Piece, ...]:
    """The pieces of a tensor, or an error that says why its law does not fit it."""
    try:
        blocks = tuple(pieces(parameter, assignment))
        for piece in blocks:
            fans(piece.shape, piece.layout)
            _ = piece.std
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{parameter.name} {parameter.shape} of {parameter.kind}, by the rule {rule}: {error}"
        ) from error
    return blocks
