"""Fingerprints: 128 bits that stand for a tensor's name, shape, type and every byte of it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Any

import numpy as np

from initcore import kernels
from initcore.initializers import axes
from initcore.models.parameters import Parameter
from initcore.models.weights import Weights

_TAG = b"initcore-fingerprint-v1"
_PIECE = 1 << 20  # elements hashed at a time, where they have to be put in order first


def _canonical(parameter: Parameter, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The tensor as (copies..., out, in, spatial...), whatever its framework's layout."""
    if array.ndim < 2:
        return array
    return array.transpose(axes(parameter.layout, array.ndim).order)


def tensor_fingerprint(parameter: Parameter, array: np.ndarray[Any, Any]) -> str:
    """The fingerprint of one tensor, as 32 hexadecimal digits."""
    ordered = _canonical(parameter, array)
    head = "\n".join(["/".join(parameter.path), array.dtype.name, str(ordered.shape)])
    digest = blake2b(_TAG + head.encode(), digest_size=16)
    if ordered.flags.c_contiguous:
        digest.update(ordered.reshape(-1).view(np.uint8).data)
    else:
        rows = max(1, _PIECE // max(1, ordered[0].size)) if ordered.size else 1
        for start in range(0, len(ordered), rows):
            part = np.ascontiguousarray(ordered[start : start + rows])
            digest.update(part.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def tensor_fingerprints(weights: Weights) -> dict[str, str]:
    """The fingerprint of each tensor by its name, several at a time."""
    pairs = list(weights)
    with ThreadPoolExecutor(kernels.get_num_threads()) as threads:
        prints = threads.map(lambda pair: tensor_fingerprint(*pair), pairs)
        return {parameter.name: text for (parameter, _), text in zip(pairs, prints, strict=True)}


def combined(prints: Mapping[str, str]) -> str:
    """The fingerprint of a model, in which the order of its tensors has no part."""
    return blake2b(
        "\n".join([_TAG.decode(), *sorted(prints.values())]).encode(), digest_size=16
    ).hexdigest()
