"""Packed weights: several projections in one tensor, each started as if it stood alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore._checks import check_fields, count
from initcore.initializers._base import Initializer
from initcore.initializers._block import Block
from initcore.initializers._layout import Axes
from initcore.initializers._weight import Fans, WeightShape
from initcore.keys import Key, require_key

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, repr=False)
class Packed(Initializer):
    """Blocks along the out axis, each a tensor of its own with a name, fans and numbers of its own.

    Queries, keys and values in one matrix (3 d, d) have fan_out d each, not 3 d; so do the halves
    of a gated feed-forward, and the gates of an LSTM, whose recurrent blocks are to be orthogonal
    one by one. The block named n holds exactly what the unpacked tensor of key / n would.

    Parameters
    ----------
    init : Initializer or tuple of Initializer
        Of every block, or one for each.
    sizes : tuple of int
        Lengths of the blocks along the out axis, or numbers in proportion to them: ``(1, 1, 1)``
        for queries, keys and values, ``(4, 1, 1)`` where four queries share a key and a value.
    names : tuple of str, optional
        A name for each; their numbers ``"0"``, ``"1"``, ... if left out.
    repeats : int, default 1
        How many times the row of blocks comes along the axis, for weights that are packed head by
        head. A block is then made of its pieces in order.

    Raises
    ------
    ValueError
        If the blocks do not divide the out axis, or names and sizes do not match.

    Notes
    -----
    `fan_in` of a call is that of every block; `fan_out` is that of the whole, of which each
    block takes its share. `block` makes the whole and takes the part.

    Use: queries, keys and values, gates, and gate with up in one tensor; not where blocks do not
    stand along the out axis.
    Exactness: bit-exact, stream v1, for the same whole tensor: the bytes of the parts.
    Source: the fans of each projection, Vaswani et al., "Attention is all you need", 2017;
    fused as in PyTorch's ``in_proj_weight``.
    Check: draw(Packed(GlorotUniform(), (1, 1, 1)), 384, 128).max() <= 0.1530931090

    Examples
    --------
    >>> import initcore as ic
    >>> key = ic.Key(0) / "attention"
    >>> pack = ic.initializers.Packed(ic.GlorotUniform(), (1, 1, 1), ("q", "k", "v"))
    >>> w = pack((192, 64), key=key)
    >>> bool((w[64:128] == ic.GlorotUniform()((64, 64), key=key / "k")).all())
    True
    """

    init: Initializer | tuple[Initializer, ...]
    sizes: tuple[int, ...]
    names: tuple[str, ...] = ()
    repeats: int = 1

    def __post_init__(self) -> None:
        sizes = tuple(count(n, f"sizes[{at}]", least=1) for at, n in enumerate(self.sizes))
        check_fields(self, count, "repeats", least=1)
        if not sizes:
            raise ValueError("sizes=() must have a length for each block")
        if isinstance(self.init, Initializer):
            inits: tuple[Initializer, ...] = (self.init,) * len(sizes)
        else:
            inits = tuple(self.init)
            object.__setattr__(self, "init", inits)
        if not all(isinstance(init, Initializer) for init in inits):
            raise TypeError(f"init={self.init!r} must be an initializer, or a tuple of them")
        names = tuple(self.names) or tuple(str(number) for number in range(len(sizes)))
        if not len(inits) == len(names) == len(set(names)) == len(sizes):
            raise ValueError(
                f"names={self.names!r} and init={self.init!r} must have one entry for each of "
                f"sizes={sizes}, and no name twice"
            )
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "names", names)

    @property
    def rule(self) -> str:
        """The law in a few words."""
        parts = (
            f"{name} ({size}) {init.rule}"
            for name, size, init in zip(self.names, self.sizes, self._inits(), strict=True)
        )
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        return "; ".join(parts) + times

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        tensor_key = None if key is None else require_key(key)
        shape, ndim = weight.shape, weight.ndim
        which = weight.axes if ndim > 1 else Axes((), tuple(range(ndim)), (), ())
        if not which.out:
            raise ValueError(f"shape={shape} with layout={weight.layout!r} has no out axis to pack")
        copies = tuple(shape[axis] for axis in which.copies)
        rest = tuple(shape[axis] for axis in (*which.in_, *which.spatial))
        n_out = weight.length(which.out)
        unit, left = divmod(n_out, sum(self.sizes) * self.repeats)
        if left:
            raise ValueError(
                f"sizes={self.sizes} with repeats={self.repeats} must divide the out axis, of "
                f"length {n_out} in shape {shape} with layout={weight.layout!r}"
            )
        if out.size == 0:
            return
        values = np.empty((*copies, self.repeats, n_out // self.repeats, *rest), out.dtype)
        layout = "g" * len(copies) + "o" + "i" * len(which.in_)
        before = (slice(None),) * (len(copies) + 1)
        start = 0
        for init, size, name in zip(self._inits(), self.sizes, self.names, strict=True):
            stop = start + size * unit
            part = np.empty((*copies, self.repeats * size * unit, *rest), out.dtype)
            fans = self._fans(weight.fans, size)
            own = WeightShape(part.shape, layout, fan_in=fans.fan_in, fan_out=fans.fan_out)
            init.write(part, key=tensor_key and tensor_key / name, block=own.whole, weight=own)
            values[(*before, slice(start, stop))] = part.reshape(
                *copies, self.repeats, size * unit, *rest
            )
            start = stop
        laid_out = values.reshape(tuple(shape[axis] for axis in which.order))
        out[...] = laid_out.transpose(np.argsort(which.order))[block.index()]

    def _inits(self) -> tuple[Initializer, ...]:
        """The initializer of each block."""
        return self.init if isinstance(self.init, tuple) else (self.init,) * len(self.sizes)

    def _fans(self, whole: Fans, size: int) -> Fans:
        """The fans of a block by those of the whole, of whose outputs it has its share."""
        fan_out = None if whole.fan_out is None else whole.fan_out * size / sum(self.sizes)
        return Fans(whole.fan_in, fan_out)
