"""Writing a plan in one call gives what its entries write alone, of whatever kind they are."""

from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import kernels
from initcore.models import writing
from initcore.models.parameters import Model, Parameter
from initcore.models.pieces import Piece
from initcore.models.plan import Plan, make
from initcore.models.rules import Rule, Rules
from initcore.models.writing import Writer, made, write

SHAPES = {
    "drawn": (32, 48),
    "sparse": (32, 48),
    "square": (16, 16),
    "ones": (7,),
    "constant": (),
    "prior": (5,),
    "table": (10, 4),
    "packed": (24, 8),
}
STARTS = {
    "drawn": ic.HeNormal(),
    "sparse": ic.initializers.Sparse(0.25),
    "square": ic.Orthogonal(),
    "ones": ic.Ones(),
    "constant": ic.Constant(0.1),
    "prior": ic.initializers.BiasPrior(0.01),
    "table": ic.Normal(std=0.02),
    "packed": ic.XavierUniform(),
}


def plan() -> Plan:
    more: dict[str, Any] = {"table": {"zero_row": 3}, "packed": {"parts": ("q", "k", "v")}}
    parameters = tuple(
        Parameter(name, (name,), shape, "weight", **more.get(name, {}))
        for name, shape in SHAPES.items()
    )
    rules = tuple(Rule(start, name=name) for name, start in STARTS.items())
    return make(Model(parameters), Rules("test", rules), ic.Key(5))


def of_type(name: str) -> Any:
    return pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else name


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_a_plan_written_in_one_call_has_the_bytes_of_its_entries(name: str) -> None:
    entries, dtype = plan().entries, of_type(name)
    alone = [np.full(entry.parameter.shape, np.nan, dtype) for entry in entries]
    for entry, array in zip(entries, alone, strict=True):
        entry.write(array)
    for _ in range(2):  # what is kept from the first time changes nothing
        together = [np.full(entry.parameter.shape, np.nan, dtype) for entry in entries]
        write(zip(entries, together, strict=True))
        for entry, one, other in zip(entries, alone, together, strict=True):
            assert not np.isnan(one).any(), entry.parameter.name
            assert one.tobytes() == other.tobytes(), entry.parameter.name


def test_constants_and_drawn_tensors_do_without_a_call_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(kernels, "_fill_many", lambda fills: counted.append(len(fills)))
    monkeypatch.setattr(Piece, "write", lambda *_: counted.append(-1))
    entries = [entry for entry in plan() if entry.parameter.name not in ("sparse", "square")]
    write([(entry, np.empty(entry.parameter.shape, np.float32)) for entry in entries])
    assert counted == [5]  # one tensor is packed of three


@pytest.mark.parametrize(("limit", "groups"), [(0, 8), (32 * 48 * 4 + 7 * 4, 3), (2**30, 1)])
def test_new_arrays_come_in_order_and_few_at_a_time(
    limit: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_BYTES", limit)
    counted = []
    whole = Writer.write
    monkeypatch.setattr(Writer, "write", lambda writer: whole(writer) or counted.append(1))
    entries = plan().entries
    waiting = made((entry, np.dtype("float32")) for entry in entries)
    for entry in entries:
        found, array = next(waiting)
        assert found is entry
        alone = np.empty(entry.parameter.shape, np.float32)
        entry.write(alone)
        assert array.tobytes() == alone.tobytes()
    assert next(waiting, None) is None
    assert len(counted) == groups
    assert list(made([])) == []
