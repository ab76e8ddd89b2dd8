"""The training loop: all checks are done when it starts, all arrays made before its first step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore._memory.aligned import zeros_like_all
from initcore.keys import Key
from initcore.layers import Layer
from initcore.training import compiled, interpreted, lowering
from initcore.training.compiled import Plan
from initcore.training.history import History
from initcore.training.losses import Loss, classes_of
from initcore.training.optimizers import Optimizer, State
from initcore.training.probes import ProbeRecord, Probes

Array = NDArray[Any]
Callback = Callable[[int, History], Any]

CHUNK = 1024
"""Rows that `measure` takes at once: enough for full speed, little memory."""


def shuffled_order(key: Key, epoch: int, n: int) -> NDArray[np.intp]:
    """The order in which `epoch` visits `n` samples: a pure function of the three.

    Each sample draws one 64-bit word, from the stream of kind "shuffle" at key / "epoch" / epoch,
    and the samples go in the order of their words, those with equal words in their own.

    Exactness: bit-exact, stream v1.
    Source: a random permutation by sorting random keys; Knuth, The Art of Computer Programming,
    volume 2, section 3.4.2.
    """
    words = np.empty(n, np.uint64)
    kernels.random_bits(words, key=key / "epoch" / epoch, kind="shuffle")
    return kernels._order(words).astype(np.intp, copy=False)


def correct(y: Array, labels: NDArray[np.int64]) -> int:
    """How many rows of y are largest at their label; a row with a NaN never is."""
    if len(y) == 0:
        return 0
    right = y.argmax(axis=1) == labels
    if not right.any():
        return 0
    # argmax takes the first NaN for the largest, so only rows that look right are asked again
    picked = y[np.flatnonzero(right), labels[right]]
    return int(np.count_nonzero(picked == picked))


def measure(
    layers: Sequence[Layer],
    loss: Loss,
    x: Array,
    target: Array,
    rows: int = CHUNK,
    plan: Plan | None = None,
) -> tuple[float, float | None]:
    """Mean loss over all samples, and the share of right classes where the loss counts classes.

    A plan of the layers takes the samples through them faster, where it can.
    """
    losses, right = [], 0
    for start in range(0, len(x), rows):
        labels = target[start : start + rows]
        y = None if plan is None else plan.forward(x[start : start + rows])
        if y is None:
            y = x[start : start + rows]
            for layer in layers:
                y = layer.forward(y, save=False)
        losses.append(loss(y, labels)[0] * len(y))
        if loss.counts_classes:
            right += correct(y, classes_of(labels))
    return _sum(losses) / len(x), right / len(x) if loss.counts_classes else None


def _sum(values: Sequence[float]) -> float:
    """A sum that one infinity or NaN among the values does not turn into an error."""
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


class Run:
    """One call of `fit`: the arrays of the run and the steps through them."""

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        optimizer: Optimizer,
        x: Array,
        target: Array,
        batch_size: int,
        names: Sequence[str] = (),
        layer_names: Sequence[str] = (),
        key: Key | None = None,
        state: Any = None,
        probes: Probes | None = None,
    ) -> None:
        self.layers, self.loss, self.optimizer = layers, loss, optimizer
        self.data, self.target = x, target
        n = len(x)
        self.batch_size = min(batch_size, n)
        least = min(self.batch_size, n % self.batch_size or self.batch_size)
        leaves = [leaf for top in layers for leaf in top.leaves()]
        for _, layer in leaves:
            if least < layer.least_batch:
                raise ValueError(
                    f"batch_size={batch_size} leaves a batch of {least} of the {n} samples, and "
                    f"{layer!r} needs {layer.least_batch}: choose another batch_size"
                )
        self.parameters: list[Array] = []
        self.steps = 0
        self.layer_names = layer_names or [str(at) for at in range(len(layers))]
        for layer in layers:
            layer.forget()
        homes: list[tuple[Layer, str]] = []
        for _, layer in leaves:
            for parameter, gradient in (("w", "dw"), ("b", "db")):
                array = getattr(layer, parameter)
                if array is not None:
                    self.parameters.append(array)
                    homes.append((layer, gradient))
        self.gradients = zeros_like_all(self.parameters)
        for (layer, gradient), array in zip(homes, self.gradients, strict=True):
            setattr(layer, gradient, array)
        self.state = optimizer.new_state(self.parameters, names)
        if state is not None:
            _go_on(self.state, state)
            self.steps = state.step
        self._record: ProbeRecord | None = None
        if probes is not None:
            self._record = ProbeRecord(lowering.probed(layers, self.layer_names), tuple(names))
        self._plan: Plan | None = None
        if compiled.knows(layers, loss, optimizer, self.parameters):
            arrays = (self.parameters, self.gradients, self.state)
            self._plan = Plan(
                layers, loss, optimizer, x, target, self.batch_size, *arrays, self.layer_names, key,
                probes,
            )  # fmt: skip
            return
        self._batch = np.empty((self.batch_size, *x.shape[1:]), x.dtype)
        self._batch_target = np.empty((self.batch_size, *target.shape[1:]), target.dtype)
        self._pass = interpreted.make(
            layers, self.layer_names, loss, key, x.dtype, n, self.batch_size
        )

    def record_in(self, history: History) -> None:
        """Have the steps recorded there, behind those of a run that is resumed."""
        if self._record is None:
            return
        old, new = history.probes, self._record
        if old is None:
            history.probes = new
        elif (old.layers, old.parameters) != (new.layers, new.parameters):
            raise ValueError(
                f"resume=True: the probes of the run so far recorded the layers {old.layers} and "
                f"the network has {new.layers}; leave resume or probes out"
            )

    def epoch(self, order: NDArray[np.intp], history: History, stop: bool) -> bool:
        """Every batch of an epoch, in this order; False if the run has to stop here."""
        steps = _Steps()
        if self._plan is not None:
            self._planned(self._plan, order, steps, stop)
            if self._record is not None and history.probes is not None:
                self._plan.record(len(steps.losses), history.probes)
        else:
            self._interpreted(order, steps, stop)
        rows, n = self.batch_size, len(self.data)
        sizes = [min(rows, n - start) for start in range(0, len(steps.losses) * rows, rows)]
        losses = [loss * size for loss, size in zip(steps.losses, sizes, strict=True)]
        history.gradient_norm.append(steps.norm)
        history.loss.append(_sum(losses) / sum(sizes))
        if history.accuracy is not None:
            history.accuracy.append(steps.right / sum(sizes))
        if steps.diverged_in is None:
            return True
        if history.diverged_epoch is None:
            history.diverged_epoch = history.epochs - 1
            history.diverged_layer = steps.diverged_in
        return not stop

    def measure(self, x: Array, target: Array) -> tuple[float, float | None]:
        """Mean loss and share of right classes of these samples with the parameters as they are."""
        return measure(self.layers, self.loss, x, target, plan=self._plan)

    def _planned(self, plan: Plan, order: NDArray[np.intp], steps: "_Steps", stop: bool) -> None:
        plan.begin(order)
        while not plan.run():
            if steps.diverged_in is None:
                rows = min(self.batch_size, len(order) - plan.at * self.batch_size)
                steps.diverged_in = self._source([y[:rows] for y in plan.outputs])
            if stop:
                break
            plan.update()
        done = plan.at if plan.at == len(plan.losses) else plan.at + 1
        steps.losses = plan.losses[:done].tolist()
        steps.right, steps.norm = plan.right, plan.norm

    def _interpreted(self, order: NDArray[np.intp], steps: "_Steps", stop: bool) -> None:
        for start in range(0, len(self.data), self.batch_size):
            batch = order[start : start + self.batch_size]
            # mode="clip": take buffers its output in the default mode
            into = slice(len(batch))
            x = self.data.take(batch, axis=0, out=self._batch[into], mode="clip")
            target = self.target.take(batch, axis=0, out=self._batch_target[into], mode="clip")
            loss, y = self._pass.gradient(x, target, self.steps)
            steps.losses.append(loss)
            if self.loss.counts_classes:
                steps.right += correct(y, classes_of(target))
            if start == 0:
                steps.norm = self._gradient_norm()
            if not math.isfinite(loss):
                if steps.diverged_in is None:
                    steps.diverged_in = self._source(self._pass.outputs())
                if stop:
                    break
            self.optimizer.step(self.parameters, self.gradients, self.state)
            self.steps += 1

    def _source(self, outputs: Sequence[Array]) -> str:
        """The name of the first layer whose output has an element that is not finite."""
        for name, y in zip(self.layer_names, outputs, strict=False):
            if not np.isfinite(y).all():
                return name
        return "loss"

    def _gradient_norm(self) -> float:
        """The norm of all gradients together, in double."""
        total = 0.0
        for gradient in self.gradients:
            total += kernels.sum_of_squares(gradient)
        return math.sqrt(total)


class _Steps:
    """What the steps of one epoch have left."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.right = 0
        self.norm = math.nan
        self.diverged_in: str | None = None


