"""One network, one set of data, several initializations: train each and keep what was measured."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np

import initcore as ic
from initcore import Key, kernels
from initcore.doctor.measure import Statistics, fewest_distinct, measure
from initcore.doctor.verdict import Verdict, judge, judge_training, pool
from initcore.lab.datasets import Dataset
from initcore.lab.initializations import DEFAULT, Initialization, InitializationError
from initcore.network import Evaluation

DEPTH = 8
FIRST_WIDTH = 64
LAST_WIDTH = 32


def default_widths(depth: int) -> tuple[int, ...]:
    """Hidden widths that shrink from 64 to 32 by the same factor each: a funnel.

    In a network of one width Xavier's 1/fan_in and Glorot's 2/(fan_in + fan_out) are the same.
    """
    if depth == 1:
        return (FIRST_WIDTH,)
    ratio = LAST_WIDTH / FIRST_WIDTH
    return tuple(round(FIRST_WIDTH * ratio ** (i / (depth - 1))) for i in range(depth))


@dataclass(frozen=True)
class Settings:
    """What all networks of a comparison share.

    Attributes
    ----------
    activations : tuple of str
        One section of the comparison for each.
    widths : tuple of int
        Of the hidden layers.
    epochs, batch_size, lr
        Plain SGD, no momentum.
    seeds : int
        Seeds 0 ... seeds-1; each decides weights and batches, the same for every initialization.
    """

    activations: tuple[str, ...] = ("relu", "tanh")
    widths: tuple[int, ...] = default_widths(DEPTH)
    epochs: int = 15
    batch_size: int = 32
    lr: float = 0.05
    seeds: int = 3


@dataclass(frozen=True, eq=False)
class SeedRun:
    """One seed of one initialization, from before the first step to after the last.

    Attributes
    ----------
    seed : int
    statistics : Statistics
        At initialization, on the training samples.
    losses : tuple of float
        Training loss: before the first step, then the mean over each epoch; it ends early where
        it stops being finite.
    score : float
        Classification: share of the test samples that the trained network gets right; outputs
        that are not numbers are wrong. Regression: R2 on the test samples, 1 minus the mean
        squared error over the target's mean square around its mean in the training samples; -inf
        for outputs that are not numbers.
    distinct_after : int or None
        As `distinct` in `verdict.Evidence`, after training; None if that ended in no numbers.
    outcome : str
        ``learned``, ``slow``, ``stalled`` or ``diverged``.
    diverged_step : int or None
        The step whose loss was not finite, counted from 0; None if none was.
    """

    seed: int
    statistics: Statistics
    losses: tuple[float, ...]
    score: float
    distinct_after: int | None
    outcome: str
    diverged_step: int | None


@dataclass(frozen=True, eq=False)
class ComparisonRow:
    """All seeds of one initialization under one activation, with the verdict on its start."""

    initialization: Initialization
    activation: str
    runs: tuple[SeedRun, ...]
    verdict: Verdict

    @property
    def name(self) -> str:
        return self.initialization.name

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(run.score for run in self.runs)

    @property
    def score(self) -> float:
        """Mean score over the seeds."""
        return fmean(self.scores)

    @property
    def outcome(self) -> str:
        """The worst outcome of the seeds."""
        order = ("learned", "slow", "stalled", "diverged")
        return max((run.outcome for run in self.runs), key=order.index)


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`: a row for each activation and initialization, in that order."""

    dataset: Dataset
    settings: Settings
    rows: tuple[ComparisonRow, ...]

    def section(self, activation: str) -> tuple[ComparisonRow, ...]:
        """The rows of one activation."""
        return tuple(row for row in self.rows if row.activation == activation)


