"""The benchmark of calls: what is written is checked before it is timed, and how it is judged."""

import json

import pytest

from bench import calls
from initcore._bench import peers


@pytest.fixture(autouse=True)
def torch_is_there():
    pytest.importorskip("torch")


@pytest.mark.parametrize("name", calls.CASES)
def test_a_model_is_checked_and_its_figures_are_those_of_one_tensor(name, monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(calls.time, "process_time", lambda: next(ticks) * 1e-3)
    row = calls.measure(name, 2)
    assert row["tensors"] == {"resnet50-narrow": 320, "vit-b-narrow": 144}.get(name, 1000)
    # every call takes a tick, of which the fill takes one as well
    assert row["write_us"] == pytest.approx(0, abs=1e-6)
    assert row["first_us"] == pytest.approx(0, abs=1e-6)
    assert row["fill_us"] == pytest.approx(1e3 / row["tensors"])


def test_a_wrong_result_is_never_timed(monkeypatch):
    from initcore.interop.torch import Prepared

    right = Prepared.write

    def wrong(self, key=None):
        right(self, key if key is None else 0)

    monkeypatch.setattr(Prepared, "write", wrong)
    monkeypatch.setattr(calls, "_seconds", lambda _: pytest.fail("timed"))
    with pytest.raises(AssertionError, match=r"0\.weight differs"):
        calls.measure("500-linear")


@pytest.mark.parametrize(("write", "code"), [(0.9, 0), (1.1, 1)])
def test_a_row_above_a_microsecond_is_missed(write, code, monkeypatch, capsys, tmp_path):
    seconds = iter([0.001, 0.001 + write * 1e-3, 0.003, 0.02])  # fill, write, torch, first
    monkeypatch.setattr(calls, "_seconds", lambda _: next(seconds))
    monkeypatch.setattr(calls, "RUNS", 1)
    file = tmp_path / "rows.json"
    assert calls.main(["--case", "500-linear", "--json", str(file)]) == code
    text = capsys.readouterr().out
    assert f"first call 19.0, prepared {write:.2f} (under 1: {'missed' if code else 'met'})" in text
    (row,) = json.loads(file.read_text())["rows"]
    assert row["met"] is (code == 0)


def test_without_torch_there_is_nothing_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(peers, "installed", list)
    assert calls.main([]) == 3
    assert "not installed" in capsys.readouterr().err
