"""`initcore compare`: paired runs, the table, the numbers and the exit codes."""

import argparse
import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import initcore as ic
from initcore.lab import command
from initcore.lab.cells import factor, quantity
from initcore.lab.comparison import Comparison, Settings, compare, default_widths
from initcore.lab.datasets import Dataset, split
from initcore.lab.initializations import DEFAULT, InitializationError, parse
from initcore.lab.raw import RawData
from initcore.lab.results import to_dict, to_json
from initcore.lab.table import render
from initcore.lab.words import findings, headline, verdict_sentence

TINY = Settings(activations=("relu", "tanh"), widths=(16, 14, 12, 10), epochs=3, seeds=2)


def small_data(samples: int = 120, name: str = "clouds") -> Dataset:
    rng = np.random.default_rng(11)
    labels = np.arange(samples) % 3
    x = rng.normal(size=(samples, 8)) + 2.0 * rng.normal(size=(3, 8))[labels]
    return split(RawData(name, x, labels), test_share=0.25, key=ic.Key(0) / "split")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(small_data(), settings=TINY)


@pytest.fixture
def csv_file(tmp_path: Path) -> str:
    rng = np.random.default_rng(2)
    rows = ["a,b,c,kind"]
    for i in range(60):
        a, b, c = rng.normal(i % 3, 0.3, 3)
        rows.append(f"{a:.4f},{b:.4f},{c:.4f},{'xyz'[i % 3]}")
    path = tmp_path / "shapes.csv"
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def run_quick(csv_file: str, *options: str) -> int:
    """One small network for one epoch; later options win."""
    quick = ("--init", "he", "--widths", "4", "--depth", "2", "--epochs", "1", "--seeds", "1")
    return run_command("--data", csv_file, *quick, *options)


def run_command(*options: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(option) for option in options]))


def test_default_widths_are_not_constant_and_fall():
    for depth in (1, 2, 8, 20):
        widths = default_widths(depth)
        assert len(widths) == depth
        assert list(widths) == sorted(widths, reverse=True)
    assert default_widths(8)[0] == 64
    assert default_widths(8)[-1] == 32


def test_rows_come_in_the_order_asked_for(comparison):
    names = [(row.activation, row.name) for row in comparison.rows]
    assert names == [(a, name) for a in ("relu", "tanh") for name in DEFAULT]
    assert [run.seed for run in comparison.rows[0].runs] == [0, 1]


def test_result_does_not_depend_on_the_number_of_workers(comparison):
    alone = compare(small_data(), settings=TINY, workers=1)
    assert to_json(alone, "x") == to_json(comparison, "x")


def test_every_start_sees_the_same_batches(monkeypatch):
    keys: dict[str, set] = {}
    fit = ic.Sequential.fit

    def watched(self, *args, key, **options):
        keys.setdefault(repr(self.layers[0].bias_init) + str(key.seed), set()).add(key)
        return fit(self, *args, key=key, **options)

    monkeypatch.setattr(ic.Sequential, "fit", watched)
    compare(small_data(), parse("torch,he"), TINY, workers=1)
    seen = [keys[name] for name in sorted(keys)]
    assert len(seen) == 4  # two starts and two seeds
    assert all(len(found) == 1 for found in seen)
    assert len(set.union(*seen)) == 2  # the key depends on the seed alone


def test_each_network_trains_on_one_kernel_thread(monkeypatch):
    seen = set()
    fit = ic.Sequential.fit

    def watched(self, *args, **options):
        seen.add(ic.get_num_threads())
        return fit(self, *args, **options)

    monkeypatch.setattr(ic.Sequential, "fit", watched)
    with ic.num_threads(3):
        compare(small_data(), parse("he"), TINY, workers=2)
    assert seen == {1}


def test_zero_and_constant_have_one_distinct_unit_before_and_after(comparison):
    for row in comparison.rows:
        if row.name in {"zero", "constant"}:
            assert str(row.verdict) == "FAIL symmetry"
            assert [run.distinct_after for run in row.runs] == [1, 1]
        elif row.outcome != "diverged":
            # the same layer as before: the first one where all units differ
            assert all(run.distinct_after == 16 for run in row.runs)


def test_progress_counts_every_network():
    calls = []
    compare(
        small_data(),
        parse("zero,he"),
        TINY,
        progress=lambda done, total, what: calls.append((done, total, what)),
    )
    assert [done for done, _, _ in calls] == list(range(1, 9))
    assert {total for _, total, _ in calls} == {8}
    assert {what for _, _, what in calls} == {"zero, relu", "he, relu", "zero, tanh", "he, tanh"}


# Initializations


