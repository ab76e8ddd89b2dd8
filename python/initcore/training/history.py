"""The record of one training run."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from initcore.training.probes import ProbeRecord


@dataclass(eq=False)
class History:
    """What happened in a run of `Sequential.fit`, one entry per epoch.

    Attributes
    ----------
    initial_loss, initial_accuracy : float
        Over all training samples, before the first step. A network that prefers no class starts
        at ln K. Accuracy is the share of samples whose largest output is that of their class, and
        under the binary cross-entropy of outputs on the right side of 0; None where the loss knows
        no such answers, here and below.
    loss, accuracy : list of float
        Over the samples of the epoch, each measured just before the step it takes part in.
    validation_loss, validation_accuracy : list of float
        Over all validation samples, after the epoch; None without validation data.
    gradient_norm : list of float
        Euclidean norm of the gradient of all parameters at the first batch of the epoch, so that
        the first entry belongs to the initial weights.
    diverged_epoch, diverged_step : int, optional
        The epoch, and the step of the whole run, both counted from 0, whose loss was the first
        that is not finite; None if all were finite. A loss that only grows, to 1e35 even, has not
        diverged in this sense: compare `loss[-1]` with `initial_loss`.
    diverged_layer : str, optional
        The name of the first layer whose output was not finite then; "loss" if all were.
    probes : ProbeRecord, optional
        What the probes of `fit` recorded; None without any.
    run : dict
        The settings: optimizer, loss, epochs asked for, batch_size, samples, dtype, key, and the
        version of the arithmetic ("compute": 1), which is all one needs to replay the run from
        the same weights and data.
    """

    run: dict[str, Any] = field(default_factory=dict)
    initial_loss: float = math.nan
    initial_accuracy: float | None = None
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] | None = None
    validation_loss: list[float] | None = None
    validation_accuracy: list[float] | None = None
    gradient_norm: list[float] = field(default_factory=list)
    diverged_epoch: int | None = None
    diverged_step: int | None = None
    diverged_layer: str | None = None
    probes: ProbeRecord | None = None

    @property
    def epochs(self) -> int:
        """How many epochs were begun."""
        return len(self.loss)

    @property
    def best_epoch(self) -> int | None:
        """The first epoch of the lowest validation loss; None where none is a number."""
        losses = [x for x in self.validation_loss or () if not math.isnan(x)]
        if self.validation_loss is None or not losses:
            return None
        return self.validation_loss.index(min(losses))

    def to_dict(self) -> dict[str, Any]:
        """The record as a plain dict of numbers, lists and texts.

        A diverged run holds nan and inf, which `json.dumps` writes and `json.loads` reads, and
        which strict JSON does not know.
        """
        record = None if self.probes is None else self.probes.to_dict()
        return asdict(replace(self, probes=None)) | {"probes": record}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "History":
        """The record that `to_dict` wrote.

        Raises
        ------
        ValueError
            If an entry is unknown, or is not of its type.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(
                f"data has the entries {unknown}, which a History does not have; "
                f"it has {sorted(known)}"
            )
        for name, value in data.items():
            wanted, fits = _ENTRIES[name]
            if not fits(value):
                raise ValueError(f"data[{name!r}]={value!r:.80} must be {wanted}")
        record = data.get("probes")
        probes = None if record is None else ProbeRecord.from_dict(record)
        return cls(**(data | {"probes": probes}))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        # by repr, which tells every float apart and takes nan for itself
        return repr(self.to_dict()) == repr(other.to_dict())

    __hash__ = None  # type: ignore[assignment]  # it grows during the run


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


# What each entry of a record must be, in words and as a test.
_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "run": ("a dict", lambda value: isinstance(value, dict)),
    "initial_loss": ("a number", _is_number),
    "initial_accuracy": ("a number or None", _or_none(_is_number)),
    "loss": ("a list of numbers", _is_numbers),
    "accuracy": ("a list of numbers or None", _or_none(_is_numbers)),
    "validation_loss": ("a list of numbers or None", _or_none(_is_numbers)),
    "validation_accuracy": ("a list of numbers or None", _or_none(_is_numbers)),
    "gradient_norm": ("a list of numbers", _is_numbers),
    "diverged_epoch": ("a whole number or None", _or_none(lambda value: type(value) is int)),
    "diverged_step": ("a whole number or None", _or_none(lambda value: type(value) is int)),
    "diverged_layer": ("a text or None", _or_none(lambda value: isinstance(value, str))),
    "probes": ("a dict or None", _or_none(lambda value: isinstance(value, dict))),
}
