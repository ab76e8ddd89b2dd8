"""Tables as people have them: what is found in a file, what is said of it, and what is refused."""

import csv
import io
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initcore as ic
from initcore.lab import progress, raw, tables
from initcore.lab.comparison import Settings, compare
from initcore.lab.datasets import load, split
from initcore.lab.initializations import parse
from initcore.lab.raw import DataError, RawData
from initcore.lab.words import headline

N = 24


def rows(form: str) -> str:
    """Lines made for i = 0 ... N-1, with ^ for a changing number and @ for a class of two."""
    return "".join(
        form.replace("^", str(i * i % 7)).replace("%", str(i * 3 % 11)).replace("@", "ab"[i % 2])
        + "\n"
        for i in range(N)
    )


def write(folder: Path, text: str) -> str:
    path = folder / "f.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


FOUND = {
    "comma": ("u,v,k\n" + rows("^.5,%,@"), "',' separated, header, 24 rows, label 'k'", "a b", 2),
    "semicolon": (rows("^.5;%;@"), "';' separated, no header, 24 rows, label column 2", "a b", 2),
    "tab": ("u\tv w\tk\n" + rows("^.5\t%\t@"), "tab separated, header, 24", "a b", 2),
    "bar": (rows("^.5|%|@"), "'|' separated, no header", "a b", 2),
    "blanks": (rows("  ^.5   % @"), "blank separated, no header", "a b", 2),
    "comma then blank": ("u, v, k\n" + rows("^.5, %, @"), "',' separated, header", "a b", 2),
    "decimal comma": (rows("^,1;@"), "';' separated, decimal comma, no header", "a b", 1),
    "decimal commas": ("u;v;w\n" + rows("^,5;%,25;@"), "decimal comma, header", "a b", 2),
    "comma in a label": ("u;v;w\n" + rows("^,5;%,25;@,x"), "decimal comma", "a,x b,x", 2),
    "quoted header": ('"a, x";"b, y";"c, z"\n' + rows("^.5;%;@"), "label 'c, z'", "a b", 2),
    "quoted cells": ('"u","v","k"\n' + rows('"^.5","%","@, ""x"""'), "header", 'a, "x"|b, "x"', 2),
    "trailing": ("u,v,k,\n" + rows("^.5,%,@,"), "header, 24 rows, label 'k'", "a b", 2),
    "title": ("My data\n\nu,v,k\n" + rows("^.5,%,@"), "1 line above skipped, header", "a b", 2),
    "padded title": ("Mine;;\nu;v;k\n" + rows("^.5;%;@"), "1 line above", "a b", 2),
    "comment": ("# of 2020, by me\n" + rows("^.5,%,@"), "1 line above skipped, no h", "a b", 2),
    "savetxt": (
        "# u,v,k\n" + rows("^.5,%,@"),
        "above skipped, header, 24 rows, label 'k'",
        "a b",
        2,
    ),
    "sep": ("sep=;\nu;v;k\n" + rows("^,5;%;@"), "';' separated, decimal comma, 1 line", "a b", 2),
    "numeric header": ("0,1,2,y\n" + rows("^.5,%,^,1") + "1,1,1,2\n1,1,2,2\n", "'y'", "1 2", 3),
    "range header": ("0,1,2,3\n" + rows("^.5,%,^,@"), "header, 24 rows, label '3'", "a b", 3),
    "pandas index": (",0,1,2\n" + rows("%,^.5,%,@"), "header, 24 rows, label '2'", "a b", 3),
    "years": ("2001,2002,2003,where\n" + rows("^.5,%,^,@"), "header, 24 rows", "a b", 3),
    "label called so": ("class,u,v\n" + rows("@,^.5,%"), "label 'class'", "a b", 2),
    "only text": ("diagnosis,u,v\n" + rows("@,^.5,%"), "label 'diagnosis'", "a b", 2),
    "BOM and CRLF": ("\ufeffu;v;k\r\n" + rows("^.5;%;@\r"), "';' separated, header", "a b", 2),
    "booleans": ("u,v,k\n" + rows("^.5,True,@") + "1,FALSE,a\n", "header, 25 rows", "a b", 2),
    "labels called none": (rows("^.5,%,none") + rows("^.5,%,-"), "no header, 48", "- none", 2),
    "line breaks": ("u,v,k\n" + rows('^.5,%,"@\nx"'), "header, 24 rows", "a\nx|b\nx", 2),
}


