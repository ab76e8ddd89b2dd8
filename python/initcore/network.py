"""Networks: layers in a row, from starting weights to a trained classifier."""

import os
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import _checks, initializers
from initcore.initializers import Initializer
from initcore.keys import Key, root_key
from initcore.layers import Chain, Dense, Layer, initializer, no_weights
from initcore.training import checkpoint, loop, losses
from initcore.training.history import History
from initcore.training.losses import Loss
from initcore.training.optimizers import Optimizer, State
from initcore.training.probes import Probes
from initcore.training.progress import progress_callback
from initcore.training.spec import RunSpec

Array = NDArray[Any]
_ARGUMENTS = ("x", "labels", "sample_weights")
KeySource = Key | int | np.random.Generator | np.random.SeedSequence


class Evaluation(NamedTuple):
    """The loss and the accuracy of `Sequential.evaluate`."""

    loss: float
    accuracy: float | None
    """Share of samples whose largest output is that of their class, or under the binary
    cross-entropy of outputs on the right side of 0; None for losses of values."""


class Sequential(Chain):
    """Layers in a row: each takes the output of the one before.

    Parameters
    ----------
    *layers : Layer
        Layers of `initcore.layers`, each of which takes the output of the one before; networks
        among them are layers too.
    name : str, optional
        As a layer of another network: its part of the key path.

    Attributes
    ----------
    layers : tuple of Layer
        The layers, as a tuple. Their arrays w, b, dw, db are the network's parameters and
        gradients themselves.
    names : tuple of str
        Their names: the ones given to them, or their kind and their number among its like, as
        in "layer_norm_0"; for `Dense` the number alone.
    history : History, optional
        The record of the last `fit`, or None.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1; a run that starts from the
    same weights, data, settings and key ends with the same bytes on every machine.
    Source: Rumelhart, Hinton and Williams 1986, Nature 323, pages 533-536.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> net = ic.Sequential(ic.Dense(2, 8, activation="tanh"), ic.Dense(8, 2))
    >>> net.initialize(ic.XavierNormal(), key=ic.Key(0))
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    >>> labels = np.array([0, 1, 1, 0])
    >>> history = net.fit(x, labels, optimizer=ic.SGD(lr=0.5, momentum=0.9), epochs=100,
    ...                   batch_size=4, key=ic.Key(1))
    >>> net.predict(x).argmax(axis=1).tolist()
    [0, 1, 1, 0]
    """

    kind: ClassVar[str] = "sequential"
    lower = Chain.lower

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(*layers, name=name)
        self.history: History | None = None
        self._state: Any = None
        self._fitting = False

    def __getstate__(self) -> dict[str, Any]:
        """All but that `fit` runs: a copy that a callback makes is not being trained."""
        return self.__dict__ | {"_fitting": False}

    def _dtype(self) -> np.dtype[Any]:
        """The type of all parameters, which must be there and agree."""
        types = [
            dtype
            for path, layer in self.leaves()
            if (dtype := layer.check_parameters(".".join(path))) is not None
        ]
        if len(set(types)) > 1:
            raise ValueError(
                f"the layers' weights have dtypes {[str(t) for t in types]}: a network computes "
                f"in one; initialize it as a whole with dtype=..."
            )
        if not types:
            raise ValueError("no layer of this network has parameters: there is nothing to train")
        return types[0]

    def dense_layers(self) -> tuple[Dense, ...]:
        """The layers, for what is defined for dense ones in a row alone; else a TypeError."""
        for name, layer in zip(self.names, self.layers, strict=True):
            if not isinstance(layer, Dense):
                raise TypeError(
                    f"net has the layer {name!r}, {layer!r}: this works on networks of Dense "
                    f"layers in a row alone"
                )
        return tuple(layer for layer in self.layers if isinstance(layer, Dense))

    def parameters(self) -> dict[str, Array]:
        """The parameters themselves by name: "0.weight", "0.bias", ... in order."""
        self._dtype()
        return self._by_name("w", "b")

    def gradients(self) -> dict[str, Array]:
        """The gradients of the last `backward` or step, under the names of `parameters`."""
        gradients = self._by_name("dw", "db")
        if any(gradient is None for gradient in gradients.values()):
            raise RuntimeError("there are no gradients yet: call forward(x) and backward(dy) first")
        return gradients

    def state(self) -> dict[str, Array]:
        """Arrays that training changes beside the parameters: "batch_norm_0.mean", ..."""
        return {
            ".".join((*path, name)): array
            for path, layer in self.leaves()
            for name, array in layer.state().items()
        }

    def _by_name(self, weight: str, bias: str) -> dict[str, Array]:
        names = {"w": ("weight", weight), "b": ("bias", bias)}
        return {
            ".".join((*path, names[which][0])): getattr(layer, names[which][1])
            for path, layer in self.leaves()
            for which in layer.parameter_shapes
        }

    def initialize(
        self,
        init: Initializer | str | None = None,
        *,
        key: KeySource,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Give every layer new parameters.

        Parameters
        ----------
        init : initializer or str, optional
            Initializer of the weights of layers that carry none of their own, as an object or a
            name; None for XavierNormal.
        key : Key, int, Generator or SeedSequence
            A Key; or an int, a NumPy Generator or SeedSequence, of which one 64-bit seed is
            taken. The layer named n takes key / n / "weight" and key / n / "bias".
        dtype : float32 or float64, default float32
            float32 or float64.

        Raises
        ------
        TypeError, ValueError
            An argument is not one of these; the network is then as it was.

        Notes
        -----
        Exactness: bit-exact, stream v1.
        Source: the initializers'.
        """
        self._require_idle("initialize")
        given = initializer(initializers.XavierNormal() if init is None else init, "init")
        dtype = _checks.float_type(dtype)
        root = root_key(key)
        leaves = self.leaves()
        fresh = []
        for path, layer in leaves:
            key = root
            for name in path:
                key = key / name
            fresh.append(layer.new_parameters(given, key, dtype))
        for (_, layer), (w, b) in zip(leaves, fresh, strict=True):
            layer.set_parameters(w, b)
        self.forget()
        self._state = None

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """The outputs for x (batch, n_in), an array of the network's type.

        With `save` the network trains: each layer keeps what `backward` needs, the layer of
        dropout named n draws its mask of this step from key / n, and batches have their own
        statistics. Without, nothing is kept and nothing drawn.

        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: see the class.
        """
        for path, layer in self.leaves():
            if layer.parameter_shapes and layer.w is None:
                raise no_weights(".".join(path))
        return super().forward(x, save=save, key=key, step=step)

    def backward(self, dy: Array) -> Array:
        """From the gradient of the outputs, dy (batch, n_out), to that of the inputs.

        Each layer's dw and db hold its gradients afterwards.

        Raises
        ------
        RuntimeError
            Before any `forward`.

        Notes
        -----
        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: see the class.
        """
        return super().backward(dy)

    def fit(
        self,
        x: Any,
        labels: Any,
        *,
        loss: str | Loss = "cross_entropy",
        optimizer: Optimizer,
        epochs: int,
        batch_size: int,
        key: KeySource,
        sample_weights: Any = None,
        validation: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        callback: loop.Callback | None = None,
        stop_on_nonfinite: bool = True,
        patience: int | None = None,
        restore_best: bool = False,
        progress: bool = False,
        resume: bool = False,
        probes: Probes | None = None,
    ) -> History:
        """Train, from the weights as they are.

        Parameters
        ----------
        x : array-like (n, n_in)
            Samples (n, n_in), finite numbers, or (n, ...) where the first layers take such;
            converted once if they are not of the network's type.
        labels : array-like
            Classes 0..n_out-1 as integers (n,), or their probabilities (n, n_out); for losses of
            values, such as "mean_squared_error", values (n, n_out). They are copied.
        loss : str or Loss, default "cross_entropy"
            "cross_entropy", "binary_cross_entropy", "mean_squared_error", "mean_absolute_error",
            "huber", or an object of `initcore.losses`.
        optimizer : Optimizer
            Such as SGD(lr=0.1, momentum=0.9), RMSProp, Adam or AdamW.
        epochs : int
            How often to go through all samples.
        batch_size : int
            Samples per step; the last step of an epoch takes those that remain.
        key : Key, int, Generator or SeedSequence
            Decides the order of the samples, as `initialize`'s key decides the weights: in epoch
            e (from 0) they go in the order of 64-bit words from the stream of kind "shuffle" at
            key / "epoch" / e, those with equal words in their own order.
        sample_weights : array-like (n,), optional
            By which the loss of each sample is multiplied; the mean is still over all samples.
        validation : tuple of array-likes, optional
            (x, labels) or (x, labels, sample_weights) to be measured after each epoch.
        shuffle : bool, default True
            False keeps the samples in their order.
        callback : callable, optional
            Called as callback(epoch, history) after each epoch; True ends the run. It may write
            into the layers' arrays, but give a layer no other array; `initialize`, `load` and
            `fit` are refused while this network is trained.
        stop_on_nonfinite : bool, default True
            End the run when the loss of a batch is not finite, before its step is taken. The
            weights are then those of the step before.
        patience : int, optional
            End the run when so many epochs have brought no lower validation loss.
        restore_best : bool, default False
            At the end put back the weights of the epoch with the lowest validation loss,
            `history.best_epoch`.
        progress : bool, default False
            Show a bar with the loss on standard error; needs rich, of initcore[lab].
        resume : bool, default False
            Go on with the last run, or the one that `load` has read, up to `epochs` in all: the
            bytes are those of a run that was never stopped. Data and settings must be the same.
        probes : Probes, optional
            Record every so many steps what goes through the layers, in `history.probes`.

        Returns
        -------
        History
            Also kept as `history`.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            Before anything is touched: an argument is not one of these, or there are no weights.
            After a callback: it gave a layer another array, whose values would be lost.

        Notes
        -----
        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: the loss's and the optimizer's.
        """
        self._require_idle("fit")
        criterion, rule = self._criteria(loss, optimizer)
        parameters = self._writable_parameters()
        dtype = next(iter(parameters.values())).dtype
        samples, targets = self._data((x, labels, sample_weights), criterion, dtype, _ARGUMENTS)
        spec = RunSpec(
            layers=self.layers,
            layer_names=self.names,
            parameter_names=list(parameters),
            loss=criterion,
            optimizer=rule,
            x=samples,
            target=targets,
            batch_size=_checks.count(batch_size, "batch_size", least=1),
            epochs=_checks.count(epochs, "epochs", least=0),
            key=root_key(key),
            shuffle=bool(shuffle),
            stop_on_nonfinite=bool(stop_on_nonfinite),
            probes=probes,
        )
        if callback is not None and not callable(callback):
            raise TypeError(f"callback={callback!r} must be a function of (epoch, history)")
        between = self._between(spec, validation, patience, bool(restore_best))
        loop.check_probes(spec, list(parameters.values()))
        settings = spec.settings()
        old = self._last_run(spec, settings, bool(restore_best)) if resume else None
        if old is not None and between.validation is not None and old[0].validation_loss is None:
            raise ValueError(
                "resume=True: the run so far had no validation; leave validation or resume out"
            )
        run = loop.Run(spec, None if old is None else old[1])
        history = History() if old is None else old[0]
        run.record_in(history)
        history.run = settings
        self.history, self._state = history, run.state
        self._fitting = True
        try:
            with progress_callback(progress, spec.epochs, history, callback) as each:
                loop.train(run, history, between, each)
        finally:
            self._fitting = False
        if restore_best:
            self._state = None
        return history

    def _require_idle(self, method: str) -> None:
        """Refuse what would take the arrays or the record from under a run of `fit`."""
        if self._fitting:
            raise RuntimeError(
                f"{method}: this network is being trained; a callback may evaluate, predict, save "
                f"and write into the arrays, and returns True to end the run"
            )

    @staticmethod
    def _criteria(loss: Any, optimizer: Any) -> tuple[Loss, Optimizer]:
        if isinstance(optimizer, type) or not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer={optimizer!r} must be an object such as SGD(lr=0.1)")
        return losses.get(loss), optimizer

    def _writable_parameters(self) -> dict[str, Array]:
        parameters = self.parameters()
        for name, array in parameters.items():
            if not array.flags.writeable:
                raise ValueError(f"{name} is read-only: fit writes into the weights; copy it first")
        return parameters

    def _between(
        self, spec: RunSpec, validation: Any, patience: Any, restore_best: bool
    ) -> loop.BetweenEpochs:
        """What happens between the epochs, checked."""
        held_out = None
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
                raise TypeError(
                    "validation must be a pair (x, labels), or (x, labels, sample_weights)"
                )
            parts = (*validation, None)[:3]
            names = ("validation[0]", "validation[1]", "validation[2]")
            held_out = self._data(parts, spec.loss, spec.x.dtype, names)
        if patience is not None:
            patience = _checks.count(patience, "patience", least=1)
        if held_out is None and (patience is not None or restore_best):
            raise ValueError(
                "patience and restore_best need validation=(x, labels), whose loss they look at"
            )
        best = list(self._arrays().values()) if restore_best else None
        return loop.BetweenEpochs(held_out, patience, best)

    def _last_run(
        self, spec: RunSpec, settings: dict[str, Any], restore_best: bool
    ) -> tuple[History, State]:
        """The record and the state of the run that is to be resumed, which must fit `spec`."""
        if restore_best:
            raise ValueError(
                "resume=True and restore_best=True: the best weights of the run so far are gone; "
                "leave one of the two out"
            )
        if self.history is None or not isinstance(self._state, State):
            raise RuntimeError(
                "resume=True: there is no run to go on with; call fit without it, or load(path)"
            )
        loop.check_resume(spec, settings, self.history, self._state)
        return self.history, self._state

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters, and all that the last run needs to go on, to a safetensors file.

        Called in a callback of `fit` it keeps a run that may be cut off. The file is replaced in
        one step when the new one is whole on the disk.

        Parameters
        ----------
        path : path-like
            Of the file; a file that is there is replaced.

        Raises
        ------
        ImportError
            safetensors, of initcore[scale], is not installed.
        RuntimeError, OSError
            There are no weights, or the file cannot be written.

        Notes
        -----
        Exactness: the arrays' own bytes; compute v1 stands in the file.
        Source: https://github.com/huggingface/safetensors.
        """
        checkpoint.save(path, self._arrays(), list(self.parameters()), self.history, self._state)

    def load(self, path: str | os.PathLike[str], *, rounded: bool = False) -> None:
        """Read what `save` wrote into this network, whose layers are those of the saved one.

        `history` is then the saved run's, whatever this network's was before, and fit(...,
        resume=True) goes on with it; it is None after a file that holds weights alone.

        Parameters
        ----------
        path : path-like
            Of a file of `save`, or another with tensors of the parameters' names and shapes, in
            float32 or float64.
        rounded : bool, default False
            Round float64 values to the float32 of this network; otherwise such a file is refused.

        Raises
        ------
        ImportError
            safetensors, of initcore[scale], is not installed.
        ValueError
            The file is damaged, or an array, the optimizer's state or the record is missing or of
            another shape or type; the network is then as it was, and the message names the path.
        RuntimeError, OSError
            The network has no weights yet, or there is no such file.

        Notes
        -----
        Exactness: the arrays' own bytes.
        Source: https://github.com/huggingface/safetensors.
        """
        self._require_idle("load")
        arrays = self._arrays()
        for name, array in arrays.items():
            if not array.flags.writeable:
                raise ValueError(f"{name} is read-only: load writes into it; copy it first")
        names = list(self.parameters())
        values, history, state = checkpoint.load(path, arrays, names, rounded=bool(rounded))
        for name, array in arrays.items():
            array[...] = values[name]
        self.forget()
        self.history, self._state = history, state

    def _arrays(self) -> dict[str, Array]:
        return self.parameters() | self.state()

    def _samples(self, x: Any, dtype: np.dtype[Any], name: str = "x") -> Array:
        shape = self.in_shape
        if shape is not None and len(shape) == 1:
            width_is = "a row of n_in values for each sample"
            return _checks.rows(x, shape[0], dtype, name, width_is=width_is)
        return _checks.samples(x, dtype, name)

    def _data(
        self,
        data: tuple[Any, Any, Any],
        loss: Loss,
        dtype: np.dtype[Any],
        names: tuple[str, ...],
    ) -> tuple[Array, Array]:
        """Samples, and their labels and weights (or None) as the loss takes them, all checked."""
        x, labels, weights = data
        samples = self._samples(x, dtype, names[0])
        _checks.some_rows(samples, names[0])
        n_out = self._outputs(samples, names[0])
        targets = loss.targets(labels, len(samples), n_out, dtype, names[1])
        if weights is not None:
            targets = losses.with_weights(loss, targets, weights, dtype, names[2])
        # whoever holds the labels may write into them while a run reads these
        return samples, targets.copy()

    def _outputs(self, samples: Array, name: str) -> int:
        try:
            shape = self.out_shape(samples.shape[1:])
        except ValueError as error:
            raise ValueError(f"{name} has shape {samples.shape}: {error}") from None
        if len(shape) != 1:
            raise ValueError(
                f"the network turns {name} of shape {samples.shape} into samples of shape {shape}: "
                f"end it with a layer that gives one row for each, such as Flatten() and Dense"
            )
        return shape[0]

    def predict(self, x: Any, batch_size: int | None = None) -> Array:
        """The outputs for x (n, n_in): logits, where the loss is the cross-entropy.

        Parameters
        ----------
        x : array-like (n, n_in)
            Samples; converted if they are not of the network's type; may have zero rows.
        batch_size : int, optional
            Rows computed at once, which changes memory and time and no byte; None for 1024.

        Returns
        -------
        Array (n, n_out) of the network's type, a new one.

        Notes
        -----
        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: see the class.
        """
        dtype = self._dtype()
        rows = loop.CHUNK
        if batch_size is not None:
            rows = _checks.count(batch_size, "batch_size", least=1)
        samples = self._samples(x, dtype)
        y = np.empty((len(samples), *self.out_shape(samples.shape[1:])), dtype)
        for start in range(0, len(samples), rows):
            y[start : start + rows] = self.forward(samples[start : start + rows], save=False)
        return y

    def evaluate(
        self,
        x: Any,
        labels: Any,
        *,
        loss: str | Loss = "cross_entropy",
        sample_weights: Any = None,
        batch_size: int | None = None,
    ) -> Evaluation:
        """Mean loss over all samples, and accuracy where the labels are classes, or yes and no.

        Parameters
        ----------
        x, labels, loss, sample_weights : as in `fit`
            As in `fit`. Weights of classes are settings of the loss. Neither changes the accuracy.
        batch_size : int, optional
            Rows computed at once; None for 1024. The mean is added up batch by batch.

        Returns
        -------
        Evaluation
            A pair (loss, accuracy).

        Notes
        -----
        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: the loss's.
        """
        dtype = self._dtype()
        criterion = losses.get(loss)
        rows = loop.CHUNK
        if batch_size is not None:
            rows = _checks.count(batch_size, "batch_size", least=1)
        samples, targets = self._data((x, labels, sample_weights), criterion, dtype, _ARGUMENTS)
        return Evaluation(*loop.evaluate(self.layers, criterion, samples, targets, rows))
