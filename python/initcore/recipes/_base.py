"""Checks of what recipes are given."""


def require_count(name: str, value: int) -> None:
    """Refuse what is not a positive int."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r} must be an int")
    if value < 1:
        raise ValueError(f"{name}={value} must be at least 1")


def require_positive(name: str, value: float) -> None:
    """Refuse what is not a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r} must be a number")
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{name}={value!r} must be positive and finite")
