"""The benchmark of whole models: its shapes, its check before timing, and how it is judged."""

import json
import math

import pytest

from bench import memory, models, shapes
from bench.targets import MODELS
from initcore._bench import judge, peers
from initcore.initializers import Normal, TruncatedNormal

NOTHING = judge.Effort(0.0, 0.0)


@pytest.mark.parametrize(
    ("make", "elements", "tensors"),
    [
        # as torchvision, transformers and timm count their parameters
        (shapes.resnet50, 25_557_032, 161),
        (shapes.gpt2_xl, 1_557_611_200, 580),
        (shapes.vit_b16, 86_567_656 - 2 * 768, 150),  # without class token and patches' bias
        (shapes.llama_7b_layers, 2 * 202_383_360, 18),
    ],
)
def test_the_shapes_are_those_of_the_published_models(make, elements, tensors):
    found = list(make())
    assert len({name for name, _, _ in found}) == len(found) == tensors
    assert sum(math.prod(shape) for _, shape, _ in found) == elements


def test_every_model_has_a_target():
    assert set(models.CASES) == set(MODELS)


def small():
    yield "a.weight", (64, 300), "weight"
    yield "a.bias", (64,), "bias"
    yield "norm.weight", (64,), "scale"
    yield "norm.bias", (64,), "shift"


@pytest.fixture(params=["normal", "truncated"])
def small_models(request, monkeypatch):
    pytest.importorskip("torch")
    law = Normal(std=0.02) if request.param == "normal" else TruncatedNormal(std=0.02)
    monkeypatch.setitem(models.CASES, "small", models.Case(small, law))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_both_libraries_are_checked_and_timed_on_the_same_tensors(small_models, dtype):
    found = models.work("small", dtype, NOTHING)
    assert (found["elements"], found["tensors"]) == (64 * 303, 4)
    assert len(found["pairs"]["ours"]) == len(found["pairs"]["peer"]) >= 7


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("fault", [0.01, math.nan])
def test_tensors_of_another_law_are_never_timed(small_models, monkeypatch, at, fault):
    right = models.write

    def wrong(pairs):
        right(pairs)
        pairs[min(at, len(pairs) - 1)][1][...] += fault

    monkeypatch.setattr(models, "write", wrong)
    monkeypatch.setattr(judge, "measure", lambda *_: pytest.fail("timed"))
    with pytest.raises(AssertionError, match="small-float32: initcore is wrong: "):
        models.work("small", "float32", NOTHING)


def test_torch_is_checked_too(small_models, monkeypatch):
    import torch

    monkeypatch.setattr(torch.nn.init, "ones_", torch.nn.init.zeros_)
    with pytest.raises(AssertionError, match=r"torch is wrong: norm\.weight: not 1\.0"):
        models.work("small", "float32", NOTHING)


def answer(peer, rise):
    pairs = {"ours": [1.0] * 7, "peer": [peer] * 7}
    machine = {"cpu": "c", "isa": "avx2", "threads": 2}
    return {"machine": machine, "elements": 10**9, "tensors": 9, "rise": rise, "pairs": pairs}


@pytest.mark.parametrize(
    ("peer", "rise", "code"), [(7.0, 2**20, 0), (6.0, 2**20, 1), (7.0, 2**26, 1)]
)
def test_a_model_is_judged_over_three_processes(monkeypatch, capsys, tmp_path, peer, rise, code):
    asked = []

    def process(request):
        asked.append(request)
        return answer(peer, rise if len(asked) == 2 else 0)  # the highest rise counts

    monkeypatch.setattr(models.processes, "process", process)
    monkeypatch.setattr(peers, "installed", lambda: ["torch"])
    file = tmp_path / "rows.json"
    assert models.main(["--model", "resnet50", "--json", str(file)]) == code
    assert len(asked) == judge.PROCESSES
    text = capsys.readouterr().out
    assert f"{peer:.2f} ({peer:.2f} to {peer:.2f}) times torch's speed, at least 6.5: " in text
    assert f"peak of memory + {rise / 2**20:.1f} MiB" in text
    (row,) = json.loads(file.read_text())
    assert row["case"] == "resnet50-float32"
    assert row["met"] is (code == 0)


def test_without_torch_there_is_nothing_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(peers, "installed", list)
    assert models.main([]) == 3
    assert "not installed" in capsys.readouterr().err


def test_the_peak_of_memory_rises_with_what_is_touched():
    before = memory.peak()
    touched = b"\1" * (before + 2**24)
    assert memory.peak() - before > 2**23
    del touched


@pytest.mark.slow
def test_a_process_measures_a_model():
    if "torch" not in peers.installed():
        pytest.skip("torch is not installed")
    row = models.measure("resnet50", "float32", threads=1, quick=True)
    assert row["elements"] == 25_557_032
    assert row["ratio"]["median"] > 1.0
    assert 0 <= row["rise"] < 2**26
