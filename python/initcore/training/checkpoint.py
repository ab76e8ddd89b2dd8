"""Networks in files: weights, and all that a run needs to go on, in the safetensors format."""

import json
import os
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore._files import replacing
from initcore.training.history import History
from initcore.training.optimizers import State
from initcore.training.probes import ProbeRecord

Array = NDArray[Any]

FORMAT = 1
_FIRST, _SECOND = "optimizer.first.", "optimizer.second."
_STEPS, _VALUES = "history.probes.steps", "history.probes.values"


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
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    facts: dict[str, Any] = {"format": FORMAT, "compute": 1}
    if history is not None:
        facts["history"] = replace(history, probes=None).to_dict()
        if history.probes is not None:
            # as tensors, for numbers as text can outgrow a header
            record = history.probes
            facts["probes"] = {"layers": record.layers, "parameters": record.parameters}
            tensors |= {_STEPS: record.steps, _VALUES: record.values}
    if isinstance(state, State):
        facts["step"], facts["powers"] = state.step, list(state.powers)
        for prefix, kept in ((_FIRST, state.first), (_SECOND, state.second)):
            tensors |= {
                prefix + name: array
                for name, array in zip(names, kept, strict=True)
                if array is not None
            }
    replacing.write(path, library.numpy.save(tensors, {"initcore": json.dumps(facts)}))


def load(
    path: str | os.PathLike[str], arrays: dict[str, Array], names: list[str]
) -> tuple[dict[str, Array], History | None, State | None]:
    """The values of `arrays`, checked against them, and the history and state of the run."""
    library = _library()
    with library.safe_open(os.fspath(path), framework="np") as file:
        facts = json.loads((file.metadata() or {}).get("initcore", "{}"))
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if facts.get("format", FORMAT) != FORMAT or facts.get("compute", 1) != 1:
        raise ValueError(
            f"path={os.fspath(path)!r} was written with format {facts.get('format')} and compute "
            f"v{facts.get('compute')}; this version of initcore reads format {FORMAT} and "
            f"computes v1"
        )
    for name, array in arrays.items():
        if name not in found:
            raise ValueError(
                f"path={os.fspath(path)!r} has no {name!r}: it was written by another network; it "
                f"has {', '.join(sorted(found))}"
            )
        if found[name].shape != array.shape:
            raise ValueError(
                f"path={os.fspath(path)!r} has {name!r} of shape {found[name].shape}, and the "
                f"network's has {array.shape}"
            )
    history = History.from_dict(facts["history"]) if "history" in facts else None
    if history is not None and "probes" in facts:
        history.probes = ProbeRecord(**facts["probes"], steps=found[_STEPS], values=found[_VALUES])
    state = None
    if "step" in facts:
        first, second = ([found.get(p + name) for name in names] for p in (_FIRST, _SECOND))
        state = State(facts["step"], first, second, (), tuple(facts["powers"]))
    return {name: found[name] for name in arrays}, history, state
