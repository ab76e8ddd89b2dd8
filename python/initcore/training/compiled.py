"""A run as a program in C, where every layer can lower itself and the rest is initcore's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore.layers import Layer
from initcore.training import losses, lowering
from initcore.training.losses import CrossEntropy, Loss, MeanSquaredError
from initcore.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, State
from initcore.training.probes import ProbeRecord
from initcore.training.spec import RunSpec

Array = NDArray[Any]

_ERRORS = (
    MeanSquaredError,
    losses.MeanAbsoluteError,
    losses.Huber,
    losses.BinaryCrossEntropy,
)
_RULES = (SGD, RMSProp, Adam, AdamW)
_AHEAD = 1024
"""Steps whose coefficients are computed at once."""


def can_compile(
    layers: Sequence[Layer], loss: Loss, optimizer: Optimizer, parameters: Sequence[Array]
) -> bool:
    """Whether C can take these steps; user-defined losses and optimizers are interpreted."""
    return (
        lowering.can_compile(layers)
        and type(loss) in (CrossEntropy, *_ERRORS)
        and type(optimizer) in _RULES
        and all(parameter.flags.c_contiguous for parameter in parameters)
    )


class Program:
    """The steps of a run, taken in C with the interpreter's lock released.

    Parameters
    ----------
    spec : RunSpec
        A run that `can_compile`.
    parameters, gradients : sequence of ndarray
        In the order of `state`.
    state : State
        Of the optimizer; it is kept up to date, also when a run is interrupted.
    """

    def __init__(
        self,
        spec: RunSpec,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        state: State,
    ) -> None:
        rule: Any = spec.optimizer
        self._optimizer = rule
        self._state = state
        clip = {} if rule.clip_norm is None else {"clip_norm": rule.clip_norm}
        is_double = spec.x.dtype == np.float64
        self._plan = kernels._Plan(len(spec.x), spec.rows, is_double, **clip)
        probing = spec.probes is not None
        network = lowering.ProgramBuilder(
            self._plan, spec.rows, spec.x, spec.layers, spec.layer_names, spec.key, probing
        )
        self.outputs, self.probed = network.outputs, tuple(network.probed)
        _add_loss(self._plan, spec.loss, self.outputs[-1], network.dy, spec.target)
        self._add_parameters(parameters, gradients)
        self._every = None if spec.probes is None else spec.probes.every
        if self._every is not None:
            before = np.empty(max(p.size for p in parameters), spec.x.dtype)
            self._plan.record_parameters(self._every, before)
        self.losses = np.empty(spec.steps)
        self._record: Array | None = None
        self._ahead = (0, 0)
        self._powers: list[tuple[float, float]] = []

    def _add_parameters(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        state = self._state
        # parameters of one factor on the learning rate share their coefficients
        self._factors = sorted(set(state.factors))
        for p, g, first, second, factor in zip(
            parameters, gradients, state.first, state.second, state.factors, strict=True
        ):
            self._plan.parameter(p, g, first, second, self._factors.index(factor))
        self._plan.pair()

    @property
    def at(self) -> int:
        """The first step of the epoch that is not done."""
        return self._plan.at

    @property
    def right(self) -> int:
        """Answers of the epoch so far that were right: see `losses.correct`."""
        return self._plan.right

    @property
    def norm(self) -> float:
        """Norm of the gradients of the epoch's first step."""
        return self._plan.norm

    def begin(self, order: NDArray[np.intp]) -> None:
        """Begin an epoch; the loss of each of its steps goes into `losses`."""
        self._order = order.astype(np.int64, copy=False)
        self._begun, self._record = self._state.step, None
        if self._every is not None:
            first = -(-self._begun // self._every) * self._every
            self._recorded = np.arange(first, self._begun + len(self.losses), self._every)
            # NaN for what a run that ends within a step does not come to
            self._record = np.full((len(self._recorded), self._plan.record_columns), np.nan)
        self._plan.begin(self._order, self.losses, self._begun, self._record)
        self._ahead = (0, 0)

    def forward(self, x: Array) -> Array | None:
        """The network's outputs for x, if all of its layers are dense ones."""
        return self._plan.outputs(np.ascontiguousarray(x))

    def record(self, done: int, to: ProbeRecord) -> None:
        """Add what was recorded of the first `done` steps of the epoch."""
        assert self._record is not None
        rows = np.searchsorted(self._recorded, self._begun + done)
        to.extend(self._recorded[:rows], self._record[:rows])

    def run(self) -> bool:
        """The steps that remain. False: the loss of step `at` is not finite; `update` goes on."""
        while self.at < len(self.losses):
            self._prepare()
            start = self.at
            try:
                if not self._plan.run(self._ahead[1]):
                    return False
            finally:
                self._done(self.at - start)
        return True

    def update(self) -> None:
        """Take the step `at`, whose gradients are there."""
        self._plan.update()
        self._done(1)

    def _prepare(self) -> None:
        """Compute the coefficients of the next steps unless they are ready."""
        if self.at < self._ahead[1]:
            return
        rule, state = self._optimizer, self._state
        end = min(self.at + _AHEAD, len(self.losses))
        steps = range(state.step, state.step + end - self.at)
        powers, self._powers = state.powers, []
        for _ in steps:
            powers = rule.powers_after(powers)
            self._powers.append(powers)
        rates = [rule.rate(step) for step in steps] if callable(rule.lr) else [rule.rate(0)]
        if len(rates) == 1 and self._powers[0] != self._powers[-1]:
            rates *= len(steps)
        coefficients = [
            rule.coefficients(rate * factor, powers)
            for rate, powers in zip(rates, self._powers, strict=False)
            for factor in self._factors
        ]
        self._plan.numbers(rule.rule, coefficients, len(self._factors), self.at)
        self._ahead = (self.at, end)

    def _done(self, steps: int) -> None:
        if steps:
            self._state.step += steps
            self._state.powers = self._powers[self.at - 1 - self._ahead[0]]


def _add_loss(plan: kernels._Plan, loss: Any, y: Array, dy: Array, target: Array) -> None:
    values, weights = losses.parts(target)
    weight = None if weights is None else plan.gather(np.ascontiguousarray(weights))
    if type(loss) is CrossEntropy:
        _add_cross_entropy(plan, loss, y, dy, target, weight)
        return
    t = plan.gather(np.ascontiguousarray(values))
    if type(loss) is MeanSquaredError and weight is None:
        plan.squared(y, dy, t)
    else:
        a, b = loss.constants()
        plan.errors(loss.error, a, b, y, dy, t, weight)
    if losses.answers(loss, target):
        plan.count_sides()


def _add_cross_entropy(
    plan: kernels._Plan,
    loss: CrossEntropy,
    y: Array,
    dy: Array,
    target: Array,
    weight: Array | None,
) -> None:
    values, _ = losses.parts(target)
    labels = plan.gather(np.ascontiguousarray(losses.classes_of(target)))
    plain = loss.smoothing == 0 and loss.class_weights is None
    if values.ndim == 2:
        t = plan.gather(np.ascontiguousarray(values if plain else loss.smoothed(values)))
        plan.cross_entropy(y, dy, t, None, None, weight)
    elif plain and weight is None:
        plan.softmax(y, dy, labels)
    else:
        shares, peaks = loss.spread(y.shape[1], y.dtype)
        plan.cross_entropy(y, dy, shares, labels, peaks, weight)
    plan.count(labels)
