"""Sub-pixel convolutions: an upsampling that starts without a checkerboard."""

from dataclasses import dataclass

import numpy as np

from initcore._checks import check_fields, count
from initcore.initializers._base import Initializer
from initcore.initializers._variance import HeNormal
from initcore.initializers._weight import Fans, WeightShape
from initcore.initializers._whole import Array, Whole
from initcore.keys import Key


@dataclass(frozen=True, repr=False)
class Icnr(Whole):
    """Each kernel of a smaller convolution, `copies` times: nearest-neighbor upsampling.

    A convolution with c r^2 outputs whose pixels are then shuffled to c channels r times as large
    starts with equal values in each r by r square, so that no checkerboard has to be unlearned.
    Output channel c r^2 + i is copy i of channel c, the order of PyTorch's ``PixelShuffle``.

    Parameters
    ----------
    copies : int
        r^2 for upsampling by r (r for one spatial axis, r^3 for three).
    init : Initializer, default HeNormal()
        Start of the smaller convolution, which has n_out / copies outputs.

    Raises
    ------
    ValueError
        If `copies` does not divide the out axis.

    Notes
    -----
    Use: convolutions before a pixel shuffle; not for other layers, which it would fill with equal
    kernels.
    Exactness: bit-exact, stream v1, for the same whole tensor.
    Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
    Check: np.ptp(draw(Icnr(4), 8, 3, 3, 3).reshape(2, 4, 27), axis=1).max() == 0

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.initializers.Icnr(4)((8, 3, 3, 3), key=ic.Key(0) / "up")
    >>> bool((w[:4] == w[0]).all())
    True
    """

    copies: int
    init: Initializer = HeNormal()  # noqa: RUF009  a frozen object

    def __post_init__(self) -> None:
        check_fields(self, count, "copies", least=1)
        if not isinstance(self.init, Initializer):
            raise TypeError(f"init={self.init!r} must be an initializer")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.init.rule}; each kernel {self.copies} times"

    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        channels, left = divmod(out.shape[0], self.copies)
        if left:
            raise ValueError(f"copies={self.copies} must divide the {out.shape[0]} outputs")
        small = np.empty((channels, *out.shape[1:]), out.dtype)
        fan_out = tensor_fans.fan_out
        share = None if fan_out is None else fan_out / self.copies
        own = WeightShape(small.shape, fan_in=tensor_fans.fan_in, fan_out=share)
        self.init.write(small, key=key, block=own.whole, weight=own)
        out[...] = np.repeat(small, self.copies, axis=0)
