"""Keys: paths, ids, errors."""

import json
import pickle

import numpy as np
import pytest

from initcore import Key
from initcore.keys import require_key, root_key


def test_an_int_component_is_its_decimal_string() -> None:
    key = Key(7)
    assert key / "layers" / 0 / "weight" == key.at("layers.0.weight")
    assert key / np.int64(12) == key / "12"
    assert key.at("dense/kernel", sep="/") == key / "dense" / "kernel"


def test_stream_ids_are_those_of_the_specification() -> None:
    # By hand from docs/stream-v1.md: lengths in 4 little-endian bytes, then the text.
    from hashlib import blake2b

    message = (
        b"\x12\0\0\0initcore-stream-v1" + b"\5\0\0\0value" + b"\3\0\0\0fc1" + b"\6\0\0\0weight"
    )
    expected = int.from_bytes(blake2b(message, digest_size=8).digest(), "little")
    assert (Key(3) / "fc1" / "weight").stream_id() == expected
    assert (Key(4) / "fc1" / "weight").stream_id("value") == expected


def test_paths_are_delimited() -> None:
    ids = {
        (Key(0) / "ab" / "cdef").stream_id(),
        (Key(0) / "abc" / "def").stream_id(),
        (Key(0) / "ab.cdef").stream_id(),
        (Key(0) / "abcdef").stream_id(),
        Key(0).at("ab.c.def").stream_id(),
    }
    assert len(ids) == 5


def test_kinds_are_separate_streams() -> None:
    key = Key(0) / "w"
    assert len({key.stream_id(kind) for kind in ("value", "mask", "shuffle")}) == 3


def test_equal_text_in_another_unicode_form_is_the_same_key() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert Key(0) / composed == Key(0) / decomposed


def test_keys_survive_pickle_json_and_hashing() -> None:
    key = Key(2**64 - 1) / "a" / 3
    assert pickle.loads(pickle.dumps(key)) == key
    assert Key.from_dict(json.loads(json.dumps(key.to_dict()))) == key
    assert len({key, Key(2**64 - 1).at("a.3")}) == 1
    assert key != Key(0).at("a.3")
    assert eval(repr(key)) == key


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_has_64_bits(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed={seed}"):
        Key(seed)


@pytest.mark.parametrize("seed", [1.0, "1", True, None])
def test_a_seed_is_an_int(seed: object) -> None:
    with pytest.raises(TypeError, match="seed="):
        Key(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("component", ["", -1])
def test_bad_components_are_refused_by_value(component: object) -> None:
    with pytest.raises(ValueError, match="component="):
        Key(0) / component  # type: ignore[operator]


@pytest.mark.parametrize("component", [1.5, None, True])
def test_bad_components_are_refused_by_type(component: object) -> None:
    with pytest.raises(TypeError, match="component="):
        Key(0) / component  # type: ignore[operator]


def test_an_unknown_stream_version_is_refused() -> None:
    with pytest.raises(ValueError, match="stream=2"):
        Key(0, stream=2)


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a."])
def test_at_refuses_empty_names(path: str) -> None:
    with pytest.raises(ValueError, match="empty component"):
        Key(0).at(path)


def test_an_int_where_a_key_is_needed_gets_the_line_to_type() -> None:
    with pytest.raises(TypeError, match=r'Key\(5\) / "name"'):
        require_key(5)
    with pytest.raises(TypeError, match="key=None"):
        require_key(None)


def test_a_model_takes_one_seed_from_what_users_have() -> None:
    assert root_key(5) == Key(5)
    assert root_key(Key(5) / "a") == Key(5) / "a"
    assert root_key(np.random.default_rng(0)) == root_key(np.random.default_rng(0))
    generator = np.random.default_rng(0)
    assert root_key(generator) != root_key(generator)
    assert root_key(np.random.SeedSequence(3)) == root_key(np.random.SeedSequence(3))
    with pytest.raises(TypeError, match="key='x'"):
        root_key("x")
