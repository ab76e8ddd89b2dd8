"""Biases of gated recurrent layers: a memory that is open at the start."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import kernels
from initcore._checks import check_fields, real
from initcore._exact.elementwise import log
from initcore.initializers._base import Initializer, store
from initcore.initializers._block import Block
from initcore.initializers._weight import WeightShape
from initcore.keys import Key, require_key


def _hidden(shape: tuple[int, ...], gates: str, name: str) -> int:
    """Units per gate of a packed bias."""
    if len(shape) != 1 or shape[0] % len(gates):
        raise ValueError(
            f"shape={shape} must have one axis, a multiple of {len(gates)} long, for {name} with "
            f"gates={gates!r}"
        )
    return shape[0] // len(gates)


def _check_gates(gates: str, needed: str) -> None:
    if not isinstance(gates, str) or len(set(gates)) != len(gates):
        raise ValueError(f'gates={gates!r} must have one letter for each gate, as in "ifgo"')
    for letter in needed:
        if letter not in gates:
            raise ValueError(f"gates={gates!r} must have the letter {letter!r}")


@dataclass(frozen=True, repr=False)
class ForgetBias(Initializer):
    """`value` for the forget gate of an LSTM, 0 for its other gates.

    At 1 the cell keeps sigmoid(1) = 0.731 of itself per step and so remembers about 3 steps; at 0
    it would keep a half. PyTorch adds two biases: give it to one of them and `Zeros` to the other.

    Parameters
    ----------
    value : float, default 1.0
        Bias of the forget gate.
    gates : str, default "ifgo"
        Order of the packed gates, a letter each, f for forget: PyTorch's and Keras's order.

    Notes
    -----
    Use: every LSTM; for memories of a known, long reach see `Chrono`.
    Exactness: bit-exact.
    Source: Gers, Schmidhuber, Cummins, "Learning to forget", 2000; Jozefowicz, Zaremba,
    Sutskever, "An empirical exploration of recurrent network architectures", 2015.
    Check: 1 / (1 + math.exp(-draw(ForgetBias(), 4)[1])) == 0.7310585786

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.ForgetBias()(8)
    array([0., 0., 1., 1., 0., 0., 0., 0.], dtype=float32)
    """

    value: float = 1.0
    gates: str = "ifgo"

    def __post_init__(self) -> None:
        check_fields(self, real, "value")
        _check_gates(self.gates, "f")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.value:g} for gate f of {self.gates}, 0 for the others"

    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        hidden = _hidden(weight.shape, self.gates, "ForgetBias")
        values = np.zeros(weight.shape)
        start = self.gates.index("f") * hidden
        values[start : start + hidden] = self.value
        store(out, values[block.index()])


@dataclass(frozen=True, repr=False)
class Chrono(Initializer):
    """log(u) for the forget gate, -log(u) for the input gate, u uniform on [1, longest - 1).

    Unit by unit the memory then reaches from 2 to `longest` steps: a forget bias of log(u) keeps u
    / (1 + u) per step.

    Parameters
    ----------
    longest : float
        Number of steps of the longest dependency, above 2.
    gates : str, default "ifgo"
        Order of the packed gates, a letter each, with i (input) and f (forget).

    Notes
    -----
    Use: LSTMs on sequences whose dependencies reach about that far; for short ones it learns more
    slowly than `ForgetBias`.
    Exactness: bit-exact, stream v1, for the same whole tensor (the logarithm is the kernels' own).
    Source: Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018.
    Check: draw(Chrono(784), 4000).max() <= 6.66314

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> b = ic.initializers.Chrono(784)(512, key=ic.Key(0) / "bias")
    >>> bool((b[:128] == -b[128:256]).all()), bool(b.max() <= np.log(783))
    (True, True)
    """

    longest: float
    gates: str = "ifgo"

    def __post_init__(self) -> None:
        check_fields(self, real, "longest")
        if self.longest <= 2.0:
            raise ValueError(f"longest={self.longest!r} must be above 2 steps")
        _check_gates(self.gates, "if")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"b_f = log U[1, {self.longest - 1:g}), b_i = -b_f, gates {self.gates}"

    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        tensor_key = require_key(key)
        hidden = _hidden(weight.shape, self.gates, "Chrono")
        steps = np.empty(hidden)
        if hidden:
            kernels.fill_uniform(steps, low=1.0, high=self.longest - 1.0, key=tensor_key)
        values = np.zeros((len(self.gates), hidden))
        values[self.gates.index("f")] = log(steps)
        values[self.gates.index("i")] = -values[self.gates.index("f")]
        store(out, values.reshape(-1)[block.index()])
