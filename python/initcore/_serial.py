"""Frozen configurations as plain dicts, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def to_dict(config: Any) -> dict[str, Any]:
    """`config`, a frozen dataclass with a `name`, as a dict that JSON can hold."""
    found: dict[str, Any] = {"name": config.name}
    for field in fields(config):
        value = getattr(config, field.name)
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        elif isinstance(value, tuple):
            value = [list(item) if isinstance(item, tuple) else item for item in value]
        found[field.name] = value
    return found


def from_dict(data: Any, classes: Mapping[str, type], what: str) -> Any:
    """The object that `to_dict` wrote; `classes` are those that `what` may be, by their names."""
    if not isinstance(data, Mapping):
        raise TypeError(f"{what}={data!r} must be a dict that to_dict wrote")
    name = data.get("name")
    if not isinstance(name, str) or name not in classes:
        names = ", ".join(repr(known) for known in classes)
        raise ValueError(f"{what} has name={name!r}, which is not known; choose one of {names}")
    settings = {key: value for key, value in data.items() if key != "name"}
    known = {field.name for field in fields(classes[name])}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(
            f"{what} has the entries {unknown}, which {name!r} does not have; it has "
            f"{sorted(known)}"
        )
    return classes[name](**settings)
