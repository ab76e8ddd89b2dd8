"""Manifests: what it takes to make a model's starting weights again, and to know that they are."""

import json
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from initcore._files import replacing
from initcore.interop._adapters import initialize, weights
from initcore.kernels import __version__
from initcore.keys import Key
from initcore.models.fingerprints import combined, tensor_fingerprints
from initcore.models.plan import Plan
from initcore.models.reading import recipe

_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """Key, recipe and fingerprints of a model's starting weights: a few lines of JSON for each tensor.

    With the model's code it makes the same weights on any machine, and says whether they are.

    Examples
    --------
    >>> import initcore as ic
    >>> from initcore import interop
    >>> net = ic.Sequential(ic.Dense(64, 32, activation="relu"), ic.Dense(32, 10))
    >>> plan = interop.initialize(net, "he", key=0)
    >>> text = interop.Manifest.of(net, plan).to_json()
    >>> other = ic.Sequential(ic.Dense(64, 32, activation="relu"), ic.Dense(32, 10))
    >>> manifest = interop.Manifest.from_json(text)
    >>> manifest.start(other)
    >>> manifest.differences(other)
    ()
    """  # noqa: E501

    key: Key
    """The model's key: seed and version of the stream."""
    recipe: dict[str, Any]
    """What `initcore.interop.recipe` reads."""
    tensors: dict[str, dict[str, Any]]
    """Shape, dtype and fingerprint of each tensor by name."""
    versions: dict[str, str]
    """Versions of the libraries that made the weights."""

    @property
    def fingerprint(self) -> str:
        """That of the model, as of `initcore.interop.fingerprint`."""
        return combined({name: facts["fingerprint"] for name, facts in self.tensors.items()})

    @classmethod
    def of(cls, model: Any, plan: Plan) -> "Manifest":
        """The manifest of a model that has just been started.

        Parameters
        ----------
        model : initcore.Sequential, torch.nn.Module, keras.Model, or a pytree of JAX
        plan : Plan
            What `initialize` returned.

        Raises
        ------
        ValueError
            If the recipe is made of Python objects, which JSON does not hold.
        """
        source = plan.recipe.source
        if not source:
            raise ValueError(
                f"recipe={plan.recipe.name!r} was made in Python and has no text; give it by name, "
                "as a dict or as a TOML file, or register its class"
            )
        held = weights(model)
        prints = tensor_fingerprints(held)
        tensors = {
            parameter.name: {
                "shape": list(parameter.shape),
                "dtype": array.dtype.name,
                "fingerprint": prints[parameter.name],
            }
            for parameter, array in held
        }
        versions = {"initcore": __version__, "numpy": np.__version__}
        return cls(plan.key, json.loads(json.dumps(source)), tensors, versions)

    def start(self, model: Any) -> None:
        """Give a model these weights, in place, and make sure that it has them.

        Raises
        ------
        ValueError
            If a tensor came out otherwise: the model is another one.
        """
        initialize(model, recipe(self.recipe), key=self.key, strict=False)
        wrong = self.differences(model)
        if wrong:
            raise ValueError(
                f"model does not get the weights of the manifest: {', '.join(wrong[:8])} differ; "
                "its names, shapes, types or layers are others"
            )

    def differences(self, model: Any) -> tuple[str, ...]:
        """Names of tensors that a model has otherwise, has not, or has besides; empty for none."""
        prints = tensor_fingerprints(weights(model))
        names = [*self.tensors, *(name for name in prints if name not in self.tensors)]
        wanted = {name: facts["fingerprint"] for name, facts in self.tensors.items()}
        return tuple(name for name in names if prints.get(name) != wanted.get(name))

    def to_json(self) -> str:
        """This manifest as JSON."""
        whole = {
            "format": _FORMAT,
            "key": self.key.to_dict(),
            "recipe": self.recipe,
            "versions": self.versions,
            "fingerprint": self.fingerprint,
            "tensors": self.tensors,
        }
        return json.dumps(whole, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that `to_json` wrote.

        Raises
        ------
        ValueError
            If it is of another format, or its fingerprints do not belong together.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"text is not JSON ({error})") from None
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError(f'text must be a manifest of "format": {_FORMAT}')
        _check_entries(data)
        try:
            key = Key.from_dict(data["key"])
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f'"key" of text is no key: {error}') from None
        made = cls(key, data["recipe"], data["tensors"], data.get("versions", {}))
        if made.fingerprint != data.get("fingerprint"):
            raise ValueError("text has fingerprints that do not belong together; it was changed")
        return made

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file."""
        replacing.write(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Manifest":
        """Read it from a file; see `from_json`."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"path={fspath(path)!r} is no manifest: {error}") from None


def _check_entries(data: dict[str, Any]) -> None:
    """Refuse entries that are not of their type."""
    for name in ("key", "recipe", "tensors", "versions"):
        found = data.get(name, {} if name == "versions" else None)
        if not isinstance(found, dict):
            raise ValueError(f'"{name}" of text must be a dict, not {found!r:.80}')
    for name, facts in data["tensors"].items():
        if not isinstance(facts, dict) or not isinstance(facts.get("fingerprint"), str):
            raise ValueError(f'"tensors" of text has {name!r} without a fingerprint')