@pytest.mark.parametrize("case", FOUND)
def test_the_form_of_a_table_is_found_and_said(tmp_path, case):
    text, says, classes, features = FOUND[case]
    data = load(write(tmp_path, text))
    assert says in data.reading
    assert data.reading.startswith("read f.csv: ")
    assert "\n" not in data.reading
    assert data.classes == tuple(classes.split("|" if "|" in classes else " "))
    assert data.features == features


@pytest.mark.parametrize("case", ["comma", "semicolon", "decimal commas", "blanks", "trailing"])
def test_every_number_is_that_of_the_file(tmp_path, case):
    found = tables.read_csv(Path(write(tmp_path, FOUND[case][0])))
    first = [i * i % 7 + (0.1 if case == "decimal comma" else 0.5) for i in range(N)]
    second = [i * 3 % 11 + (0.25 if case == "decimal commas" else 0) for i in range(N)]
    assert found.x.tolist() == [list(pair) for pair in zip(first, second, strict=True)]
    assert [found.classes[at] for at in found.labels] == ["ab"[i % 2] for i in range(N)]


REFUSED = {
    "NA in line 1": ("1,NA,a\n" + rows("^.5,%,@"), "line 1, column '1': 'NA' is a missing value"),
    "blank in line 1": ("1,,a\n" + rows("^.5,%,@"), "line 1, column '1': '' is a missing"),
    "blank label": ("u,v,k\n" + rows("^.5,%,@") + "1,2,\n", "line 26, column 'k': '' is a missing"),
    "nan label": ("u,v,k\n" + rows("^.5,%,@") + "1,2,NaN\n", "line 26, column 'k': 'NaN'"),
    "behind blank lines": ("u,v,k\n\n\n" + rows("^,%,@") + "\n1,x,a\n", "line 29, column 'v': 'x'"),
    "behind line breaks": ("u,v,k\n" + rows('^,%,"@\n"') + "1,x,a\n", "line 50, column 'v': 'x'"),
    "nan": ("u,v,k\n" + rows("^,%,@") + "1,nan,a\n", "line 26, column 'v': 'nan' is a missing"),
    "infinite": (
        "u,v,k\n" + rows("^,%,@") + "1,1e999,a\n",
        "column 'v': '1e999' is an inf",
    ),
    "underscore": ("u,v,k\n" + rows("^,%,@") + "1,1_000,a\n", "'1_000' is not a number"),
    "other digits": ("u,v,k\n" + rows("^,%,@") + "1,\u0661,a\n", "'\u0661' is not a number"),
    "hexadecimal": ("u,v,k\n" + rows("^,%,@") + "1,0x10,a\n", "'0x10' is not a number"),
    "thousands": ("u;v;k\n" + rows("^,5;%;@") + "1;1.000,5;a\n", "'1.000,5' is not a number"),
    "behind the last": ("u,v,k,\n" + rows("^,%,@,") * 10 + "1,2,a,9\n", "'9' behind its last"),
    "ragged": ("u,v,k\n" + rows("^,%,@") + "1,2\n", "line 26 has 2 columns, not 3"),
    "a boolean": ("u,v,k\n" + rows("^,%,@") + "1,True,a\n", "'True' is not a number"),
    "no boolean": ("u,v,k\n" + rows("^,True,@") * 10 + "1,3,a\n", "'3' is not a number"),
    "all constant": ("u,v,k\n" + rows("1,2,@"), "every feature is the same"),
    "each a class": (
        "u,v,k\n" + "".join(f"{i % 5},1,n{i}\n" for i in range(N)),
        "class of its own",
    ),
    "few of each": ("u,v,k\n" + "".join(f"{i % 5},1,n{i // 2}\n" for i in range(N)), "--task regr"),
    "one column": ("1\n2\n3\n", "looked for the separators"),
    "empty": ("", "at least two lines; it has 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path, case):
    text, says = REFUSED[case]
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [
        ["1", "01"],
        ["1000", "1e3"],
        ["10", "1_0"],
        [str(2**53), str(2**53 + 1)],
        ["1", "1.0"],
        ["0", "-0"],
        ["a", "A"],
        ["\u0661", "1"],
    ],
)
def test_two_labels_are_never_merged(tmp_path, labels):
    text = "".join(f"{i * i % 7},{i % 3},{labels[i % 2]}\n" for i in range(N))
    assert sorted(load(write(tmp_path, text)).classes) == sorted(labels)


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10.0", "9.0", "-1.0"], ("-1.0", "9.0", "10.0")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["10", "09", "1"], ("09", "1", "10")),
    ],
)
def test_labels_that_are_numbers_of_one_kind_are_ordered_by_value(tmp_path, labels, ordered):
    text = "".join(f"{i * i % 7},{i % 5},{labels[i % 3]}\n" for i in range(N))
    assert load(write(tmp_path, text)).classes == ordered