def test_names_of_initializations():
    assert [item.name for item in parse("all")] == list(DEFAULT)
    chosen = parse("he, constant:0.5,normal:1e-3,uniform:2,xavier_uniform")
    assert chosen[1].weight == ic.Constant(0.5)
    assert chosen[2].weight == ic.Normal(std=1e-3)
    assert chosen[3].weight == ic.Uniform(low=-2.0, high=2.0)
    assert chosen[4].weight == ic.XavierUniform()


@pytest.mark.parametrize(
    "text",
    ["", "hee", "normal:x", "normal:0", "normal:nan", "constant:", "constant:inf", "he:2", "he,he"],
)
def test_bad_names_of_initializations(text):
    with pytest.raises(InitializationError, match="--init"):
        parse(text)


def test_torch_default_has_the_variance_of_its_rule():
    start = DEFAULT["torch"]
    w = start.weight((200, 300), key=ic.Key(1) / "w")
    b = start.bias_init(300)((60000,), key=ic.Key(1) / "b")
    bound = 1.0 / math.sqrt(300.0)
    for values in (w, b):
        # the square of a uniform number has relative standard deviation sqrt(0.8)
        allowed = 4.0 * math.sqrt(0.8 / values.size)
        assert abs(np.mean(np.square(values, dtype=np.float64)) * 900.0 - 1.0) < allowed
        assert np.abs(values).max() <= np.float32(bound)


# The table


def lines_of_table(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_table_shows_every_start_with_word_and_number(comparison):
    text = render(comparison)
    for name in DEFAULT:
        assert len(re.findall(rf"^{name} ", text, re.M)) == 2
    assert "✗ FAIL symmetry" in text
    assert "1/16" in text
    assert "ln 3 = 1.10" in text


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 50])
def test_table_shortens_titles_then_drops_columns_from_the_right(comparison, width):
    full = lines_of_table(render(comparison))
    narrow = lines_of_table(render(comparison, width=width))
    assert max(map(len, narrow)) <= width
    assert [line.split()[0] for line in narrow] == [line.split()[0] for line in full]
    cells, kept = (re.split(r"\s{2,}", lines[2]) for lines in (full, narrow))
    assert kept == cells[: len(kept)]
    assert len(kept) >= {200: 10, 120: 10, 100: 9, 80: 6, 60: 4, 50: 3}[width]


def test_table_shows_mean_and_range_over_the_seeds(comparison):
    lines = lines_of_table(render(comparison))
    for row in comparison.rows:
        low, high = min(row.scores), max(row.scores)
        shown = f"{row.score:.3f} ({low:.2f}-{high:.2f})"
        assert any(line.startswith(f"{row.name} ") and shown in line for line in lines)


def test_table_in_ascii_and_color(comparison):
    text = render(comparison, ascii=True)
    assert text.isascii()
    assert "x FAIL symmetry" in text
    colored = render(comparison, color=True)
    assert re.sub(r"\x1b\[\d+m", "", colored) == render(comparison)
    assert "\x1b" in colored
    assert "\x1b" not in render(comparison)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2.3026, "2.30"),
        (0.00123, "0.00123"),
        (1.2e9, "1.2e9"),
        (math.nan, "–"),
        (-3.4e-12, "-3.4e-12"),
        (9999.0, "9999"),
        (0.05, "0.0500"),
    ],
)
def test_quantities_are_short(value, text):
    assert quantity(value) == text


def test_factors_are_short():
    assert [factor(v) for v in (0.0, 0.0004, 0.04, 0.92, 12.3, math.nan, math.inf)] == [
        "×0",
        "×4e-04",
        "×0.040",
        "×0.92",
        "×12.3",
        "–",
        "–",
    ]


# The sentences


def test_sentences_follow_the_run(comparison):
    best = max(comparison.rows, key=lambda row: row.score)
    worst = min(comparison.rows, key=lambda row: row.score)
    text = headline(comparison)
    assert f"{100 * best.score:.1f} %" in text
    assert f"{100 * worst.score:.1f} %" in text
    heads = [head for head, _ in findings(comparison.section("relu"), comparison.dataset)]
    assert "Equal units stay equal" in heads


def test_a_run_in_which_all_starts_do_well_says_so():
    easy = compare(small_data(), parse("he,glorot"), Settings(("tanh",), (12,), epochs=12, seeds=1))
    assert min(row.score for row in easy.rows) > 0.9
    assert "forgives" in headline(easy)
    assert findings(easy.rows, easy.dataset)[0][0] == "A scale that fits keeps both"
    assert verdict_sentence(easy).endswith("two of the two judged OK.")


# JSON


