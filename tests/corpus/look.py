"""What initcore does to one model of the corpus."""

import gc
import random
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from corpus.cases import Case
from initcore import doctor, interop
from initcore.interop.torch import initialize, materialize

_MOST_ELEMENTS = 12_000_000
"""Larger models are planned without memory, and not written."""


@dataclass
class Row:
    """What was seen of one model; `built` is the reason why it was not built, if it was not."""

    library: str
    name: str
    recipe: str
    unbuilt: str = ""
    tensors: int = 0
    ruled: int = 0
    kept: int = 0
    refused: list[str] = field(default_factory=list)
    """Parameters whose meaning is not known, with their class, and errors under strict."""
    forward: str = "-"
    same: str = "-"
    """Whether `materialize` gives what `initialize` gives."""
    audit: list[str] = field(default_factory=list)
    """Findings of an audit, without a recipe, of the model as its library makes it."""
    ms_per_tensor: float = 0.0

    @property
    def is_started(self) -> bool:
        """Whether every parameter got its rule without help."""
        return not self.unbuilt and not self.refused

    def to_dict(self) -> dict[str, Any]:
        """For a line of JSON."""
        return asdict(self)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:400]


def look(case: Case, *, seconds: int = 60) -> Row:
    """Build a model, plan it, write it and audit it."""
    import torch

    row = Row(case.library, case.name, case.recipe)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _at_most(seconds), torch.device("meta"):
                meta = _built(case, 0)
        except (Exception, SystemExit) as error:
            row.unbuilt = _in_one_line(error)
            return row
        try:
            with _at_most(seconds):
                _plan(case, meta, row)
        except TimeoutError as error:
            row.refused.append(_in_one_line(error))
            return row
        elements = sum(parameter.numel() for parameter in meta.parameters())
        if not row.refused and elements <= _MOST_ELEMENTS:
            try:
                with _at_most(seconds):
                    _write(case, meta, row)
            except TimeoutError as error:
                row.same = _in_one_line(error)
    gc.collect()
    return row


def _plan(case: Case, meta: Any, row: Row) -> None:
    start = time.perf_counter()
    try:
        plan = initialize(meta, case.recipe, key=0, dry_run=True)
    except (TypeError, ValueError) as error:
        row.refused.append(_in_one_line(error))
        try:
            plan = initialize(meta, case.recipe, key=0, dry_run=True, strict=False)
        except (TypeError, ValueError):
            return
    row.tensors = len(plan.entries)
    row.ms_per_tensor = (time.perf_counter() - start) / max(1, row.tensors) * 1e3
    row.kept = sum(entry.is_kept for entry in plan)
    row.ruled = row.tensors - row.kept
    others = [e.parameter for e in plan if e.parameter.role == "other" and not e.parameter.frozen]
    if others:
        row.refused = sorted({f"{p.kind}.{p.path[-1]}" for p in others})


def _built(case: Case, seed: int) -> Any:
    """The model as its library makes it, with all generators at a seed."""
    import torch

    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            return case.build()
    finally:
        random.setstate(state)


def _write(case: Case, meta: Any, row: Row) -> None:
    fresh, second = _built(case, 0), _built(case, 1)
    found = doctor.audit(fresh).findings
    row.audit = [f"{finding.name}: {finding.message} [{finding.code}]" for finding in found]
    for model in (fresh, second):
        initialize(model, case.recipe, key=0)
    try:
        materialize(meta, case.recipe, key=0)
    except (TypeError, ValueError) as error:
        row.same = _in_one_line(error)
    else:
        row.same = _comparison(meta, fresh, second)
    row.forward = _forward(case, fresh)


def _comparison(meta: Any, fresh: Any, second: Any) -> str:
    """Whether all is equal but what the library draws, which differs in two of its models."""
    mine = interop.weights(meta)
    theirs, others = (interop.weights(model).arrays for model in (fresh, second))
    names = [
        parameter.name
        for parameter, array in mine
        if theirs[parameter.name].tobytes() == others[parameter.name].tobytes()
        and array.tobytes() != theirs[parameter.name].tobytes()
    ]
    return f"no: {', '.join(names[:4])}" if names else "yes"


def _forward(case: Case, model: Any) -> str:
    import torch

    if case.feed is None:
        return "-"
    try:
        with torch.no_grad():
            outputs = case.feed(model)
    except TimeoutError:
        raise
    except Exception:  # the input does not fit, which is no matter of the weights
        return "-"
    tensors = [value for value in _values(outputs) if isinstance(value, torch.Tensor)]
    floats = [value for value in tensors if value.is_floating_point()]
    return "finite" if all(bool(value.isfinite().all()) for value in floats) else "not finite"


def _values(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):  # as the outputs of transformers are
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