REMARKS = {
    "id": ("".join(f"{i},{i * i % 7},{'ab'[i % 2]}\n" for i in range(N)), "the feature 0 numbers"),
    "index": (",v,k\n" + "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(N)), "feature ''"),
    "constant": ("u,v,k\n" + rows("3,%,@"), "1 of 2 features never changes and counts for nothing"),
    "single": (
        "u,v,k\n" + rows("^,%,@") + "1,2,once\n",
        "one sample, which is trained on",
    ),
    "imbalance": (
        "u,v,k\n" + rows("^,%,a") + rows("^,%,a") + rows("^,%,a") + "1,2,b\n3,4,b\n",
        "97 %",
    ),
    "quantity": (
        "u,v,k\n" + "".join(f"{i % 7},{i % 5},{i // 4}\n" for i in range(240)),
        "60 different whole numbers for 240 samples; if they are a quantity, use --task regression",
    ),
}


@pytest.mark.parametrize("case", REMARKS)
def test_what_one_would_want_to_know_of_the_data_is_remarked(tmp_path, case):
    text, says = REMARKS[case]
    remarks = load(write(tmp_path, text)).remarks
    assert any(says in remark for remark in remarks), remarks


def test_clean_data_get_no_remark(tmp_path):
    assert load(write(tmp_path, FOUND["comma"][0])).remarks == ()


# Regression


def target_file(folder: Path, form: str = "{:.3f}") -> str:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4))
    y = 50 + 10 * (x @ [1.0, -2.0, 0.5, 0.0])
    lines = [
        ",".join(f"{v:.4f}" for v in row) + "," + form.format(t)
        for row, t in zip(x, y, strict=True)
    ]
    return write(folder, "a,b,c,d,price\n" + "\n".join(lines) + "\n")


def test_a_target_that_is_not_whole_is_regression(tmp_path):
    data = load(target_file(tmp_path))
    assert data.task == "regression"
    assert data.reading.endswith("label 'price' (a number: regression)")
    assert (data.classes, data.outputs, data.y_train.shape) == ((), 1, (150, 1))
    assert data.y_train.dtype == np.float32
    # float32 rounds each value by at most 2^-24 of its size
    assert abs(data.y_train.mean(dtype=np.float64)) < 2**-22
    assert data.guessing == pytest.approx(1.0, abs=2**-22)