def test_json_holds_every_number_and_is_strict(comparison):
    record = json.loads(to_json(comparison, "initcore compare"), parse_constant=pytest.fail)
    assert len(record["rows"]) == 16
    row = record["rows"][0]
    assert row["initialization"] == "zero"
    assert row["runs"][0]["distinct_units"] == 1
    assert row["runs"][0]["signal_decades"] is None  # no signal, no change of it
    assert len(row["runs"][0]["layers"]["signal"]) == 5
    assert len(row["runs"][0]["losses"]) == 4
    assert record["data"]["training_samples"] == 90
    assert record == to_dict(comparison, "initcore compare")


# The command


def test_command_writes_page_and_numbers(csv_file, tmp_path, capsys):
    out, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    code = run_command(
        "--data",
        csv_file,
        "--target",
        "kind",
        "--init",
        "zero,he",
        "--widths",
        "8,6",
        "--epochs",
        "2",
        "--seeds",
        "1",
        "--out",
        out,
        "--json",
        numbers,
        "--activation",
        "tanh",
    )
    captured = capsys.readouterr()
    assert code == 0
    assert captured.err == ""
    assert "45 training and 15 test samples" in captured.out
    record = json.loads(numbers.read_text())
    assert record["data"]["classes"] == ["x", "y", "z"]
    assert record["settings"]["widths"] == [8, 6]
    assert record["command"] in out.read_text().replace("&#x27;", "'")
    assert record["command"].startswith("initcore compare --data")
    assert "--out" not in record["command"]


def test_json_on_standard_output_moves_the_table_to_standard_error(csv_file, capsys):
    assert run_quick(csv_file, "--out", "none", "--json", "-") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["settings"]["widths"] == [4, 4]
    assert "test accuracy" in captured.err


