"""What one run of training is: checked once, and handed down unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from initcore.keys import Key
from initcore.layers import Layer
from initcore.training.losses import Loss
from initcore.training.optimizers import Optimizer
from initcore.training.probes import Probes

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class RunSpec:
    """Network, data and settings of a run, all checked.

    Attributes
    ----------
    layers, layer_names : sequence
        The layers in a row, and their parts of the key path.
    parameter_names : sequence of str
        Names of the layers' parameters, in order.
    loss, optimizer
        As in `Sequential.fit`.
    x, target : ndarray
        All samples, contiguous, and what the loss made of their labels.
    batch_size, epochs : int
        As in `Sequential.fit`.
    key : Key
        From which the order of the samples is drawn, and what layers draw.
    shuffle, stop_on_nonfinite : bool
        As in `Sequential.fit`.
    probes : Probes, optional
        Which steps are recorded.
    """

    layers: Sequence[Layer]
    layer_names: Sequence[str]
    parameter_names: Sequence[str]
    loss: Loss
    optimizer: Optimizer
    x: Array
    target: Array
    batch_size: int
    epochs: int
    key: Key
    shuffle: bool = True
    stop_on_nonfinite: bool = True
    probes: Probes | None = None

    @property
    def rows(self) -> int:
        """Samples of a full batch."""
        return min(self.batch_size, len(self.x))

    @cached_property
    def leaves(self) -> list[tuple[str, Layer]]:
        """The layers that have parameters of their own, with their names, in order."""
        return [
            (".".join(path), leaf)
            for layer, name in zip(self.layers, self.layer_names, strict=True)
            for path, leaf in layer.leaves((name,))
        ]

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.x) // self.rows)

    def settings(self) -> dict[str, Any]:
        """All that one needs to replay the run from the same weights and data, as a plain dict."""
        loss = self.loss
        return {
            "compute": 1,
            "loss": loss.to_dict() if hasattr(loss, "to_dict") else {"name": loss.name},
            "optimizer": self.optimizer.to_dict(),
            "epochs": self.epochs,
            "batch_size": self.rows,
            "samples": len(self.x),
            "shuffle": self.shuffle,
            "dtype": str(self.x.dtype),
            "key": self.key.to_dict(),
        }

    def check_batches(self) -> None:
        """Refuse a batch with fewer samples than a layer needs in training."""
        least = min(self.rows, len(self.x) % self.rows or self.rows)
        for _, layer in self.leaves:
            if least < layer.least_batch:
                raise ValueError(
                    f"batch_size={self.batch_size} leaves a batch of {least} of the "
                    f"{len(self.x)} samples, and {layer!r} needs {layer.least_batch}: choose "
                    f"another batch_size"
                )