def test_the_task_can_be_asked_for(tmp_path):
    path = target_file(tmp_path, "{:.0f}")
    assert load(path, task="regression").task == "regression"
    assert load(path).task == "classification"
    with pytest.raises(DataError, match="not whole numbers, so they look like a regression"):
        load(target_npz(tmp_path), task="classification")
    with pytest.raises(DataError, match="the labels are not all numbers, which regression needs"):
        load(write(tmp_path, FOUND["comma"][0]), task="regression")
    with pytest.raises(DataError, match="--task=guess must be one of"):
        load(path, task="guess")


def target_npz(folder: Path) -> str:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 3))
    np.savez(folder / "t.npz", x=x, y=x.sum(axis=1)[:, None])
    return str(folder / "t.npz")


def test_npz_targets_are_regression_too(tmp_path):
    data = load(target_npz(tmp_path))
    assert (data.task, data.y_test.shape) == ("regression", (20, 1))
    assert data.reading == "read t.npz: arrays x (80, 3) and y (80,) (a number: regression)"


def test_more_different_labels_than_classes_can_be_are_read_as_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_TEXTS", 20)
    monkeypatch.setattr(tables, "_CHUNK_BYTES", 400)
    path = target_file(tmp_path)
    few = tables.read_csv(Path(path))
    monkeypatch.undo()
    many = tables.read_csv(Path(path))
    assert few.classes is None
    assert many.classes is not None
    assert few.numbers.tolist() == many.numbers.tolist()
    assert few.x.tolist() == many.x.tolist()


def test_too_many_different_texts_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_TEXTS", 20)
    monkeypatch.setattr(tables, "_CHUNK_BYTES", 100)
    text = "u,v,k\n" + "".join(f"{i % 7},1.5,name{i}\n" for i in range(90))
    with pytest.raises(DataError, match="more than 20 different texts; name another"):
        load(write(tmp_path, text))


def test_regression_is_compared_from_end_to_end(tmp_path):
    data = load(target_file(tmp_path))
    few = Settings(("tanh",), (16, 12), epochs=30, lr=0.05, seeds=1)
    result = compare(data, parse("zero,xavier,normal:9"), few)
    zero, xavier, large = result.rows
    assert (zero.outcome, xavier.outcome) == ("stalled", "learned")
    assert str(zero.verdict) == "FAIL symmetry"
    assert str(xavier.verdict) == "OK"
    # the mean of the training samples explains nothing of the test samples
    assert abs(zero.score) < 0.05
    assert 0.9 < xavier.score <= 1.0
    assert large.score < xavier.score
    assert "test R2 on f.csv goes from" in headline(result)


def test_r2_is_one_minus_the_error_over_the_spread(tmp_path):
    data = load(target_file(tmp_path))
    few = Settings(("tanh",), (8,), epochs=3, seeds=1)
    (row,) = compare(data, parse("he"), few).rows
    from initcore.lab.comparison import build

    net = build(data.features, 1, "tanh", (8,), parse("he")[0])
    key = ic.Key(0) / "lab" / "compare"
    net.initialize(parse("he")[0].weight, key=key / "weights")
    net.fit(
        data.x_train,
        data.y_train,
        loss="mean_squared_error",
        optimizer=ic.SGD(few.lr),
        epochs=3,
        batch_size=few.batch_size,
        key=key / "batches",
    )
    error = np.square(net.predict(data.x_test) - data.y_test, dtype=np.float64).mean()
    spread = np.square(data.y_test, dtype=np.float64).mean()
    # the loss is added up in float32: 50 terms, each rounded to 2^-24
    assert row.score == pytest.approx(1 - error / spread, abs=100 * 2**-24)


