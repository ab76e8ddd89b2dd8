"""Networks in files: weights, and all that a run needs to go on, in the safetensors format.

What stands in a file is checked before a byte of the network changes: it may be of another
network, cut off, or made by somebody who means harm. A refusal is a ValueError that names the path.

Format 2 calls the optimizer's arrays "0.weight:first" and "0.weight:second". Names of a network's
own arrays end in ".weight", ".bias" or the like, so that none is that of another. Format 1 called
them "optimizer.first.0.weight", which a layer could be called too; it is read where none is.
"""

import json
import os
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore._files import replacing
from initcore.training.history import History
from initcore.training.optimizers import State
from initcore.training.probes import ProbeRecord

Array = NDArray[Any]

FORMAT = 2
_COMPUTE = 1
_TYPES = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}
_MOST_STEPS = 2**62


class _Names(NamedTuple):
    """What a format calls the arrays that are no parameter's."""

    first: str
    second: str
    steps: str
    values: str


_NAMES = {
    1: _Names(
        "optimizer.first.{}",
        "optimizer.second.{}",
        "history.probes.steps",
        "history.probes.values",
    ),
    2: _Names("{}:first", "{}:second", "probes:steps", "probes:values"),
}


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "files of networks are read and written by safetensors: install initcore[scale]"
        ) from None
    return safetensors


def save(
    path: str | os.PathLike[str],
    arrays: dict[str, Array],
    names: list[str],
    history: History | None,
    state: Any,
) -> None:
    """Write arrays, history and state so that `path` holds the old file or the new, whole.

    `names` are those of the parameters, in the order of `state`.
    """
    library = _library()
    facts: dict[str, Any] = {"format": FORMAT, "compute": _COMPUTE}
    own: dict[str, Array] = {}
    called = _NAMES[FORMAT]
    if history is not None:
        facts["history"] = replace(history, probes=None).to_dict()
        if history.probes is not None:
            # as tensors, for numbers as text can outgrow a header
            record = history.probes
            facts["probes"] = {"layers": record.layers, "parameters": record.parameters}
            own |= {called.steps: record.steps, called.values: record.values}
    if isinstance(state, State):
        facts["step"], facts["powers"] = state.step, list(state.powers)
        for form, kept in ((called.first, state.first), (called.second, state.second)):
            own |= {
                form.format(name): array
                for name, array in zip(names, kept, strict=True)
                if array is not None
            }
    taken = sorted(set(own) & set(arrays))
    if taken:
        raise ValueError(
            f"path={os.fspath(path)!r} would hold two arrays called {taken[0]!r}: give the layer "
            f"another name"
        )
    tensors = {name: np.ascontiguousarray(array) for name, array in (arrays | own).items()}
    replacing.write(path, library.numpy.save(tensors, {"initcore": json.dumps(facts)}))


def load(
    path: str | os.PathLike[str],
    arrays: dict[str, Array],
    names: list[str],
    *,
    rounded: bool = False,
) -> tuple[dict[str, Array], History | None, State | None]:
    """The values of `arrays`, checked against them, and the history and state of the run.

    With `rounded`, float64 values are rounded to the float32 of the network.
    """
    library = _library()
    where = f"path={os.fspath(path)!r}"
    try:
        # safetensors' own errors of the system do not say which file it was
        os.stat(path)
        with library.safe_open(os.fspath(path), framework="np") as file:
            return _Reader(file, where).read(arrays, names, rounded)
    except library.SafetensorError as error:
        raise ValueError(f"{where} is no whole file of safetensors: {error}") from None
    except IsADirectoryError:
        raise
    except OSError as error:
        if error.filename is None:
            raise ValueError(f"{where} cannot be read as a file: {error}") from None
        raise


