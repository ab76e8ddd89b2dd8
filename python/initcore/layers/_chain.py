"""Layers in a row as one layer, and a row whose output is added to its input."""

from collections import Counter
from typing import ClassVar

import numpy as np

from initcore import kernels
from initcore.keys import Key
from initcore.layers._base import Array, Layer, Shape, contiguous, first_reader, gradient_of
from initcore.layers._builder import Builder, Value


def names_of(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """The layers' names: those given to them, or their kind and number among its like.

    A layer that is put between two others so leaves the names of those of other kinds alone.
    """
    seen: Counter[str] = Counter()
    names = []
    for layer in layers:
        number = str(seen[layer.kind])
        seen[layer.kind] += 1
        default = f"{layer.kind}_{number}" if layer.kind else number
        names.append(default if layer.name is None else layer.name)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(
            f"names {tuple(names)}: {twice[0]!r} is there twice, and layers of one name would get "
            f"the same random numbers; give each layer a name of its own"
        )
    return tuple(names)


class Chain(Layer):
    """Layers in a row: each takes the output of the one before.

    Attributes
    ----------
    layers : tuple of Layer
        The layers.
    names : tuple of str
        Their names: the ones given to them, or their kind and number, for `Dense` the number.
    """

    kind: ClassVar[str] = "chain"

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(name)
        if not layers:
            raise ValueError("layers is empty: pass at least one, such as Dense(64, 10)")
        for at, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{at}]={layer!r} must be a layer such as Dense(64, 10)")
            if any(layer is earlier for earlier in layers[:at]):
                raise ValueError(
                    f"layers[{at}] is the same object as an earlier layer: make a new one for "
                    f"each place, for a layer keeps its own weights and gradients"
                )
        self.layers = layers
        self.names = names_of(layers)
        self._check_shapes()

    def _check_shapes(self) -> None:
        """Refuse layers that cannot follow each other, as far as that shows without samples."""
        shape: Shape | None = None
        for at, layer in enumerate(self.layers):
            need = layer.in_shape
            if shape is not None and need is not None and shape != need and len(shape) == 1:
                raise ValueError(
                    f"layers[{at - 1}] has n_out={shape[0]} and layers[{at}] has "
                    f"n_in={need[0]}: the two must be equal"
                )
            shape = need if shape is None else shape
            if shape is None:
                return
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                raise ValueError(f"layers[{at}] cannot follow layers[{at - 1}]: {error}") from None

    def __repr__(self) -> str:
        inner = "".join(f"{layer!r},\n" for layer in self.layers)
        if self.name is not None:
            inner += f"name={self.name!r},\n"
        indented = "".join(f"    {line}\n" for line in inner.splitlines())
        return f"{type(self).__name__}(\n{indented})"

    @property
    def in_shape(self) -> Shape | None:
        """That of the first layer."""
        return self.layers[0].in_shape

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the last layer's output."""
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def leaves(self, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Layer]]:
        """The leaves of all layers, in order."""
        return [
            leaf
            for layer, name in zip(self.layers, self.names, strict=True)
            for leaf in layer.leaves((*path, name))
        ]

    def forget(self) -> None:
        """Drop what `forward` and `backward` left here and in the layers."""
        super().forget()
        for layer in self.layers:
            layer.forget()

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """The output of the last layer; the layer named n draws from key / n."""
        for layer, name in zip(self.layers, self.names, strict=True):
            x = layer.forward(x, save=save, key=None if key is None else key / name, step=step)
        return x

    def backward(self, dy: Array) -> Array:
        """From the gradient of the outputs to that of the inputs; layers hold their own."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def can_compile(self) -> bool:
        """As for every layer, and each of the layers can."""
        return super().can_compile() and all(layer.can_compile() for layer in self.layers)

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """The layers, one after the other."""
        for layer, name in zip(self.layers, self.names, strict=True):
            inputs = builder.add(layer, name, inputs)
        return inputs

    def first_reader(self) -> Layer | None:
        """That of the layers."""
        return first_reader(self.layers)


class Residual(Chain):
    """y = x + f(x), where f is a row of layers whose output has the shape of x.

    Parameters
    ----------
    *layers : Layer
        f, from its first layer to its last. End it with a `Scale` for SkipInit or LayerScale.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: He, Zhang, Ren and Sun 2016, ECCV, equation 1 without an activation behind the sum.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> block = ic.Sequential(Residual(ic.Dense(2, 2, init=ic.Identity(gain=0.5))))
    >>> block.initialize(key=ic.Key(0), dtype=np.float64)
    >>> block.forward(np.array([[2.0, 4.0]])).tolist()
    [[3.0, 6.0]]
    """

    kind: ClassVar[str] = "residual"

    def __init__(self, *layers: Layer, name: str | None = None) -> None:
        super().__init__(*layers, name=name)
        if self.in_shape is not None:
            self.out_shape(self.in_shape)

    def out_shape(self, shape: Shape) -> Shape:
        """That of x."""
        branch = super().out_shape(shape)
        if branch != shape:
            raise ValueError(
                f"a residual branch turns samples of shape {shape} into {branch}: it must keep the "
                f"shape, because its output is added to its input"
            )
        return branch

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """x + f(x)."""
        x = contiguous(x, None, "x")
        branch = super().forward(x, save=save, key=key, step=step)
        if branch.shape != x.shape:
            self.out_shape(x.shape[1:])
        y = _sum(x, branch)
        if save:
            self.x, self.y = x, y
        return y

    def backward(self, dy: Array) -> Array:
        """dy, plus the gradient through f."""
        self.kept()
        assert self.x is not None
        dy = gradient_of(dy, self.x)
        self.dx = _sum(dy, super().backward(dy))
        return self.dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """The branch, and a sum in each direction."""
        x, dx = inputs
        branch_dx = None if dx is None else np.empty_like(x)
        with builder.branch() as start:
            branch, dy = super().lower(builder, Value(x, branch_dx))
        n = x[0].size
        if dx is not None and dy is not None:
            # the gradient of the sum is that of the branch's output, in one array for both
            dy_of_x = dy.reshape(x.shape)
            builder.backward("added", 1, n, at=start, y=dx, x=dy_of_x, normal=branch_dx)
        y = np.empty_like(x)
        builder.op("added", 1, n, y=y, x=x, normal=branch)
        return Value(y, dy)

    def first_reader(self) -> Layer | None:
        """This layer: it adds x to what the branch makes of it."""
        return self


def _sum(a: Array, b: Array) -> Array:
    y = np.empty_like(a)
    kernels._layer("added", 1, a.size, y=y, x=a, normal=np.ascontiguousarray(b))
    return y