def new_history(run: Run, *, epochs: int, key: Key, shuffle: bool) -> History:
    """The record of a run before its first step, with all that one needs to replay it."""
    settings = {
        "compute": 1,
        "loss": getattr(run.loss, "to_dict", lambda: {"name": run.loss.name})(),
        "optimizer": run.optimizer.to_dict(),
        "epochs": epochs,
        "batch_size": run.batch_size,
        "samples": len(run.data),
        "shuffle": shuffle,
        "dtype": str(run.data.dtype),
        "key": key.to_dict(),
    }
    return History(run=settings)


def _go_on(fresh: State, old: State) -> None:
    """Bring a new run's state to where the old one was; what it keeps must be of one shape."""
    for mine, theirs in ((fresh.first, old.first), (fresh.second, old.second)):
        for at, (new, found) in enumerate(zip(mine, theirs, strict=True)):
            if new is not None and found is not None:
                mine[at] = np.array(found, dtype=new.dtype)
            elif new is not None or found is not None:
                raise ValueError("resume=True: the optimizer's state is of another optimizer")
    fresh.step, fresh.powers = old.step, old.powers


def check_probes(
    layers: Sequence[Layer], loss: Loss, optimizer: Optimizer, parameters: Sequence[Array]
) -> None:
    """Refuse probes of a run that the interpreter takes through its steps."""
    if not compiled.knows(layers, loss, optimizer, parameters):
        raise ValueError(
            "probes: steps are recorded where they are taken in C, and this run has a layer, an "
            "activation, a loss or an optimizer of one's own, or weights that are not contiguous; "
            "use those of initcore and contiguous weights, or look at the layers in a callback"
        )


