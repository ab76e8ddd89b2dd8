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
from initcore.training import compiled
from initcore.training.compiled import Program
from initcore.training.history import History
from initcore.training.interpreted import Interpreter
from initcore.training.losses import Loss, correct
from initcore.training.losses import answers as answers_of
from initcore.training.optimizers import State
from initcore.training.probes import ProbeRecord, Probes
from initcore.training.spec import RunSpec

Array = NDArray[Any]
Callback = Callable[[int, History], Any]

CHUNK = 1024
"""Rows that `evaluate` takes at once: enough for full speed, little memory."""


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


def evaluate(
    layers: Sequence[Layer],
    loss: Loss,
    x: Array,
    target: Array,
    rows: int = CHUNK,
    program: Program | None = None,
) -> tuple[float, float | None]:
    """Mean loss over all samples, and the share of right answers where the loss counts them.

    A program of the layers takes the samples through them faster, where it can.
    """
    losses, right, answers = [], 0, 0
    for start in range(0, len(x), rows):
        labels = target[start : start + rows]
        y = None if program is None else program.forward(x[start : start + rows])
        if y is None:
            y = x[start : start + rows]
            for layer in layers:
                y = layer.forward(y, save=False)
        losses.append(loss(y, labels)[0] * len(y))
        answers = answers_of(loss, labels)
        if answers:
            right += correct(loss, y, labels)
    return _sum(losses) / len(x), right / (len(x) * answers) if answers else None


def _sum(values: Sequence[float]) -> float:
    """Sum that passes inf and NaN through."""
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


class Run:
    """One call of `fit`: the arrays of the run and the steps through them.

    Parameters
    ----------
    spec : RunSpec
        The run.
    resumed : State, optional
        What the optimizer of a run that is resumed remembers.
    """

    def __init__(self, spec: RunSpec, resumed: State | None = None) -> None:
        spec.check_batches()
        self.spec = spec
        self._answers = answers_of(spec.loss, spec.target)
        for layer in spec.layers:
            layer.forget()
        self._arrays = _Arrays(spec)
        self.state = spec.optimizer.new_state(self._arrays.parameters, spec.parameter_names)
        if resumed is not None:
            _restore_optimizer_state(self.state, resumed, spec)
        self.steps = 0 if resumed is None else resumed.step
        self._program: Program | None = None
        self._record: ProbeRecord | None = None
        parameters, gradients = self._arrays.parameters, self._arrays.gradients
        if compiled.can_compile(spec.layers, spec.loss, spec.optimizer, parameters):
            self._program = Program(spec, parameters, gradients, self.state)
            if spec.probes is not None:
                self._record = ProbeRecord(self._program.probed, tuple(spec.parameter_names))
            return
        self._batch = np.empty((spec.rows, *spec.x.shape[1:]), spec.x.dtype)
        self._batch_target = np.empty((spec.rows, *spec.target.shape[1:]), spec.target.dtype)
        self._interpreter = Interpreter(spec.layers, spec.layer_names, spec.loss, spec.key)

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

    def epoch(self, order: NDArray[np.intp], history: History) -> bool:
        """Every batch of an epoch, in this order; False if the run has to stop here."""
        totals = _EpochTotals()
        if self._program is not None:
            self._compiled(self._program, order, totals)
            if self._record is not None and history.probes is not None:
                self._program.record(len(totals.losses), history.probes)
        else:
            self._interpreted(order, totals)
        rows, n = self.spec.rows, len(self.spec.x)
        sizes = [min(rows, n - start) for start in range(0, len(totals.losses) * rows, rows)]
        losses = [loss * size for loss, size in zip(totals.losses, sizes, strict=True)]
        history.gradient_norm.append(totals.norm)
        history.loss.append(_sum(losses) / sum(sizes))
        if history.accuracy is not None:
            history.accuracy.append(totals.right / (sum(sizes) * self._answers))
        if totals.diverged_layer is None:
            return True
        if history.diverged_epoch is None:
            history.diverged_epoch = history.epochs - 1
            history.diverged_step = totals.diverged_step
            history.diverged_layer = totals.diverged_layer
        return not self.spec.stop_on_nonfinite

    def evaluate(self, x: Array, target: Array) -> tuple[float, float | None]:
        """Mean loss and share of right answers of these samples with the parameters as they are."""
        return evaluate(self.spec.layers, self.spec.loss, x, target, program=self._program)

    def check_arrays(self) -> None:
        """Refuse a layer that holds other arrays than those that the run trains."""
        self._arrays.check()
        if self._program is not None:
            self._arrays.check_states()

    def _compiled(self, program: Program, order: NDArray[np.intp], totals: "_EpochTotals") -> None:
        begun = self.steps
        program.begin(order)
        while not program.run():
            if totals.diverged_layer is None:
                rows = min(self.spec.rows, len(order) - program.at * self.spec.rows)
                totals.diverged_step = begun + program.at
                totals.diverged_layer = self._source([y[:rows] for y in program.outputs])
            if self.spec.stop_on_nonfinite:
                break
            program.update()
        self.steps = begun + program.at
        done = program.at if program.at == len(program.losses) else program.at + 1
        totals.losses = program.losses[:done].tolist()
        totals.right, totals.norm = program.right, program.norm

    def _interpreted(self, order: NDArray[np.intp], totals: "_EpochTotals") -> None:
        spec, arrays = self.spec, self._arrays
        for start in range(0, len(spec.x), spec.rows):
            batch = order[start : start + spec.rows]
            # mode="clip": take buffers its output in the default mode
            into = slice(len(batch))
            x = spec.x.take(batch, axis=0, out=self._batch[into], mode="clip")
            target = spec.target.take(batch, axis=0, out=self._batch_target[into], mode="clip")
            loss, y = self._interpreter.gradient(x, target, self.steps)
            totals.losses.append(loss)
            if self._answers:
                totals.right += correct(spec.loss, y, target)
            if start == 0:
                arrays.check()
                totals.norm = arrays.gradient_norm()
            if not math.isfinite(loss):
                if totals.diverged_layer is None:
                    totals.diverged_step = self.steps
                    totals.diverged_layer = self._source(self._interpreter.outputs)
                if spec.stop_on_nonfinite:
                    break
            spec.optimizer.step(arrays.parameters, arrays.gradients, self.state)
            self.steps += 1

    def _source(self, outputs: Sequence[Array]) -> str:
        """The name of the first layer whose output has an element that is not finite."""
        for name, y in zip(self.spec.layer_names, outputs, strict=False):
            if not np.isfinite(y).all():
                return name
        return "loss"


