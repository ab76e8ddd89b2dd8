"""Keys: a seed and a path of names, which together say which random numbers a tensor gets."""

import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, SupportsIndex

from initcore import _checks

_TAG = "initcore-stream-v1"


def _require_utf8(text: str, name: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            f"{name}={text!r} must be text that UTF-8 can write: it has half of a surrogate pair; "
            "decode the name anew, or replace that character"
        ) from None


def _component(value: str | SupportsIndex) -> str:
    """One component of a path in its canonical form: NFC text, or an int's decimal string."""
    if isinstance(value, str):
        if not value:
            raise ValueError(
                "component='' must not be empty: a path component is the name of a layer or a "
                'parameter, such as "fc1" or 0'
            )
        if not value.isascii():
            _require_utf8(value, "component")
        return unicodedata.normalize("NFC", value)
    try:
        index = _checks.integer(value, "component")
    except TypeError:
        raise TypeError(
            f"component={value!r} must be a str or an int; it is of type {type(value).__name__}"
        ) from None
    if index < 0:
        raise ValueError(
            f"component={index} must not be negative: count layers from 0, or use a name"
        )
    return str(index)


def _length_delimited(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(4, "little") + data


class Key:
    """Which random numbers a tensor gets: a 64-bit seed and a path of names.

    A key is never used up: the same key gives the same numbers again, on every machine, for any
    number of threads. Give every tensor a key of its own by going down a name at a time.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    stream : int, default 1
        Version of the stream; 1 is the only one there is.

    Raises
    ------
    TypeError, ValueError
        If the seed is not an int of that range, or the version is unknown.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.

    Examples
    --------
    >>> from initcore import Key
    >>> key = Key(0)
    >>> key / "layers" / 0 / "weight"
    Key(0) / 'layers' / '0' / 'weight'
    >>> key / "layers" / 0 / "weight" == key.at("layers.0.weight")
    True
    """

    __slots__ = ("_ids", "_path", "_seed", "_stream")

    def __init__(self, seed: SupportsIndex, stream: int = 1) -> None:
        if isinstance(stream, bool) or stream != 1:
            raise ValueError(f"stream={stream!r} must be 1, the only version of the stream")
        self._seed = _checks.seed(seed, "seed")
        self._stream = 1
        self._path: tuple[str, ...] = ()
        self._ids: dict[str, int] = {}

    def _child(self, components: tuple[str, ...]) -> "Key":
        child = Key.__new__(Key)
        child._seed = self._seed
        child._stream = self._stream
        child._path = self._path + components
        child._ids = {}
        return child

    def __truediv__(self, component: str | SupportsIndex) -> "Key":
        """The key one name further down; an int stands for its decimal string."""
        return self._child((_component(component),))

    def at(self, path: str, sep: str = ".") -> "Key":
        """The key several names further down.

        Parameters
        ----------
        path : str
            Names separated by `sep`, as in ``"layers.0.weight"``.
        sep : str, default "."
            ``"."`` for PyTorch's names, ``"/"`` for Keras's.
        """
        if not isinstance(path, str):
            raise TypeError(f'path={path!r} must be a str such as "layers.0.weight"')
        if not sep:
            raise ValueError('sep="" must not be empty: it is what stands between two names')
        parts = path.split(sep)
        if not all(parts):
            raise ValueError(
                f"path={path!r} has an empty component between separators {sep!r}; "
                'write names and separators alone, as in "layers.0.weight"'
            )
        return self._child(tuple(_component(part) for part in parts))

    @property
    def seed(self) -> int:
        """The 64-bit seed."""
        return self._seed

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the root to here."""
        return self._path

    @property
    def stream(self) -> int:
        """Version of the stream."""
        return self._stream

    def stream_id(self, kind: str = "value") -> int:
        """The 64-bit id of this key's stream for one kind of draw.

        Parameters
        ----------
        kind : str, default "value"
            What is drawn: ``"value"``, ``"mask"``, ``"permutation"``, ``"tail"``,
            ``"shuffle"``, ``"dropout"`` ... Different kinds are independent streams.
        """
        try:
            ident = self._ids.get(kind)
        except TypeError:  # not hashable
            ident = None
        if ident is None:
            if not isinstance(kind, str):
                raise TypeError(f'kind={kind!r} must be a str such as "value" or "mask"')
            _require_utf8(kind, "kind")
            message = b"".join(_length_delimited(text) for text in (_TAG, kind, *self._path))
            ident = int.from_bytes(blake2b(message, digest_size=8).digest(), "little")
            self._ids[kind] = ident
        return ident

    def to_dict(self) -> dict[str, Any]:
        """This key as a dict that JSON can hold; `from_dict` reads it."""
        return {"seed": self._seed, "path": list(self._path), "stream": self._stream}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Key":
        """The key that `to_dict` wrote."""
        if not isinstance(data, Mapping) or "seed" not in data:
            raise ValueError(
                f"data={data!r} must be a dict that Key.to_dict wrote, with the entries seed, path "
                "and stream"
            )
        root = cls(data["seed"], data.get("stream", 1))
        return root._child(tuple(_component(part) for part in data.get("path", ())))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return (self._seed, self._path, self._stream) == (other._seed, other._path, other._stream)

    def __hash__(self) -> int:
        return hash((self._seed, self._path, self._stream))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Key.from_dict, (self.to_dict(),))

    def __repr__(self) -> str:
        return " / ".join([f"Key({self._seed})", *(repr(part) for part in self._path)])


def require_key(key: object) -> Key:
    """`key` itself, or an error that says what to type."""
    if isinstance(key, Key):
        return key
    if key is None:
        raise TypeError('key=None must be a Key: pass key=initcore.Key(seed) / "name"')
    hint = ""
    if type(key) is int:
        hint = (
            f'; write key=initcore.Key({key}) / "name", with a name of its own for '
            "every tensor: a bare seed would give every layer the same numbers"
        )
    raise TypeError(
        f"key={key!r} must be an initcore.Key; it is of type {type(key).__name__}{hint}"
    )


def root_key(key: object) -> Key:
    """A key for a whole model, from a Key or from one seed's worth of something else.

    Parameters
    ----------
    key : Key, int, numpy.random.Generator or numpy.random.SeedSequence
        An int is the seed itself; from a generator or a seed sequence one 64-bit seed is drawn.
    """
    import numpy as np

    if isinstance(key, Key):
        return key
    if isinstance(key, np.random.Generator):
        return Key(int(key.integers(2**64, dtype=np.uint64)))
    if isinstance(key, np.random.SeedSequence):
        return Key(int(key.generate_state(1, np.uint64)[0]))
    if isinstance(key, SupportsIndex) and not isinstance(key, bool):
        return Key(key)
    raise TypeError(
        f"key={key!r} must be an initcore.Key, an int, a numpy.random.Generator or a "
        f"numpy.random.SeedSequence; it is of type {type(key).__name__}"
    )
