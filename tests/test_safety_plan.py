"""A plan touches nothing but the arrays it was given, whatever these are and become."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from processes import output_of

from initcore import kernels

Array = NDArray[Any]
RATE = {"lr": 0.1, "epsilon": 1e-8}
SAMPLES, BATCH, N_IN, N_OUT = 7, 3, 4, 5


def zeros(*shape: int, dtype: str = "f4") -> Array:
    return np.zeros(shape, dtype)


class Given:
    """The arrays of a plan of one dense layer under labels; each can be replaced by name."""

    def __init__(self, **replaced: Any) -> None:
        self.used: set[str] = set()
        self.replaced = replaced
        self.labels = np.arange(SAMPLES) % N_OUT
        self.plan = kernels._Plan(SAMPLES, BATCH, False)

    def __call__(self, name: str, array: Any) -> Any:
        self.used.add(name)
        return self.replaced.get(name, array)

    def add(self) -> kernels._Plan:
        plan = self.plan
        x = self("x", plan.gather(self("source", zeros(SAMPLES, N_IN))))
        labels = self("labels", plan.gather(self("labels source", self.labels)))
        y, dy = zeros(BATCH, N_OUT), self("dy", zeros(BATCH, N_OUT))
        w, b = self("w", zeros(N_OUT, N_IN)), self("b", zeros(N_OUT))
        dw, db = self("dw", zeros(N_OUT, N_IN)), self("db", zeros(N_OUT))
        z, probed = self("z", zeros(BATCH, N_OUT)), self("probed_z", zeros(BATCH, N_OUT))
        dx = self("dx", zeros(BATCH, N_IN))
        plan.dense(x, self("y", y), z, dy, dx, w, b, dw, db, "gelu", probed)
        plan.probe(
            self("probe z", z), self("probe y", y), self("probe dy", dy),
            self("probe dz", zeros(BATCH, N_OUT)), "gelu", np.nan, np.nan,
        )  # fmt: skip
        plan.mask(self("mask", zeros(BATCH, N_IN, dtype="?")), 0.5, 0, 0)
        plan.softmax(self("loss y", y), self("loss dy", dy), labels)
        plan.count(self("classes", labels))
        for name, p, g in (("w", w, dw), ("b", b, db)):
            moments = (self(f"{which} of {name}", np.zeros_like(p)) for which in ("m", "v"))
            plan.parameter(p, self(f"gradient of {name}", g), *moments, 0)
        plan.pair()
        plan.record_parameters(2, self("before", zeros(N_OUT * N_IN)))
        plan.numbers("adam", [RATE], 1, 0)
        plan.begin(
            self("order", np.arange(SAMPLES)), self("losses", np.zeros(3)), 0,
            self("record", np.zeros((2, plan.record_columns))),
        )  # fmt: skip
        return plan


def names() -> list[str]:
    given = Given()
    assert given.add().run(3)
    return sorted(given.used)


def test_a_plan_of_right_arrays_runs() -> None:
    assert len(names()) > 25


NONE_MAY_STAND_FOR = {"dx", "probed_z", "probe dz"}
WRITTEN = {"y", "z", "dx", "dw", "db", "probed_z", "probe dz", "mask", "loss dy", "w", "b"}
WRITTEN |= {"m of w", "v of w", "m of b", "v of b", "before", "losses", "record"}


def right(name: str) -> Array:
    """The array that a plan gets under a name."""
    found: list[Array] = []

    class Looks(Given):
        def __call__(self, own: str, array: Any) -> Any:
            if own == name:
                found.append(array)
            return super().__call__(own, array)

    Looks().add()
    return found[0]


CHANGES: dict[str, Callable[[Array], Any]] = {
    "one": lambda a: np.resize(a, (1,)),
    "empty": lambda a: a[:0],
    "short": lambda a: np.resize(a, (*a.shape[:-1], a.shape[-1] - 1)),
    "complex": lambda a: a.astype(complex),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()) if a.itemsize > 1 else a.astype("i1"),
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "unaligned": lambda a: (
        np.frombuffer(b"\0" + a.tobytes(), "u1")[1:].view(a.dtype).reshape(a.shape)
    ),
    "list": lambda a: a.tolist(),
}


def is_wrong(name: str, change: str) -> bool:
    """Whether a plan must refuse an array after this change."""
    changed = CHANGES[change](right(name))
    is_array = isinstance(changed, np.ndarray)
    if name == "order":  # the plan copies it, and checks the copy
        return is_array and changed.size < SAMPLES
    # any contiguous array will do for these
    return not (is_array and changed.flags.carray and name in ("source", "before", "mask"))


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name in names() for change in CHANGES if is_wrong(name, change)],
)
def test_a_plan_refuses_an_array_that_is_not_what_c_will_touch(name: str, change: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        Given(**{name: CHANGES[change](right(name))}).add().run(3)


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_plan_refuses_an_array_that_it_writes_and_may_not(name: str) -> None:
    array = right(name).copy()
    array.flags.writeable = False
    with pytest.raises(ValueError, match="is read-only"):
        Given(**{name: array}).add()


@pytest.mark.parametrize("name", names())
def test_a_plan_refuses_none_where_an_array_is_needed(name: str) -> None:
    if name in NONE_MAY_STAND_FOR:
        assert Given(**{name: None}).add() is not None
        return
    with pytest.raises((TypeError, ValueError)):
        Given(**{name: None}).add()


@pytest.mark.parametrize("name", ["labels", "classes"])
def test_labels_that_were_not_gathered_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be an array that gather gave"):
        Given(**{name: np.zeros(BATCH, np.int64)}).add()


@pytest.mark.parametrize("bad", [N_OUT, -1, 10**9, -(2**63)])
def test_labels_that_change_while_a_run_reads_them_are_found_at_the_step(bad: int) -> None:
    given = Given()
    plan = given.add()
    assert plan.run(1)
    given.labels[4] = bad
    with pytest.raises(ValueError, match=f"sample 4 has the index or label {bad}, .* 0 to 4"):
        plan.run(3)
    assert plan.at == 1
    given.labels[4] = 0
    assert plan.run(3)


def test_words_that_change_while_a_run_reads_them_are_found_at_the_step() -> None:
    plan = kernels._Plan(4, 2, False)
    words = np.zeros((4, 3), np.int64)
    index = plan.gather(words)
    y = zeros(2, 9)
    plan.op("looked_up", 3, 0, 3, y=y, w=zeros(8, 3), index=index)
    plan.squared(y, zeros(2, 9), zeros(2, 9))
    plan.pair()
    plan.numbers("sgd", [RATE], 1, 0)
    plan.begin(np.arange(4), np.zeros(2), 0, None)
    assert plan.run(1)
    words[3, 1] = 8
    with pytest.raises(ValueError, match=r"sample 3 has the index or label 8, .* 0 to 7"):
        plan.run(2)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 7], [0, 1, 2, 3, 4, 5, -1]])
def test_an_order_holds_samples(order: list[int]) -> None:
    with pytest.raises(ValueError, match=r"order\[6\]"):
        Given(order=np.array(order)).add()


def test_an_order_is_copied() -> None:
    order = np.arange(SAMPLES)
    plan = Given(order=order).add()
    order[:] = 10**9
    assert plan.run(3)


@pytest.mark.parametrize(
    "call",
    [
        lambda plan: plan.run(4),
        lambda plan: plan.run(3) and plan.update(),
        lambda plan: plan.mask(zeros(BATCH, 1, dtype="?"), 0.5, 0, 0),
        lambda plan: plan.parameter(zeros(1), zeros(1), None, None, 0),
        lambda plan: plan.pair(),
        lambda plan: plan.record_parameters(1, zeros(N_OUT * N_IN)),
        lambda plan: plan.numbers("adam", [RATE], 0, 0),
        lambda plan: plan.numbers("adam", [], 1, 0),
        lambda plan: plan.numbers("adam", [RATE] * 3, 2, 0),
        lambda plan: (plan.numbers("adam", [RATE] * 2, 1, 0), plan.run(3)),
        lambda plan: (plan.numbers("adam", [RATE] * 2, 1, 1), plan.run(3)),
    ],
)
def test_a_plan_refuses_calls_beyond_what_it_was_told(call: Callable[[Any], object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        call(Given().add())


@pytest.mark.parametrize(
    "x", [zeros(2, N_IN + 1), zeros(2, N_IN, dtype="f8"), zeros(N_IN, 2).T, np.array(0, "f4")]
)
def test_outputs_are_of_samples_as_the_first_layer_takes_them(x: Array) -> None:
    plan = kernels._Plan(1, 1, False)
    y = zeros(1, N_OUT)
    plan.dense(zeros(1, N_IN), y, None, y, None, zeros(N_OUT, N_IN), None, None, None, "relu", None)
    assert plan.outputs(zeros(2, N_IN)).shape == (2, N_OUT)
    with pytest.raises((TypeError, ValueError), match=r"x (has|must)"):
        plan.outputs(x)


def test_a_rule_needs_what_it_keeps() -> None:
    plan = kernels._Plan(1, 1, False)
    plan.parameter(zeros(1), zeros(1), zeros(1), None, 0)
    for rule in ("adam", "rmsprop"):
        with pytest.raises(ValueError, match=f"rule='{rule}' needs arrays"):
            plan.numbers(rule, [RATE], 1, 0)
    other = kernels._Plan(1, 1, False)
    other.parameter(zeros(1), zeros(1), None, None, 1)
    with pytest.raises(ValueError, match="each=1 must be above 1"):
        other.numbers("sgd", [RATE], 1, 0)


def test_a_plan_without_samples_or_layers_ends() -> None:
    with pytest.raises(ValueError, match="rows=0 must be at least 1"):
        kernels._Plan(5, 0, False)
    plan = kernels._Plan(0, 1, False)
    assert plan.gather(zeros(0, 3)).shape == (1, 3)
    assert plan.outputs(zeros(2, 3)) is None
    with pytest.raises(ValueError, match="begin is called once"):
        plan.begin(np.arange(0), np.zeros(0), 0, None)


def test_a_gradient_is_a_layers_own_only_where_it_has_its_size() -> None:
    # the room for gradients that are used at once is as large as those that are
    program = """
        import numpy as np
        from initcore import kernels
        def zeros(*shape): return np.zeros(shape, "f4")
        plan = kernels._Plan(1, 1, False)
        x, y, dy, dw = plan.gather(zeros(1, 512)), zeros(1, 512), zeros(1, 512), zeros(512, 512)
        w = zeros(512, 512)
        plan.dense(x, y, None, dy, None, w, None, dw, None, "identity", None)
        plan.squared(y, dy, zeros(1, 512))
        plan.parameter(w[:1], dw[:1], None, None, 0)
        plan.pair()
        plan.numbers("sgd", [{"lr": 0.1}], 1, 0)
        for _ in range(20):
            plan.begin(np.arange(1), np.zeros(1), 0, None)
            assert plan.run(1)
    """
    output_of(program)