def compare(
    dataset: Dataset,
    initializations: Sequence[Initialization] = tuple(DEFAULT.values()),
    settings: Settings = Settings(),
    *,
    progress: Callable[[int, int, str], None] | None = None,
    workers: int | None = None,
) -> Comparison:
    """Train the same network from each initialization, on the same batches.

    Parameters
    ----------
    dataset : Dataset
    initializations : sequence of Initialization
    settings : Settings
    progress : callable, optional
        Called with (networks done, networks in all, what was done last) after each network.
    workers : int, optional
        How many networks are trained at once, each on one thread; by default as many as there
        are CPUs for this process. The result does not depend on it.

    Returns
    -------
    Comparison

    Notes
    -----
    Exactness: training is bit-identical across CPUs and thread counts, compute v1; the averages
    over samples are NumPy's.
    Source: the design of a paired comparison: seed by seed, every initialization sees the same
    samples in the same order.
    """
    jobs = [
        (activation, initialization, seed)
        for activation in settings.activations
        for initialization in initializations
        for seed in range(settings.seeds)
    ]
    done: dict[tuple[str, str, int], SeedRun] = {}
    with ThreadPoolExecutor(
        workers or _cpus(), initializer=kernels._override_threads, initargs=(1,)
    ) as threads:
        running = {
            threads.submit(train_one, dataset, initialization, activation, settings, seed): (
                activation,
                initialization.name,
                seed,
            )
            for activation, initialization, seed in jobs
        }
        try:
            for future in as_completed(running):
                activation, name, seed = running[future]
                done[activation, name, seed] = future.result()
                if progress is not None:
                    progress(len(done), len(jobs), f"{name}, {activation}")
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    rows = []
    for activation in settings.activations:
        for initialization in initializations:
            runs = tuple(
                done[activation, initialization.name, seed] for seed in range(settings.seeds)
            )
            verdict = judge(pool([run.statistics.evidence for run in runs]))
            rows.append(ComparisonRow(initialization, activation, runs, verdict))
    return Comparison(dataset, settings, tuple(rows))


def _cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def build(
    n_in: int, n_out: int, activation: str, widths: Sequence[int], initialization: Initialization
) -> ic.Sequential:
    """A network of dense layers, its output layer linear; not initialized yet."""
    sizes = [n_in, *widths, n_out]
    last = len(sizes) - 2
    return ic.Sequential(
        *(
            ic.Dense(
                fan_in,
                fan_out,
                activation="identity" if i == last else activation,
                bias_init=initialization.bias_init(fan_in),
            )
            for i, (fan_in, fan_out) in enumerate(pairwise(sizes))
        )
    )


def check_starts(
    dataset: Dataset, initializations: Sequence[Initialization], settings: Settings
) -> None:
    """Refuse an initialization that cannot fill the network's layers.

    Raises
    ------
    InitializationError
        One line with the name and what the initializer says.
    """
    for initialization in initializations:
        network = build(
            dataset.features,
            dataset.outputs,
            settings.activations[0],
            settings.widths,
            initialization,
        )
        try:
            network.initialize(initialization.weight, key=Key(0))
        except (TypeError, ValueError) as error:
            raise InitializationError(
                f"--init={initialization.name} cannot fill the layers of this network: {error}"
            ) from None


def train_one(
    dataset: Dataset,
    initialization: Initialization,
    activation: str,
    settings: Settings,
    seed: int,
) -> SeedRun:
    """Initialize, measure, train and test one network."""
    network = build(dataset.features, dataset.outputs, activation, settings.widths, initialization)
    key = Key(seed) / "lab" / "compare"
    network.initialize(initialization.weight, key=key / "weights")
    before = measure(network, dataset.x_train, dataset.y_train)
    history = network.fit(
        dataset.x_train,
        dataset.y_train,
        loss=dataset.loss,
        optimizer=ic.SGD(lr=settings.lr),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key / "batches",
    )
    tested = network.evaluate(dataset.x_test, dataset.y_test, loss=dataset.loss)
    finite = np.isfinite(history.loss[-1])
    return SeedRun(
        seed=seed,
        statistics=before,
        losses=(before.loss, *history.loss),
        score=_score(dataset, tested),
        distinct_after=fewest_distinct(network, dataset.x_train) if finite else None,
        outcome=judge_training(before.loss, history.loss, dataset.guessing),
        diverged_step=history.diverged_step,
    )


def _score(dataset: Dataset, tested: Evaluation) -> float:
    if dataset.task == "classification":
        return tested.accuracy or 0.0
    spread = float(np.mean(np.square(dataset.y_test, dtype=np.float64)))
    return 1.0 - tested.loss / spread if math.isfinite(tested.loss) and spread else -math.inf