class _EpochTotals:
    """Totals of one epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.right = 0
        self.norm = math.nan
        self.diverged_step: int | None = None
        self.diverged_layer: str | None = None


class _Arrays:
    """The arrays of the layers that a run trains, and new ones for their gradients.

    Attributes
    ----------
    parameters, gradients : list of ndarray
        In the order of `RunSpec.parameter_names`.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._homes: list[tuple[str, Layer, str]] = []
        self.parameters: list[Array] = []
        for name, leaf in spec.leaves:
            for which in ("w", "b"):
                array = getattr(leaf, which)
                if array is not None:
                    self._homes.append((name, leaf, which))
                    self.parameters.append(array)
        self.gradients = zeros_like_all(self.parameters)
        for (_, leaf, which), gradient in zip(self._homes, self.gradients, strict=True):
            setattr(leaf, "d" + which, gradient)
        self._states = [(name, leaf, leaf.state()) for name, leaf in spec.leaves]

    def gradient_norm(self) -> float:
        """The norm of all gradients together, in double."""
        total = 0.0
        for gradient in self.gradients:
            total += kernels.sum_of_squares(gradient)
        return math.sqrt(total)

    def check(self) -> None:
        """Refuse a layer whose parameter or gradient is another array than when the run began."""
        pairs = zip(self._homes, self.parameters, self.gradients, strict=True)
        for (name, leaf, which), parameter, gradient in pairs:
            _require_same(name, which, getattr(leaf, which), parameter)
            _require_same(name, "d" + which, getattr(leaf, "d" + which), gradient)

    def check_states(self) -> None:
        """Likewise for what training changes beside parameters, which a program writes into."""
        for name, leaf, state in self._states:
            now = leaf.state()
            for which, array in state.items():
                _require_same(name, which, now.get(which), array)


def _require_same(layer: str, which: str, now: Any, trained: Array) -> None:
    if now is not trained:
        raise RuntimeError(
            f"{which} of layer {layer!r} is another array than the one that fit trains: its values "
            f"would be lost; write them into the array, with layer.{which}[...] = values"
        )


