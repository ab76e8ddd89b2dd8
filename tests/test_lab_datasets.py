"""The lab's data: what is read, how it is split and scaled, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

import initcore as ic
from initcore.lab import readers
from initcore.lab.datasets import load
from initcore.lab.raw import DataError


def write_npz(path: Path, x: np.ndarray, y: np.ndarray) -> str:
    np.savez(path, x=x, y=y)
    return str(path)


def some_data(samples: int = 60, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).normal(5.0, 2.0, (samples, features))
    return x, np.arange(samples) % 3


def test_split_keeps_the_share_of_each_class_and_every_sample_once(tmp_path):
    x, _ = some_data(100)
    x[:, 0] = np.arange(100)
    y = np.repeat([0, 1, 2], [60, 32, 8])
    data = load(write_npz(tmp_path / "a.npz", x, y))
    assert np.bincount(data.y_test).tolist() == [15, 8, 2]
    assert np.bincount(data.y_train).tolist() == [45, 24, 6]
    # the first feature numbers the samples, so its order survives standardization
    both = np.concatenate([data.x_train[:, 0], data.x_test[:, 0]])
    assert len(np.unique(both)) == 100


def test_split_is_a_function_of_the_key_alone(tmp_path):
    path = write_npz(tmp_path / "a.npz", *some_data())
    first, again, other = (load(path, key=ic.Key(s) / "split") for s in (3, 3, 4))
    assert first.x_test.tobytes() == again.x_test.tobytes()
    assert first.x_test.tobytes() != other.x_test.tobytes()


def test_scaling_uses_the_training_samples_alone(tmp_path):
    x, y = some_data(400)
    data = load(write_npz(tmp_path / "a.npz", x, y))
    # float32 rounds each value by at most 2^-24 of its size, here below 2^-21
    assert np.abs(data.x_train.mean(axis=0, dtype=np.float64)).max() < 2**-21
    assert np.abs(data.x_train.std(axis=0, dtype=np.float64) - 1).max() < 2**-21
    # were the test samples in, their mean and spread would be pulled to these values as well
    assert np.abs(data.x_test.mean(axis=0)).max() > 1e-3


def test_a_constant_feature_is_zero_everywhere(tmp_path):
    x, y = some_data()
    x[:, 1] = 1e6 + 0.1
    assert x[:45, 1].std() > 0.0  # for the mean of 45 of them is rounded
    data = load(write_npz(tmp_path / "a.npz", x, y))
    assert data.constant_features == 1
    assert not data.x_train[:, 1].any()
    assert not data.x_test[:, 1].any()


def test_digest_follows_the_data(tmp_path):
    x, y = some_data()
    first = load(write_npz(tmp_path / "a.npz", x, y)).digest
    x[3, 1] += 1e-9
    assert load(write_npz(tmp_path / "b.npz", x, y)).digest != first
    assert len(first) == 64


def test_npz_images_become_rows(tmp_path):
    data = load(
        write_npz(
            tmp_path / "a.npz", np.random.default_rng(0).random((40, 4, 5)), np.arange(40) % 2
        )
    )
    assert data.features == 20


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_finds_header_and_string_labels(tmp_path, delimiter):
    rows = ["a b kind".replace(" ", delimiter)]
    rows += [f"{i} {i * i} {'cat' if i % 2 else 'dog'}".replace(" ", delimiter) for i in range(40)]
    path = tmp_path / "pets.csv"
    path.write_text("\n".join(rows) + "\n")
    data = load(str(path))
    assert data.classes == ("cat", "dog")
    assert len(data.y_train) + len(data.y_test) == 40


@pytest.mark.parametrize("target", ["kind", "0", "-3"])
def test_csv_target_by_name_or_index(tmp_path, target):
    path = tmp_path / "pets.csv"
    path.write_text("kind,a,b\n" + "".join(f"{i % 3},{i},{i * i}\n" for i in range(30)))
    data = load(str(path), target=target)
    assert data.classes == ("0", "1", "2")
    assert data.features == 2


@pytest.mark.parametrize("target", [None, "2", "-1"])
def test_csv_without_header_keeps_its_first_line(tmp_path, target):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{i},{i * i},{i % 2}\n" for i in range(20)))
    data = load(str(path), target=target)
    assert len(data.y_train) + len(data.y_test) == 20


def test_npz_with_pickled_objects_is_refused(tmp_path):
    x, _ = some_data(6)
    path = write_npz(tmp_path / "a.npz", x, np.array([{}] * 6, dtype=object))
    with pytest.raises(DataError, match="not a readable"):
        load(path)


def bad_files(folder: Path) -> dict[str, tuple[str, str]]:
    x, y = some_data(12)
    nan = x.copy()
    nan[4, 2] = np.nan
    inf = x.copy()
    inf[0, 0] = np.inf
    (folder / "text.npz").write_text("hello")
    (folder / "other.npz").write_bytes(b"")
    np.savez(folder / "names.npz", a=x, b=y)
    (folder / "word.csv").write_text("a,b,c\n1,2,0\n1,oops,1\n")
    (folder / "ragged.csv").write_text("1,2,0\n1,1\n")
    (folder / "short.csv").write_text("a,b\n")
    (folder / "narrow.csv").write_text("1\n2\n")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00\x01" * 20)
    (folder / "folder.csv").mkdir()
    return {
        "nan": (write_npz(folder / "nan.npz", nan, y), "NaN in sample 4, feature 2"),
        "inf": (write_npz(folder / "inf.npz", inf, y), "infinite"),
        "one class": (write_npz(folder / "o.npz", x, y * 0), "1 class; from 2 to 1000"),
        "lengths": (write_npz(folder / "l.npz", x, y[:-1]), "11"),
        "flat x": (write_npz(folder / "f.npz", x[:, 0], y), "samples, features"),
        "complex x": (write_npz(folder / "c.npz", x + 1j, y), "not numeric"),
        "square y": (write_npz(folder / "y.npz", x, x), "y has shape"),
        "lonely": (write_npz(folder / "m.npz", x, np.arange(12)), "a class of its own"),
        "not npz": (str(folder / "text.npz"), "not a readable .npz"),
        "empty npz": (str(folder / "other.npz"), "not a readable .npz"),
        "names": (str(folder / "names.npz"), "it holds a, b"),
        "word": (str(folder / "word.csv"), "line 3, column 'b': 'oops'"),
        "ragged": (str(folder / "ragged.csv"), "line 2 has 2 columns, not 3"),
        "short": (str(folder / "short.csv"), "at least two lines"),
        "narrow": (str(folder / "narrow.csv"), "at least one feature"),
        "binary": (str(folder / "binary.csv"), "not a readable .csv"),
        "folder": (str(folder / "folder.csv"), "not a file"),
        "missing": (str(folder / "missing.npz"), "No such file"),
        "unknown": ("mnist", "unknown data; use digits"),
    }


def test_bad_data_is_one_clear_line(tmp_path):
    for case, (source, says) in bad_files(tmp_path).items():
        with pytest.raises(DataError) as caught:
            load(source)
        message = str(caught.value)
        assert says in message, f"{case}: {message}"
        assert "\n" not in message, case


def test_unknown_target_lists_the_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,kind\n1,2,0\n3,4,1\n")
    for target in ("kinds", "3", "-4", "1.0"):
        with pytest.raises(DataError, match="a, b, kind"):
            load(str(path), target=target)
    with pytest.raises(DataError, match=r"only a \.csv"):
        load("digits", target="kind")


def test_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(257 * 2**20)  # a hole: takes no space
    with pytest.raises(DataError, match="more than the limit"):
        load(str(path))


def test_npz_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("initcore.lab.raw.MAX_VALUES", 1000)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((2000, 4)), y=np.zeros(2000))
    assert (tmp_path / "bomb.npz").stat().st_size < 8 * 1000
    with pytest.raises(DataError, match="when unpacked"):
        load(str(tmp_path / "bomb.npz"))


def test_missing_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(DataError, match=r"pip install 'initcore\[lab\]'"):
        load("digits")


def test_digits_read_without_scikit_learn_are_those_it_loads():
    datasets = pytest.importorskip("sklearn.datasets")
    found, right = readers.read("digits"), datasets.load_digits()
    assert np.array_equal(found.x, right.data)
    assert np.array_equal(found.labels, right.target)
    assert found.classes == tuple(map(str, right.target_names))


def test_digits_have_their_known_shape():
    pytest.importorskip("sklearn")
    data = load("digits")
    assert data.x_train.shape == (1347, 64)
    assert data.x_test.shape == (450, 64)
    assert len(data.classes) == 10
    # 61 pixels change over all samples; of those a few may not among the training samples
    assert 3 <= data.constant_features <= 8
    assert "1347 training and 450 test samples" in data.split


@pytest.mark.parametrize(
    ("name", "features", "classes"), [("wine", 13, 3), ("breast_cancer", 30, 2)]
)
def test_small_sets_have_their_known_shape(name, features, classes):
    pytest.importorskip("sklearn")
    data = load(name)
    assert (data.features, len(data.classes)) == (features, classes)