class _Reader:
    """An open file, read array by array: only what is wanted, once its type and shape fit."""

    def __init__(self, file: Any, where: str) -> None:
        self.file, self.where = file, where
        self.names = set(file.keys())
        self.facts = self._facts()

    def read(
        self, arrays: dict[str, Array], names: list[str], rounded: bool
    ) -> tuple[dict[str, Array], History | None, State | None]:
        """What `load` returns."""
        called = _NAMES[self.facts.get("format", FORMAT)]
        self._check_unambiguous(called, arrays, names)
        found = {name: self._parameter(name, array, rounded) for name, array in arrays.items()}
        history = self._history(called)
        return found, history, self._state(called, arrays, names, history)

    def refusal(self, what: str) -> ValueError:
        """The error that says what is wrong with this file."""
        return ValueError(f"{self.where} {what}")

    def _facts(self) -> dict[str, Any]:
        """What the metadata say, with a format and an arithmetic that are known here."""
        text = (self.file.metadata() or {}).get("initcore", "{}")
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.refusal(f"has metadata that are not JSON ({error})") from None
        if not isinstance(facts, dict):
            raise self.refusal(f"has metadata that are a {type(facts).__name__}, not a dict")
        number, compute = facts.get("format", FORMAT), facts.get("compute", _COMPUTE)
        if type(number) is not int or number not in _NAMES or compute != _COMPUTE:
            raise self.refusal(
                f"was written with format {number!r} and compute v{compute}; this version of "
                f"initcore reads the formats {', '.join(map(str, _NAMES))} and computes "
                f"v{_COMPUTE}"
            )
        return facts

    def _check_unambiguous(
        self, called: _Names, arrays: dict[str, Array], names: list[str]
    ) -> None:
        own = {form.format(name) for form in (called.first, called.second) for name in names}
        taken = sorted((own | {called.steps, called.values}) & set(arrays))
        if taken and ("step" in self.facts or "probes" in self.facts):
            raise self.refusal(
                f"was written in a format that cannot tell the network's {taken[0]!r} from an "
                f"array of the run; give the layer another name and train again"
            )

    def _array(self, name: str, shape: tuple[int, ...], shape_is: str) -> Array:
        """An array of float32 or float64 of this shape."""
        if name not in self.names:
            raise self.refusal(
                f"has no {name!r}: it was written by another network; it has "
                f"{_listed(sorted(self.names))}"
            )
        part = self.file.get_slice(name)
        if part.get_dtype() not in _TYPES:
            raise self.refusal(
                f"has {name!r} of type {part.get_dtype()}: networks compute in F32 or F64 "
                f"(float32, float64); convert it first"
            )
        if tuple(part.get_shape()) != shape:
            raise self.refusal(
                f"has {name!r} of shape {tuple(part.get_shape())}, and {shape_is} has {shape}"
            )
        found: Array = self.file.get_tensor(name)
        return found

    def _parameter(self, name: str, array: Array, rounded: bool) -> Array:
        found = self._array(name, array.shape, "the network's")
        if found.dtype.itemsize <= array.dtype.itemsize:
            return found.astype(array.dtype, copy=False)
        if not rounded:
            raise self.refusal(
                f"has {name!r} in float64, and the network computes in float32: initialize the "
                f"network with dtype=np.float64, or pass rounded=True"
            )
        with np.errstate(over="ignore"):
            narrow = found.astype(array.dtype)
        lost = np.isinf(narrow) & np.isfinite(found)
        if lost.any():
            raise self.refusal(
                f"has {name!r} with the value {found[lost].flat[0]}, which float32 cannot hold; "
                f"initialize the network with dtype=np.float64"
            )
        return narrow

    def _history(self, called: _Names) -> History | None:
        if "history" not in self.facts:
            return None
        data = self.facts["history"]
        try:
            if not isinstance(data, dict) or data.get("probes") is not None:
                raise ValueError("it is no record of a run")
            history = History.from_dict(data)
            if "probes" in self.facts:
                history.probes = self._probes(called)
        except ValueError as error:
            raise self.refusal(f"has a record that cannot be read: {error}") from None
        return history

    def _probes(self, called: _Names) -> ProbeRecord:
        data = self.facts["probes"]
        if not isinstance(data, dict) or set(data) != {"layers", "parameters"}:
            raise ValueError("its probes must be a dict of layers and parameters")
        if not {called.steps, called.values} <= self.names:
            raise ValueError(f"its probes have no {called.steps!r} or no {called.values!r}")
        types = [self.file.get_slice(name).get_dtype() for name in (called.steps, called.values)]
        if types != ["I64", "F64"]:
            raise ValueError(f"its probes have the types {types}, not I64 and F64")
        steps, values = (self.file.get_tensor(name) for name in (called.steps, called.values))
        return ProbeRecord.from_dict(data | {"steps": steps, "values": values})

    def _state(
        self, called: _Names, arrays: dict[str, Array], names: list[str], history: History | None
    ) -> State | None:
        if "step" not in self.facts:
            return None
        step, powers = self.facts["step"], self.facts.get("powers")
        if type(step) is not int or not 0 <= step < _MOST_STEPS:
            raise self.refusal(f"has step={step!r}, which is no number of steps")
        if not isinstance(powers, list) or len(powers) != 2 or not all(map(_is_share, powers)):
            raise self.refusal(f"has powers={powers!r}, which are not two numbers from 0 to 1")
        if history is None:
            raise self.refusal("has the state of an optimizer and no record of its run")
        first, second = (
            [self._kept(form.format(name), name, arrays[name].shape, history) for name in names]
            for form in (called.first, called.second)
        )
        return State(step, first, second, (), (float(powers[0]), float(powers[1])))

    def _kept(self, name: str, of: str, shape: tuple[int, ...], history: History) -> Array | None:
        """What the optimizer keeps of the parameter `of`; None where it keeps nothing."""
        if name not in self.names:
            return None
        found = self._array(name, shape, f"the network's {of!r}")
        if str(found.dtype) != history.run.get("dtype"):
            raise self.refusal(
                f"has {name!r} in {found.dtype}, and its run computed in "
                f"{history.run.get('dtype')!r}"
            )
        return found


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") if names else "none"
