"""A small model of each of timm's families."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

from corpus.cases import Case

_NAMES_OF_TORCHVISION = (
    *("torchvision", "torchvision.transforms", "torchvision.transforms.functional"),
    *("torchvision.datasets", "torchvision.ops", "torchvision.ops.misc"),
)
_SMALL = ("test", "atto", "femto", "pico", "nano", "xxs", "xxt", "micro", "mini", "tiny", "xs")


@contextmanager
def _torchvision() -> Iterator[None]:
    """Names that timm's files import from torchvision, whose models need none of them.

    torchvision has no wheel that fits every build of torch for CPUs.
    """
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    else:
        yield
        return
    from torch import nn

    stubs: dict[str, Any] = {name: ModuleType(name) for name in _NAMES_OF_TORCHVISION}
    for name, stub in stubs.items():
        stub.__path__ = []
        if name.endswith(("transforms", "functional", "datasets")):
            stub.__getattr__ = lambda attribute: MagicMock(name=attribute)
    stubs["torchvision.ops.misc"].FrozenBatchNorm2d = type("FrozenBatchNorm2d", (nn.Module,), {})
    sys.modules.update(stubs)
    try:
        yield
    finally:
        for name in stubs:
            sys.modules.pop(name, None)


def timm() -> Any:
    """The library, also where torchvision is missing."""
    with _torchvision():
        import timm as library
    return library


def _build(name: str) -> Any:
    return timm().create_model(name, pretrained=False, num_classes=10)


def _feed(model: Any) -> Any:
    import torch

    size = model.default_cfg["input_size"]
    return model.eval()(torch.zeros(2, *size))


def _order(name: str) -> tuple[int, int, str]:
    """The smaller by its name first."""
    words = name.split("_")
    at = next((at for at, word in enumerate(_SMALL) if word in words), len(_SMALL))
    return at, len(name), name


def cases() -> Iterator[Case]:
    """Two models of each family, those that their names call the smallest."""
    library = timm()
    seen = set()
    for family in sorted(library.list_modules()):
        for name in sorted(library.list_models(module=family), key=_order)[:2]:
            if name not in seen:
                seen.add(name)
                recipe = "vit" if "vit" in family or "former" in family else "he"
                yield Case("timm", name, partial(_build, name), recipe, _feed)