def command(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "initcore", "compare", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_what_it_read_and_shows_a_regression(tmp_path):
    target_file(tmp_path)
    options = ("--init", "zero,xavier", "--activation", "tanh", "--depth", "2", "--seeds", "1")
    done = command(tmp_path, "--data", "f.csv", *options, "--json", "n.json", "--lr", "9e9")
    assert done.returncode == 0, done.stderr
    first = "read f.csv: ',' separated, header, 200 rows, label 'price' (a number: regression)"
    assert done.stdout.replace("\n", " ").startswith(first)
    assert "test R2" in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert "mean squared error as loss" in page
    assert "Read f.csv: &#x27;,&#x27; separated" in page
    assert " inf" not in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower()
    assert '"test_r2"' in (tmp_path / "n.json").read_text()


# Columns of unusual size


def scaled(column: np.ndarray) -> np.ndarray:
    """What becomes of one feature, in the order of the samples."""
    x = np.column_stack([column, np.arange(len(column))])
    data = split(RawData("d", x, np.arange(len(x)) % 2), test_share=0.25, key=ic.Key(0) / "s")
    order = np.argsort(np.concatenate([data.x_train[:, 1], data.x_test[:, 1]]))
    return np.concatenate([data.x_train[:, 0], data.x_test[:, 0]])[order]


WAVE = np.sin(np.arange(40.0))


@pytest.mark.parametrize("factor", [1e300, 1e-300, -1e300, 1e150])
@pytest.mark.filterwarnings("error")
def test_a_column_of_huge_or_tiny_numbers_is_scaled_like_any_other(factor):
    # one rounding to float32 and a few in float64
    np.testing.assert_allclose(scaled(WAVE * factor), np.sign(factor) * scaled(WAVE), atol=2**-22)


@pytest.mark.filterwarnings("error")
def test_a_column_close_together_far_from_zero_keeps_its_differences():
    whole = np.round(WAVE * 100)
    np.testing.assert_allclose(scaled(1.7e12 + whole), scaled(whole), atol=2**-22)
    np.testing.assert_allclose(scaled(-9e15 + whole), scaled(whole), atol=2**-22)
    assert not scaled(np.full(40, 1e6 + 0.1)).any()


def test_scaling_is_that_of_numpy_where_nothing_is_unusual(tmp_path):
    x = np.random.default_rng(0).normal(3.0, 2.0, (80, 5))
    data = split(RawData("d", x, np.arange(80) % 2), test_share=0.25, key=ic.Key(0) / "s")
    chosen = split(
        RawData("d", np.column_stack([x, np.arange(80)]), np.arange(80) % 2),
        test_share=0.25,
        key=ic.Key(0) / "s",
    )
    at = np.argsort(np.argsort(np.concatenate([chosen.x_train[:, 5], chosen.x_test[:, 5]])))[:60]
    train = x[at]
    expected = ((train - train.mean(axis=0)) / train.std(axis=0)).astype(np.float32)
    assert data.x_train.tobytes() == expected.tobytes()


# NPZ files


def npz(path: Path, **options) -> Path:
    rng = np.random.default_rng(0)
    np.savez_compressed(path, x=rng.standard_normal((40, 3)), y=np.arange(40) % 2)
    return path


def test_an_npz_with_flipped_bits_is_read_or_refused_in_one_line(tmp_path):
    path = npz(tmp_path / "a.npz")
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    messages = []
    for at in rng.integers(0, len(content), 400):
        damaged = bytearray(content)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            load(str(path))
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)


def patched(path: Path, at: int, value: int, size: str = "<H") -> None:
    """Change a field of every local and central header of an archive."""
    content = bytearray(path.read_bytes())
    for signature, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        place = content.find(signature)
        while place >= 0:
            struct.pack_into(size, content, place + shift + at, value)
            place = content.find(signature, place + 4)
    path.write_bytes(content)


def with_member(path: Path, member: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member)
        archive.writestr("y.npy", member)
    return path


def header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(99999, 99999)", "(-1, 3)", "(2**70,)", "3", "('a',)", "(40, 3)"]
)
def test_a_header_that_lies_is_refused_before_memory_is_taken(tmp_path, shape):
    path = with_member(tmp_path / "a.npz", header(shape) + b"\0" * 64)
    with pytest.raises(DataError, match="not a readable"):
        load(str(path))