def check_resume(run: Run, old: History, new: History, state: State) -> None:
    """Refuse to go on with a run whose settings were others, or that did not end an epoch."""
    for name, value in new.run.items():
        if name != "epochs" and old.run.get(name) != value:
            raise ValueError(
                f"resume=True: the run so far had {name}={old.run.get(name)!r} and this call has "
                f"{value!r}; pass the same, or leave resume out to begin a new run"
            )
    if state.step != old.epochs * -(-len(run.data) // run.batch_size):
        raise ValueError(
            f"resume=True: the run so far ended within epoch {old.epochs}, after step "
            f"{state.step}: load the file that was saved after an epoch"
        )


@dataclass(frozen=True)
class Watch:
    """What happens between the epochs of a run.

    Attributes
    ----------
    validation : pair of arrays, optional
        Measured after each epoch.
    callback : callable, optional
        Called after each epoch; True ends the run.
    patience : int, optional
        Epochs without a lower validation loss that end the run.
    best : list of ndarray, optional
        The arrays that at the end get the values they had after the epoch of the lowest
        validation loss.
    """

    validation: tuple[Array, Array] | None = None
    callback: Callback | None = None
    patience: int | None = None
    best: Sequence[Array] | None = None


def train(
    run: Run,
    history: History,
    watch: Watch,
    *,
    epochs: int,
    key: Key,
    shuffle: bool,
    stop_on_nonfinite: bool,
) -> None:
    """Train through the epochs that `history` lacks, or until something ends the run.

    `history` has every epoch that was ended, also when the run is interrupted.
    """
    if history.epochs == 0:
        _begin(run, history, watch)
    kept: list[Array] = []
    for epoch in range(history.epochs, epochs):
        order = shuffled_order(key, epoch, len(run.data)) if shuffle else np.arange(len(run.data))
        going = run.epoch(order, history, stop_on_nonfinite)
        if watch.validation is not None:
            _validate(run, history, watch.validation)
        best = history.best_epoch
        if watch.best is not None and (best == epoch or not kept):
            kept = [array.copy() for array in watch.best]
        if watch.callback is not None and watch.callback(epoch, history) is True:
            break
        if watch.patience is not None and epoch - (best or 0) >= watch.patience:
            break
        if not going:
            break
    for array, values in zip(watch.best or (), kept, strict=False):
        array[...] = values


def _begin(run: Run, history: History, watch: Watch) -> None:
    """What is known before the first step, and empty lists for what the epochs bring."""
    history.initial_loss, history.initial_accuracy = run.measure(run.data, run.target)
    if run.loss.counts_classes:
        history.accuracy = []
    if watch.validation is not None:
        history.validation_loss = []
        history.validation_accuracy = [] if run.loss.counts_classes else None


def _validate(run: Run, history: History, validation: tuple[Array, Array]) -> None:
    loss, accuracy = run.measure(*validation)
    assert history.validation_loss is not None
    history.validation_loss.append(loss)
    if history.validation_accuracy is not None and accuracy is not None:
        history.validation_accuracy.append(accuracy)
