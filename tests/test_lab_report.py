"""The page: one file, well formed, nothing outside its axes, nothing from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import initcore as ic
from initcore.lab.comparison import Comparison, Settings, compare
from initcore.lab.datasets import split
from initcore.lab.initializations import DEFAULT
from initcore.lab.raw import RawData
from initcore.lab.report import page, plots
from initcore.lab.report.svg import (
    BOTTOM,
    LABEL_GAP,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Plot,
    Series,
    Style,
    spread,
)

HOSTILE = "<img src=x onerror=alert(1)>&\"'"


STARTS = tuple(DEFAULT.values())


def run(name: str = "clouds", inits=STARTS, **changes) -> Comparison:
    rng = np.random.default_rng(11)
    labels = np.arange(120) % 3
    x = rng.normal(size=(120, 8)) + 2.0 * rng.normal(size=(3, 8))[labels]
    data = split(RawData(name, x, labels), test_share=0.25, key=ic.Key(0) / "split")
    settings = Settings(("relu", "tanh"), (16, 14, 12, 10, 9, 8, 8, 8), epochs=3, seeds=2)
    return compare(data, inits, replace(settings, **changes))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return run()


@pytest.fixture(scope="module")
def text(comparison) -> str:
    return page(comparison, "initcore compare")


def tree(text: str) -> ET.Element:
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def drawings(text: str) -> list[ET.Element]:
    """The plots: the drawings that have axes."""
    return [svg for svg in tree(text).iter("svg") if svg.find("path[@class='axis']") is not None]


def test_page_is_well_formed_and_small(text):
    root = tree(text)
    assert root.tag == "html"
    assert len(drawings(text)) == 8
    assert len(text.encode()) < 400_000


def test_default_size_stays_below_the_limit():
    """Three seeds and fifteen epochs of the default network, on random digits."""
    rng = np.random.default_rng(0)
    data = split(
        RawData("noise", rng.normal(size=(200, 64)), np.arange(200) % 10),
        test_share=0.25,
        key=ic.Key(0) / "split",
    )
    settings = replace(Settings(), epochs=1, seeds=1)
    short = page(compare(data, settings=settings))
    assert len(short.encode()) < 300_000  # fourteen more epochs are 8 x 2 more numbers each


def test_page_needs_nothing_from_elsewhere(text):
    assert "<script" not in text.lower()
    assert not re.search(r"https?:|//[a-z]|url\(|@import|src=", text)
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"\son[a-z]+=", text)


def test_no_attribute_is_nan_infinite_or_empty(text):
    for svg in tree(text).iter("svg"):
        for element in svg.iter():
            for name, value in element.attrib.items():
                assert value != "", (element.tag, name)
                assert not re.search(r"nan|inf", value, re.I), (element.tag, name, value)


def numbers(value: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", value)]


def test_every_point_is_inside_its_axes(text):
    checked = 0
    for svg in drawings(text):
        height = numbers(svg.attrib["viewBox"])[3]
        for line in (*svg.iter("polyline"), *svg.iter("polygon")):
            values = numbers(line.attrib["points"])
            for x, y in zip(values[::2], values[1::2], strict=True):
                assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
                assert TOP - 0.1 <= y <= height - BOTTOM + 0.1
                checked += 1
    assert checked > 500


def test_labels_at_the_ends_do_not_overlap(text):
    for svg in drawings(text):
        places = sorted(
            float(label.attrib["y"])
            for label in svg.iter("text")
            if label.attrib["class"].startswith("end ")
        )
        assert len(places) >= 6
        assert np.diff(places).min() >= LABEL_GAP - 0.2


def test_every_axis_is_labelled_with_its_unit(text):
    units = ("decades", "no unit", "nats", "number", "passes")
    for svg in drawings(text):
        labels = [t.text for t in svg.iter("text") if t.attrib["class"] == "label"]
        assert len(labels) == 2
        assert all(any(unit in label for unit in units) for label in labels), labels


def test_every_drawing_has_a_name_and_a_description(text):
    seen = set()
    for svg in drawings(text):
        assert svg.attrib["role"] == "img"
        for name, tag in zip(svg.attrib["aria-labelledby"].split(), ("title", "desc"), strict=True):
            element = svg.find(tag)
            assert element.attrib["id"] == name
            assert len(element.text) > 5
            assert name not in seen
            seen.add(name)


def test_curves_are_what_was_measured(comparison):
    row = comparison.section("relu")[-1]
    runs = [run.statistics for run in row.runs]
    look = plots.styles([row.name])
    for make, measured, reference in (
        (plots.signal_plot, [s.signal for s in runs], 0),
        (plots.gradient_plot, [s.gradient for s in runs], -1),
    ):
        expected = np.median([np.log10(m / m[reference]) for m in measured], axis=0)
        drawn = dict(make([row], look, "p").series[0].points)
        assert [drawn[i + 1.0] for i in range(9)] == pytest.approx(expected)
    means = np.median([s.mean[:-1] / s.activation_rms[:-1] for s in runs], axis=0)
    drawn = dict(plots.mean_plot([row], look, "p").series[0].points)
    assert [drawn[i + 1.0] for i in range(8)] == pytest.approx(means)
    losses = np.median([run.losses for run in row.runs], axis=0)
    drawn = dict(plots.loss_plot(comparison, [row], look, "p").series[0].points)
    assert [drawn[float(i)] for i in range(4)] == pytest.approx(np.log10(losses))


def test_scores_show_mean_and_range_of_the_accuracy(comparison, text):
    cells = [e for e in tree(text).iter("span") if e.attrib.get("class") == "accuracy"]
    assert len(cells) == len(comparison.rows)
    for cell, row in zip(cells, comparison.rows, strict=True):
        low, high = min(row.scores), max(row.scores)
        shown = "".join(cell.itertext())
        assert f"{100 * row.score:.1f} %" in shown
        assert f"({100 * low:.0f} to {100 * high:.0f})" in shown
        scale, bar = (numbers(path.attrib["d"]) for path in cell.iter("path"))
        left, right = scale[0], scale[2]
        at = [left + (right - left) * share for share in (low, high, row.score)]
        dot = float(cell.find("svg/circle").attrib["cx"])
        assert [bar[0], bar[2], dot] == pytest.approx(at, abs=0.06)


def test_status_is_a_shape_and_a_word(text):
    cells = [e for e in tree(text).iter("span") if e.attrib.get("class", "").startswith("verdict")]
    assert len(cells) == 16
    for cell in cells:
        assert cell.find("svg") is not None
        assert "".join(cell.itertext()).split()[0] in {"OK", "WARN", "FAIL"}


def test_names_are_escaped():
    hostile = replace(DEFAULT["he"], name=HOSTILE, rule=HOSTILE)
    text = page(run(HOSTILE, (hostile,), epochs=1, seeds=1), f"initcore compare --data {HOSTILE}")
    assert "<img" not in text
    assert HOSTILE in "".join(tree(text).itertext())


def test_equal_runs_give_equal_bytes(comparison, text):
    assert page(run(), "initcore compare") == text
    assert page(run(seeds=1), "initcore compare") != text


def test_page_names_command_version_seeds_and_data(comparison):
    text = page(comparison, "initcore compare --data clouds.csv")
    for fact in (
        "initcore compare --data clouds.csv",
        ic.__version__,
        np.__version__,
        comparison.dataset.digest,
        "seeds 0 to 1",
        comparison.dataset.split.split(",")[0],
    ):
        assert fact in text


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": (1,), "epochs": 1, "seeds": 1, "activations": ("sigmoid",)},
        {"widths": (6,) * 60, "epochs": 1, "seeds": 1, "activations": ("tanh",)},
        {"lr": 1e3, "epochs": 2, "seeds": 1, "activations": ("identity",)},
    ],
)
def test_unusual_runs_still_give_a_whole_page(changes):
    text = page(run(**changes))
    test_no_attribute_is_nan_infinite_or_empty(text)
    for svg in drawings(text):
        assert svg.find("title") is not None


def test_many_starts_make_the_plots_higher_and_keep_labels_apart():
    many = tuple(replace(DEFAULT["he"], name=f"he {i}") for i in range(30))
    text = page(run(inits=many, epochs=1, seeds=1, activations=("tanh",)))
    test_labels_at_the_ends_do_not_overlap(text)


# The writer


def simple_plot(points) -> Plot:
    axis = Axis(0.0, 10.0, [(0.0, "0"), (10.0, "10")], "x (number)")
    return Plot(
        "p",
        "title",
        "description",
        axis,
        Axis(-1.0, 1.0, [], "y (no unit)"),
        [Series("line", Style("ink"), points)],
    )


def test_lines_are_cut_where_they_leave_the_plot():
    plot = simple_plot([(0.0, 0.0), (5.0, 4.0), (10.0, -4.0)])
    svg = ET.fromstring(plot.render())
    lines = [numbers(line.attrib["points"]) for line in svg.iter("polyline")]
    assert len(lines) == 2
    top, bottom = plot.py(1.0), plot.py(-1.0)
    assert lines[0] == pytest.approx([plot.px(0), plot.py(0), plot.px(1.25), top], abs=0.06)
    # from 4 to -4 over 5 units of x: inside from x = 5 + 15/8 to 5 + 25/8
    assert lines[1] == pytest.approx([plot.px(6.875), top, plot.px(8.125), bottom], abs=0.06)


def test_points_that_are_no_numbers_are_left_out():
    svg = simple_plot([(0.0, 0.5), (5.0, float("nan")), (10.0, float("inf"))]).render()
    assert "polyline" not in svg
    assert svg.count("<circle") == 2  # the one point, and the marker of its label


@pytest.mark.parametrize("seed", range(20))
def test_spread_labels_are_ordered_apart_and_inside(seed):
    rng = np.random.default_rng(seed)
    wanted = rng.uniform(-20.0, 220.0, rng.integers(1, 14)).tolist()
    places = spread(wanted, 15.0, 0.0, 200.0)
    order = np.argsort(wanted, kind="stable")
    gaps = np.diff(np.array(places)[order])
    assert np.all(gaps >= 15.0 - 1e-9)
    assert min(places) >= 0.0
    assert max(places) <= 200.0 + 1e-9


def test_spread_leaves_labels_alone_that_do_not_touch():
    assert spread([10.0, 50.0, 90.0], 15.0, 0.0, 100.0) == [10.0, 50.0, 90.0]
    assert spread([50.0, 50.0], 10.0, 0.0, 100.0) == [45.0, 55.0]
    assert spread([], 10.0, 0.0, 100.0) == []


def test_colors_have_contrast_in_both_themes():
    """Text at 4.5 to 1, lines at 3 to 1 against the card they are drawn on."""
    css = (Path(plots.__file__).parent / "style.css").read_text()
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))
        for part in css.split("@media (prefers-color-scheme: dark)", 1)
    )

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for theme in (light, dark):
        for name in (
            "ink",
            "soft",
            "ok",
            "warn",
            "fail",
            "blue",
            "vermilion",
            "green",
            "purple",
            "sky",
            "brown",
        ):
            needed = 3.0 if name in {"vermilion", "sky"} else 4.5
            for ground in ("paper", "card"):
                assert contrast(theme[name], theme[ground]) >= needed, (name, ground)


# In a browser


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium on this machine; the page's layout is not checked")


@pytest.mark.parametrize("width", [400, 1280])
def test_page_fits_the_window_in_a_browser(text, tmp_path, width):
    """A copy with a script added reports what sticks out, from inside the browser."""
    browser = chromium()
    probe = """<script>addEventListener('load', () => {
      const page = document.documentElement, out = [];
      for (const e of document.querySelectorAll('body *')) {
        const box = e.getBoundingClientRect();
        if (box.width && box.right > page.clientWidth + 0.5 && !e.closest('.scroll'))
          out.push(e.tagName + '.' + (e.className.baseVal ?? e.className));
      }
      for (const svg of document.querySelectorAll('.plots svg')) {
        const frame = svg.getBoundingClientRect();
        for (const t of svg.querySelectorAll('text')) {
          const box = t.getBoundingClientRect();
          if (box.left < frame.left - 0.5 || box.right > frame.right + 0.5
              || box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5)
            out.push('text ' + t.textContent);
        }
      }
      document.body.dataset.found = JSON.stringify(
        {width: page.clientWidth, scroll: page.scrollWidth, out});
    })</script></body>"""
    copy = tmp_path / "page.html"
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    # a frame of the wanted width: a window of a desktop browser cannot be 400 pixels narrow
    copy.write_text(policy.sub("", text).replace("</body>", probe))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<body style="margin:0"><iframe src="page.html" style="border:0;width:{width}px;'
        'height:900px"></iframe><script>addEventListener("load", () => setTimeout(() => {'
        "document.body.dataset.found = document.querySelector('iframe').contentDocument.body"
        ".dataset.found }, 50))</script></body>"
    )
    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--hide-scrollbars",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=3000",
            "--allow-file-access-from-files",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1400,1000",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # a sanitizer that this process was started with does not go into the browser
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-500:]
    result = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert result["width"] == width
    assert result["scroll"] <= width
    assert result["out"] == []
