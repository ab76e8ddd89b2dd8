"""Packed weights: several projections in one tensor, each started as if it stood alone."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore.initializers._base import Block, Initializer, whole
from initcore.initializers._layout import Axes, Fans, axes
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
        sizes = tuple(self.sizes)
        if isinstance(self.init, Initializer):
            inits: tuple[Initializer, ...] = (self.init,) * len(sizes)
        else:
            inits = tuple(self.init)
            object.__setattr__(self, "init", inits)
        for value in (*sizes, self.repeats):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"sizes={self.sizes!r} and repeats={self.repeats!r} must be ints")
        if not sizes or min(*sizes, self.repeats, 1) < 1:
            raise ValueError(f"sizes={sizes} and repeats={self.repeats} must be at least 1")
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
        inits = self.init if isinstance(self.init, tuple) else (self.init,) * len(self.sizes)
        parts = (
            f"{name} ({size}) {init.rule}"
            for name, size, init in zip(self.names, self.sizes, inits, strict=True)
        )
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        return "; ".join(parts) + times

    def _write(
        self,
        array: Array,
        whole_shape: tuple[int, ...],
        block: Block,
        layout: str,
        tensor_fans: Fans,
        key: Key | None,
    ) -> None:
        tensor_key = None if key is None else require_key(key)
        ndim = len(whole_shape)
        found = axes(layout, ndim) if ndim > 1 else Axes((), tuple(range(ndim)), (), ())
        if not found.out:
            raise ValueError(f"shape={whole_shape} with layout={layout!r} has no out axis to pack")
        copies = tuple(whole_shape[axis] for axis in found.copies)
        rest = tuple(whole_shape[axis] for axis in (*found.in_, *found.spatial))
        n_out = math.prod(whole_shape[axis] for axis in found.out)
        unit, left = divmod(n_out, sum(self.sizes) * self.repeats)
        if left:
            raise ValueError(
                f"sizes={self.sizes} with repeats={self.repeats} must divide the out axis, of "
                f"length {n_out} in shape {whole_shape} with layout={layout!r}"
            )
        if array.size == 0:
            return
        values = np.empty((*copies, self.repeats, n_out // self.repeats, *rest), array.dtype)
        plain = "g" * len(copies) + "o" + "i" * len(found.in_)
        axis = len(copies) + 1
        start = 0
        inits = self.init if isinstance(self.init, tuple) else (self.init,) * len(self.sizes)
        for init, size, name in zip(inits, self.sizes, self.names, strict=True):
            stop = start + size * unit
            shape = (*copies, self.repeats * size * unit, *rest)
            part = np.empty(shape, array.dtype)
            share = tensor_fans
            if tensor_fans.fan_out is not None:
                own = tensor_fans.fan_out * size / sum(self.sizes)
                share = Fans(tensor_fans.fan_in, own, 1, transposed=tensor_fans.transposed)
            init._write(part, shape, whole(shape), plain, share, tensor_key and tensor_key / name)
            where = (*(slice(None),) * axis, slice(start, stop))
            values[where] = part.reshape(*copies, self.repeats, size * unit, *rest)
            start = stop
        sizes = tuple(whole_shape[axis] for axis in found.order)
        laid_out = values.reshape(sizes).transpose(np.argsort(found.order))
        array[...] = laid_out[block.index()]
