"""The fingerprint of a model of any framework."""

from typing import Any

from initcore.interop._adapters import weights
from initcore.models.fingerprints import combined, tensor_fingerprints


def fingerprint(model: Any) -> str:
    """A model's weights as 32 hexadecimal digits, to compare two machines without moving weights.

    Every tensor is hashed with its name, type and shape in canonical order (out, in, spatial...),
    and the results without regard to their order. A tensor that has the same name has the same
    part in every framework.

    Parameters
    ----------
    model : initcore.Sequential, torch.nn.Module, keras.Model, or a pytree of JAX
        On the CPU.

    Returns
    -------
    str
        Equal for equal weights. That it is equal for others by chance is not to be expected
        before 2**64 models are compared.

    Raises
    ------
    TypeError, ValueError
        If the model is none of these, or a tensor has no values.

    Notes
    -----
    Exactness: every byte counts, so that 0.0 and -0.0 differ.
    Source: BLAKE2b, RFC 7693.

    Examples
    --------
    >>> import initcore as ic
    >>> from initcore import interop
    >>> net = ic.Sequential(ic.Dense(64, 32, activation="relu"), ic.Dense(32, 10))
    >>> net.initialize(ic.HeNormal(), key=ic.Key(0))
    >>> before = interop.fingerprint(net)
    >>> net.layers[1].b[3] += 1e-6
    >>> interop.fingerprint(net) == before
    False
    """
    return combined(tensor_fingerprints(weights(model)))