def test_depth_alone_keeps_the_default_funnel(csv_file, capsys):
    options = ("--init", "he", "--depth", "3", "--epochs", "1", "--seeds", "1", "--out", "none")
    assert run_command("--data", csv_file, *options, "--json", "-", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["settings"]["widths"] == [64, 45, 32]


def test_a_strange_instruction_set_is_bad_use(csv_file):
    done = subprocess.run(
        [sys.executable, "-m", "initcore", "compare", "--data", csv_file, "--out", "none"],
        env=dict(os.environ, INITCORE_ISA="abacus"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("initcore compare: INITCORE_ISA='abacus'")
    assert len(done.stderr.splitlines()) == 1


def test_control_signs_in_names_reach_neither_terminal_nor_page(csv_file, tmp_path, capsys):
    strange = tmp_path / "a\x1b[31m\x01.csv"
    strange.write_text(Path(csv_file).read_text())
    assert run_quick(str(strange), "--out", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert "\x1b" not in capsys.readouterr().out + page
    assert "\x01" not in page


def test_quiet_prints_nothing(csv_file, capsys):
    assert run_quick(csv_file, "--out", "none", "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_default_page_replaces_no_strange_file(csv_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_quick(csv_file, "--quiet") == 0
    assert run_quick(csv_file, "--quiet") == 0  # its own page may be replaced
    Path("report.html").write_text("<p>somebody's own")
    assert run_quick(csv_file, "--quiet") == 2
    assert "was not written by initcore" in capsys.readouterr().err
    assert Path("report.html").read_text() == "<p>somebody's own"


@pytest.mark.parametrize(
    "options",
    [
        ("--data", "mnist"),
        ("--data", "missing.csv"),
        ("--init", "hee"),
        ("--activation", "swish2"),
        ("--activation", ""),
        ("--activation", "relu,relu"),
        ("--widths", "a,b"),
        ("--widths", "0"),
        ("--widths", "8,8", "--depth", "3"),
        ("--depth", "0"),
        ("--epochs", "0"),
        ("--lr", "nan"),
        ("--lr", "-1"),
        ("--seeds", "0"),
        ("--seeds", "1000"),
        ("--out", "missing/folder/page.html"),
        ("--json", "."),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(options, csv_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = () if options[0] == "--data" else ("--data", csv_file)
    assert run_command(*data, *options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("initcore compare: --")
    assert list(tmp_path.glob("*.html")) == []


def test_ascii_stream_gets_ascii(csv_file, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert run_quick(csv_file, "--init", "zero", "--out", "none") == 0
    text = raw.getvalue().decode("ascii")
    assert "x FAIL symmetry" in text
    assert "?" not in text


def test_columns_of_the_terminal_are_respected(csv_file, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "70")
    assert run_quick(csv_file, "--init", "zero,he", "--out", "none") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 70


def test_plain_progress_without_rich(monkeypatch):
    from initcore.lab.progress import progress_bar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setitem(sys.modules, "rich.console", None)
    stream = Terminal()
    with progress_bar(4, stream=stream) as update:
        update(1, 4, "he, relu")
    assert "1/4 he, relu" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")
    for quiet, hidden in ((True, Terminal()), (False, io.StringIO())):
        with progress_bar(4, quiet=quiet, stream=hidden) as update:
            assert update is None
        assert hidden.getvalue() == ""


@pytest.mark.slow
def test_the_default_run_shows_what_it_promises():
    """The figures of the notes' lesson, on the real digits."""
    pytest.importorskip("sklearn")
    from initcore.lab.datasets import load

    rows = {(row.activation, row.name): row for row in compare(load("digits")).rows}
    for activation in ("relu", "tanh"):
        for name in ("zero", "constant"):
            runs = rows[activation, name].runs
            assert {run.statistics.evidence.distinct for run in runs} == {1}
            assert {run.distinct_after for run in runs} == {1}
        for name in ("zero", "constant", "too-small", "too-large", "torch"):
            assert rows[activation, name].verdict.level.name == "FAIL"
        for name in ("too-small", "too-large"):
            assert rows[activation, name].score < 0.5
    assert rows["relu", "he"].score >= 0.93
    assert rows["tanh", "xavier"].score >= 0.95
    assert str(rows["relu", "he"].verdict) == str(rows["tanh", "xavier"].verdict) == "OK"
    assert str(rows["relu", "xavier"].verdict) == "WARN fading"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("constant:1e39", "must be finite in float32"),
        ("normal:1e300", "must be finite in float32"),
        ("uniform:1e39", "must be finite in float32"),
        ("delta_orthogonal", "not a convolution"),
        ("forget_bias", "must have one axis"),
        ("hippo_leg_s", "must be square"),
        ("step_bias", "must have one axis"),
        ("chrono", "needs (missing 1 required positional argument: 'longest')"),
        ("class_prior", "'counts'"),
        ("wang_init", "'width' and 'n_layers'"),
    ],
)
def test_a_start_that_cannot_fill_the_layers_is_one_line(csv_file, capsys, name, says):
    assert run_quick(csv_file, "--init", f"he,{name}", "--out", "none") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"initcore compare: --init={name}")
    assert says in error
    assert error.count("\n") == 1


def run_of(data: Dataset, starts: str, **settings) -> Comparison:
    chosen = {"activations": ("tanh",), "widths": (12,), "epochs": 2, "seeds": 1}
    return compare(data, parse(starts), Settings(**(chosen | settings)))


def test_sentences_are_true_of_one_start():
    one = run_of(small_data(), "he", epochs=12)
    assert headline(one).startswith("On clouds, he with tanh ends with a test accuracy of ")
    assert "brought the loss to a quarter" in headline(one)
    assert verdict_sentence(one).endswith("for the one judged OK.")
    text = " ".join(sentence for _, sentence in findings(one.rows, one.dataset))
    assert "whatever the start" not in text
    assert "There is one hidden layer" in text
    bad = run_of(small_data(), "zero")
    assert "training stalled" in headline(bad)
    assert verdict_sentence(bad).endswith(
        "of no network to a quarter of that of guessing, or below."
    )


def test_only_networks_that_learned_forgive_their_start():
    none = run_of(small_data(), "zero,constant:0")
    assert headline(none).endswith(", and none of them has learned.")
    assert "forgives" not in headline(none)
    activations = run_of(small_data(), "he", activations=("tanh", "relu"), epochs=40)
    assert all(row.outcome == "learned" for row in activations.rows)
    assert "forgives" not in headline(activations)


def test_rare_classes_are_not_learned_by_naming_the_common_one():
    rng = np.random.default_rng(0)
    labels = (np.arange(400) % 50 == 0).astype(int)
    data = split(RawData("rare", rng.normal(size=(400, 5)), labels), test_share=0.25, key=ic.Key(0))
    result = run_of(data, "zero,normal:0.001", epochs=10)
    assert [row.outcome for row in result.rows] == ["stalled", "stalled"]
    assert min(row.score for row in result.rows) > 0.95
    assert "Naming the most common class every time gives 98.0 %." in headline(result)
    assert "none of them has learned" in headline(result)


def test_a_run_that_diverges_says_at_which_step(comparison):
    record = to_dict(comparison, "x")["rows"]
    for row, found in zip(comparison.rows, record, strict=True):
        assert found["runs"][0]["diverged_step"] == row.runs[0].diverged_step
    wild = run_of(small_data(), "normal:9", activations=("relu",), widths=(16, 14, 12), lr=50.0)
    (row,) = wild.rows
    assert row.outcome == "diverged"
    assert row.runs[0].diverged_step is not None
    text = " ".join(sentence for _, sentence in findings(wild.rows, wild.dataset))
    assert f"no number at all at step {row.runs[0].diverged_step}" in text