def test_npz_of_other_kinds_are_one_line(tmp_path):
    encrypted = npz(tmp_path / "e.npz")
    patched(encrypted, 6, 1)
    unknown = npz(tmp_path / "u.npz")
    patched(unknown, 8, 99)
    text = with_member(tmp_path / "t.npz", b"no array at all")
    for path in (encrypted, unknown, text):
        with pytest.raises(DataError, match="not a readable") as caught:
            load(str(path))
        assert "\n" not in str(caught.value)
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 4)), y=np.zeros(0, int))
    with pytest.raises(DataError, match=r"x has shape \(0, 4\)"):
        load(str(tmp_path / "none.npz"))
    for name in ("a\0b.npz", "a\0b.csv"):
        with pytest.raises(DataError, match="embedded null byte"):
            load(str(tmp_path / name))


# Large files


def test_limits_hold_while_a_table_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "MAX_VALUES", 3000)
    monkeypatch.setattr(tables, "_CHUNK_BYTES", 1000)
    seen = []
    path = write(tmp_path, "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(100_000)))
    with pytest.raises(DataError, match="more than 3000 values"):
        load(path, progress=seen.append)
    assert seen[-1] < 10_000


@pytest.mark.parametrize("size", [1, 7, 50, 400, 10**9])
def test_the_pieces_in_which_a_table_is_read_do_not_show(tmp_path, monkeypatch, size):
    path = Path(write(tmp_path, FOUND["line breaks"][0]))
    whole = tables.read_csv(path)
    monkeypatch.setattr(tables, "_CHUNK_BYTES", size)
    found = tables.read_csv(path)
    assert found.x.tobytes() == whole.x.tobytes()
    assert found.labels.tolist() == whole.labels.tolist()


def test_progress_reaches_the_size_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_CHUNK_BYTES", 50)
    path = write(tmp_path, rows("^.5,%,@"))
    seen = []
    load(path, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == os.stat(path).st_size
    assert len(seen) > 3


def test_a_bar_is_shown_for_files_that_take_a_while(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(20 * 10**6)
    for size, shown in ((20 * 10**6, True), (10**6, False)):
        with path.open("r+b") as file:
            file.truncate(size)
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        with progress.reading_bar(str(path)) as bar:
            assert (bar is not None) is shown
            if bar is not None:
                bar(size // 2)
                bar(size)
        assert ("reading" in screen.getvalue()) is shown


def test_memory_stays_below_three_times_the_file(tmp_path):
    """Of 30,000 x 50 numbers of seven digits, beside what Python and NumPy take themselves."""
    path = tmp_path / "f.csv"
    x = np.random.default_rng(0).standard_normal((30_000, 50))
    np.savetxt(path, np.column_stack([x, np.arange(30_000) % 3]), fmt="%.6f", delimiter=",")
    code = (
        "import resource, sys\nfrom initcore.lab.datasets import load\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak()\nload(sys.argv[1])\nprint(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    # two chunks of text, with the objects of their lines, are there whatever the file's size
    assert int(done.stdout) < 3 * path.stat().st_size + 4 * tables._CHUNK_BYTES


# Fuzzed


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='01.5ea,;|\t "\n#-+Nx', max_size=120))
def test_any_text_is_read_or_refused_in_one_line(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        message = ""
        try:
            load(write(Path(folder), text))
        except DataError as error:
            message = str(error)
    assert "\n" not in message


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3)),
            st.floats(-9, 9, allow_nan=False).map(lambda v: round(v, 2)),
            st.text(alphabet="abXY ,;\"'|é", min_size=1, max_size=5).map(lambda s: f"L{s}x"),
        ),
        min_size=8,
        max_size=30,
    ),
)
def test_what_pythons_csv_module_writes_is_read_back(separator, titled, table):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=separator)
            if titled:
                writer.writerow(["first", "second", "third"])
            writer.writerows(table)
        found = tables.read_csv(path)
    assert found.x.tolist() == [list(row[:2]) for row in table]
    assert [found.classes[at] for at in found.labels] == [row[2] for row in table]