def _restore_optimizer_state(fresh: State, old: State, spec: RunSpec) -> None:
    """Bring a new run's state to where the old one was; its arrays must fit the parameters."""
    slots = (("first", fresh.first, old.first), ("second", fresh.second, old.second))
    for slot, new_arrays, old_arrays in slots:
        for name, new, array in zip(spec.parameter_names, new_arrays, old_arrays, strict=True):
            if new is None and array is None:
                continue
            if new is None or array is None:
                raise ValueError("resume=True: the optimizer's state is of another optimizer")
            if array.shape != new.shape or array.dtype != new.dtype:
                raise ValueError(
                    f"resume=True: the optimizer's {slot} array of {name} has shape {array.shape} "
                    f"and dtype {array.dtype}, and the parameter has {new.shape} and {new.dtype}: "
                    f"the state is of another network; leave resume out to begin a new run"
                )
    for _, new_arrays, old_arrays in slots:
        for new, array in zip(new_arrays, old_arrays, strict=True):
            if new is not None:
                new[...] = array
    fresh.step, fresh.powers = old.step, old.powers


def check_probes(spec: RunSpec, parameters: Sequence[Array]) -> None:
    """Refuse probes of a run that the interpreter takes through its steps."""
    if spec.probes is None:
        return
    if not isinstance(spec.probes, Probes):
        raise TypeError(f"probes={spec.probes!r} must be Probes(every=10) or the like, or None")
    if not compiled.can_compile(spec.layers, spec.loss, spec.optimizer, parameters):
        raise ValueError(
            "probes: steps are recorded where they are taken in C, and this run has a user-defined "
            "layer, activation, loss or optimizer, or weights that are not contiguous; "
            "use those of initcore and contiguous weights, or look at the layers in a callback"
        )


def check_resume(spec: RunSpec, settings: dict[str, Any], old: History, state: State) -> None:
    """Refuse to go on with a run whose settings were others, or that did not end an epoch."""
    for name, value in settings.items():
        if name != "epochs" and old.run.get(name) != value:
            raise ValueError(
                f"resume=True: the run so far had {name}={old.run.get(name)!r} and this call has "
                f"{value!r}; pass the same, or leave resume out to begin a new run"
            )
    if state.step != old.epochs * spec.steps:
        raise ValueError(
            f"resume=True: the run so far ended within epoch {old.epochs}, after step "
            f"{state.step}: load the file that was saved after an epoch"
        )


@dataclass(frozen=True)
class BetweenEpochs:
    """What happens between the epochs of a run beside the callback: validation, early stopping.

    Attributes
    ----------
    validation : pair of arrays, optional
        Measured after each epoch.
    patience : int, optional
        Epochs without a lower validation loss that end the run.
    best : list of ndarray, optional
        The arrays that at the end get the values they had after the epoch of the lowest
        validation loss.
    """

    validation: tuple[Array, Array] | None = None
    patience: int | None = None
    best: Sequence[Array] | None = None


def train(run: Run, history: History, between: BetweenEpochs, callback: Callback | None) -> None:
    """Train through the epochs that `history` lacks, or until something ends the run.

    `history` has every epoch that was ended, also when the run is interrupted.
    """
    spec, n = run.spec, len(run.spec.x)
    if history.epochs == 0:
        _begin(run, history, between)
    kept: list[Array] = []
    for epoch in range(history.epochs, spec.epochs):
        order = shuffled_order(spec.key, epoch, n) if spec.shuffle else np.arange(n)
        going = run.epoch(order, history)
        if between.validation is not None:
            _validate(run, history, between.validation)
        best = history.best_epoch
        if between.best is not None and (best == epoch or not kept):
            kept = [array.copy() for array in between.best]
        if callback is not None:
            answer = callback(epoch, history)
            run.check_arrays()
            if answer is True:
                break
        if between.patience is not None and epoch - (best or 0) >= between.patience:
            break
        if not going:
            break
    for array, values in zip(between.best or (), kept, strict=False):
        array[...] = values


def _begin(run: Run, history: History, between: BetweenEpochs) -> None:
    """Record the loss before the first step, and begin empty lists for the epochs."""
    spec = run.spec
    history.initial_loss, history.initial_accuracy = run.evaluate(spec.x, spec.target)
    if history.initial_accuracy is not None:
        history.accuracy = []
    if between.validation is not None:
        history.validation_loss = []
        history.validation_accuracy = None if history.accuracy is None else []


def _validate(run: Run, history: History, validation: tuple[Array, Array]) -> None:
    loss, accuracy = run.evaluate(*validation)
    assert history.validation_loss is not None
    history.validation_loss.append(loss)
    if history.validation_accuracy is not None and accuracy is not None:
        history.validation_accuracy.append(accuracy)
