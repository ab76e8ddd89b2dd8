"""A run as a flat plan in C, where all that it is made of has a job there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore.keys import Key
from initcore.layers import Layer
from initcore.training import losses, lowering
from initcore.training.losses import CrossEntropy, Loss, MeanSquaredError
from initcore.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, State
from initcore.training.probes import ProbeRecord, Probes

Array = NDArray[Any]

_ERRORS = (
    MeanSquaredError,
    losses.MeanAbsoluteError,
    losses.Huber,
    losses.BinaryCrossEntropy,
)
_RULES = (SGD, RMSProp, Adam, AdamW)
_AHEAD = 1024
"""Steps whose numbers are made at once."""


def knows(
    layers: Sequence[Layer], loss: Loss, optimizer: Optimizer, parameters: Sequence[Array]
) -> bool:
    """Whether C can take these steps; classes of a user's own are left to the interpreter."""
    return (
        lowering.knows(layers)
        and type(loss) in (CrossEntropy, *_ERRORS)
        and type(optimizer) in _RULES
        and all(parameter.flags.c_contiguous for parameter in parameters)
    )


class Plan:
    """The steps of a run, taken in C with the interpreter's lock released.

    Parameters
    ----------
    layers, loss, optimizer
        Such as `knows` accepts.
    x, target : ndarray
        All samples, contiguous, and what the loss made of their labels.
    rows : int
        Samples of a full batch.
    parameters, gradients : sequence of ndarray
        In the order of `state`.
    state : State
        Of the optimizer; it is kept up to date, also when a run is interrupted.
    names : sequence of str
        The layers' parts of the key path.
    key : Key, optional
        Of the run, from which layers of dropout draw.
    probes : Probes, optional
        Which steps are recorded.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        optimizer: Optimizer,
        x: Array,
        target: Array,
        rows: int,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        state: State,
        names: Sequence[str] = (),
        key: Key | None = None,
        probes: Probes | None = None,
    ) -> None:
        rule: Any = optimizer
        self._optimizer = rule
        self._state = state
        clip = rule.clip_norm
        self._plan = kernels._Plan(
            len(x), rows, x.dtype == np.float64, **({} if clip is None else {"clip_norm": clip})
        )
        given = names or [str(at) for at in range(len(layers))]
        found = lowering.Lowering(self._plan, rows, x, layers, given, key, probes is not None)
        self.outputs = found.outputs
        _add_loss(self._plan, loss, self.outputs[-1], found.dy, target)
        # parameters of one factor on the learning rate share their numbers
        self._factors = sorted(set(state.factors))
        for p, g, first, second, factor in zip(
            parameters, gradients, state.first, state.second, state.factors, strict=True
        ):
            self._plan.parameter(p, g, first, second, self._factors.index(factor))
        self._plan.pair()
        self._every = None if probes is None else probes.every
        if self._every is not None:
            before = np.empty(max(p.size for p in parameters), x.dtype)
            self._plan.record_parameters(self._every, before)
        self.losses = np.empty(-(-len(x) // rows))
        self._record: Array | None = None
        self._ahead = (0, 0)
        self._powers: list[tuple[float, float]] = []

    @property
    def at(self) -> int:
        """The first step of the epoch that is not done."""
        return self._plan.at

    @property
    def right(self) -> int:
        """Samples of the epoch so far whose largest output was that of their class."""
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
        """Say the numbers of the next steps, unless they are said."""
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
        numbers = [
            rule.numbers(rate * factor, powers)
            for rate, powers in zip(rates, self._powers, strict=False)
            for factor in self._factors
        ]
        self._plan.numbers(rule.rule, numbers, len(self._factors), self.at)
        self._ahead = (self.at, end)

    def _done(self, steps: int) -> None:
        if steps:
            self._state.step += steps
            self._state.powers = self._powers[self.at - 1 - self._ahead[0]]


def _add_loss(plan: kernels._Plan, loss: Any, y: Array, dy: Array, target: Array) -> None:
    found, weights = losses.parts(target)
    weight = None if weights is None else plan.gather(np.ascontiguousarray(weights))
    if type(loss) is CrossEntropy:
        labels = plan.gather(np.ascontiguousarray(losses.classes_of(target)))
        plan.count(labels)
        plain = loss.smoothing == 0 and loss.class_weights is None
        if found.ndim == 2:
            t = plan.gather(np.ascontiguousarray(found if plain else loss.smoothed(found)))
            plan.cross_entropy(y, dy, t, None, None, weight)
        elif plain and weight is None:
            plan.softmax(y, dy, labels)
        else:
            shares, peaks = loss.spread(y.shape[1], y.dtype)
            plan.cross_entropy(y, dy, shares, labels, peaks, weight)
        return
    t = plan.gather(np.ascontiguousarray(found))
    if type(loss) is MeanSquaredError and weight is None:
        plan.squared(y, dy, t)
    else:
        a, b = loss.constants()
        plan.errors(loss.error, a, b, y, dy, t, weight)
