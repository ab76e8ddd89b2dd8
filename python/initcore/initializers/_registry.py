"""Names of initializers, in our convention and in other libraries'."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from initcore.initializers._asymmetric import RandomizedAsymmetric
from initcore.initializers._base import Initializer
from initcore.initializers._constant import Constant, Identity, Ones, Zeros
from initcore.initializers._depth import (
    DropoutHeNormal,
    RandomWalk,
    SmallInit,
    StandardUniform,
    WangInit,
)
from initcore.initializers._heads import BiasPrior, ClassPrior
from initcore.initializers._icnr import Icnr
from initcore.initializers._orthogonal import (
    DeltaOrthogonal,
    Dirac,
    LooksLinear,
    Orthogonal,
    ScaledOrthogonal,
    ZerO,
)
from initcore.initializers._packed import Packed
from initcore.initializers._periodic import FourierFeatures, Siren
from initcore.initializers._random import Normal, TruncatedNormal, Uniform
from initcore.initializers._recurrent import Chrono, ForgetBias
from initcore.initializers._sign import Sign
from initcore.initializers._sparse import Sparse
from initcore.initializers._spectral import SpectralNormal
from initcore.initializers._state_space import DiagonalStates, HippoLegS, StepBias
from initcore.initializers._variance import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)

Factory = Callable[..., Initializer]

_CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        BiasPrior,
        Chrono,
        ClassPrior,
        Constant,
        DeltaOrthogonal,
        DiagonalStates,
        Dirac,
        DropoutHeNormal,
        ForgetBias,
        FourierFeatures,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        HippoLegS,
        Icnr,
        Identity,
        LecunNormal,
        LecunUniform,
        LooksLinear,
        Normal,
        Ones,
        Orthogonal,
        Packed,
        RandomWalk,
        RandomizedAsymmetric,
        ScaledOrthogonal,
        Sign,
        Siren,
        SmallInit,
        Sparse,
        SpectralNormal,
        StandardUniform,
        StepBias,
        TruncatedNormal,
        Uniform,
        VarianceScaling,
        WangInit,
        XavierNormal,
        XavierUniform,
        ZerO,
        Zeros,
    )
}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _truncated(scale: float, mode: Any) -> Factory:
    return lambda: VarianceScaling(scale, mode, "truncated_normal")


_CONVENTIONS: dict[str, dict[str, Factory]] = {
    "initcore": {_snake(name): cls for name, cls in _CLASSES.items()},
    # torch.nn.init, with its default arguments.
    "torch": {
        "constant": Constant,
        "dirac": Dirac,
        "eye": Identity,
        "kaiming_normal": HeNormal,
        "kaiming_uniform": HeUniform,
        "normal": Normal,
        "ones": Ones,
        "orthogonal": Orthogonal,
        "sparse": Sparse,
        "trunc_normal": lambda: TruncatedNormal(bounds="absolute"),
        "uniform": lambda: Uniform(low=0.0, high=1.0),
        "xavier_normal": GlorotNormal,
        "xavier_uniform": GlorotUniform,
        "zeros": Zeros,
        # What torch.nn.Linear and the convolutions give weight and bias by themselves.
        "linear_default": lambda: VarianceScaling(1.0 / 3.0, "fan_in", "uniform"),
    },
    # keras.initializers, version 3, with their default arguments.
    "keras": {
        "constant": Constant,
        "glorot_normal": _truncated(1.0, "fan_avg"),
        "glorot_uniform": GlorotUniform,
        "he_normal": _truncated(2.0, "fan_in"),
        "he_uniform": HeUniform,
        "identity": Identity,
        "lecun_normal": _truncated(1.0, "fan_in"),
        "lecun_uniform": LecunUniform,
        "ones": Ones,
        "orthogonal": Orthogonal,
        "random_normal": lambda: Normal(std=0.05),
        "random_uniform": lambda: Uniform(low=-0.05, high=0.05),
        "truncated_normal": lambda: TruncatedNormal(std=0.05),
        "variance_scaling": _truncated(1.0, "fan_in"),
        "zeros": Zeros,
    },
    # jax.nn.initializers, with their default arguments.
    "jax": {
        "constant": Constant,
        "delta_orthogonal": DeltaOrthogonal,
        "glorot_normal": _truncated(1.0, "fan_avg"),
        "glorot_uniform": GlorotUniform,
        "he_normal": _truncated(2.0, "fan_in"),
        "he_uniform": HeUniform,
        "kaiming_normal": _truncated(2.0, "fan_in"),
        "kaiming_uniform": HeUniform,
        "lecun_normal": _truncated(1.0, "fan_in"),
        "lecun_uniform": LecunUniform,
        "normal": lambda: Normal(std=0.01),
        "ones": Ones,
        "orthogonal": Orthogonal,
        "truncated_normal": lambda: TruncatedNormal(std=0.01),
        "uniform": lambda: Uniform(low=0.0, high=0.01),
        "xavier_normal": _truncated(1.0, "fan_avg"),
        "xavier_uniform": GlorotUniform,
        "zeros": Zeros,
    },
}


def get(
    initializer: str | dict[str, Any] | Initializer, convention: str = "initcore"
) -> Initializer:
    """The initializer of a name, with the law that the name has in a library.

    Parameters
    ----------
    initializer : str, dict or Initializer
        A name such as ``"he_normal"`` or ``"HeNormal"``; PyTorch's trailing underscore may stay.
        A dict is what `to_dict` gave. An object is returned as it is.
    convention : {"initcore", "torch", "keras", "jax"}, default "initcore"
        Whose name it is: ``"glorot_normal"`` is a plain normal here and a truncated one in Keras
        and JAX; ``"xavier_normal"`` is Var(W) = 1 / fan_in here and 2 / (fan_in + fan_out) in
        PyTorch and JAX.

    Raises
    ------
    ValueError
        If the name or the convention is unknown; the message lists the known ones.

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.get("xavier_normal")
    <XavierNormal: Var(W) = 1 / fan_in, normal>
    >>> initializers.get("xavier_normal_", convention="torch")
    <GlorotNormal: Var(W) = 2 / (fan_in + fan_out), normal>
    """
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, dict):
        return from_dict(initializer)
    if not isinstance(initializer, str):
        raise TypeError(
            f"initializer={initializer!r} must be a name, a dict or an Initializer, "
            f"not a {type(initializer).__name__}"
        )
    names = _CONVENTIONS.get(convention)
    if names is None:
        raise ValueError(f"convention={convention!r} must be one of {', '.join(_CONVENTIONS)}")
    make = names.get(_snake(initializer).removesuffix("_"))
    if make is None:
        raise ValueError(
            f"initializer={initializer!r} is not known in the convention {convention!r}; "
            f"use one of {', '.join(sorted(names))}"
        )
    return make()


def from_dict(data: Mapping[str, Any]) -> Initializer:
    """The initializer that `Initializer.to_dict` wrote.

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.from_dict({"initializer": "Normal", "std": 0.02, "mean": 0.0})
    <Normal: N(0, 0.02^2)>
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"data={data!r} must be a dict that Initializer.to_dict wrote")
    entries = {field: value for field, value in data.items() if field != "initializer"}
    name = data.get("initializer")
    cls = _CLASSES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(
            f"initializer={name!r} is not a class that can be read back; "
            f"use one of {', '.join(sorted(_CLASSES))}"
        )
    own = {field.name: field for field in fields(cls) if field.init}
    needed = {name for name, field in own.items() if field.default is MISSING}
    wrong = sorted({str(field) for field in entries if field not in own} | (needed - set(entries)))
    if wrong:
        raise ValueError(
            f"{name} has, or has not, the entries {', '.join(wrong)}; its entries are "
            f"{', '.join(own) or 'none'}, without a default {', '.join(sorted(needed)) or 'none'}"
        )
    return cls(**{field: _read(value) for field, value in entries.items()})


def _read(value: Any) -> Any:
    """A field as it was before `to_dict`."""
    if isinstance(value, dict):
        return from_dict(value)
    return tuple(_read(item) for item in value) if isinstance(value, list | tuple) else value


def register(cls: type[Initializer]) -> type[Initializer]:
    """Make an initializer class of your own known to `get` and `from_dict`; usable as a decorator.

    Parameters
    ----------
    cls : type
        A frozen dataclass that derives from `Initializer`. Its name must be free.
    """
    if not (isinstance(cls, type) and issubclass(cls, Initializer)):
        raise TypeError(f"cls={cls!r} must be a class that derives from Initializer")
    known = _CLASSES.get(cls.__name__)
    if known is not None and known is not cls:
        raise ValueError(f"cls={cls.__name__} is a name that is taken; choose another")
    _CLASSES[cls.__name__] = cls
    _CONVENTIONS["initcore"][_snake(cls.__name__)] = cls
    return cls
