"""Files of networks: a run that goes on from one has the bytes of one that was never stopped."""

import json
import math
import signal
import subprocess
import sys

import numpy as np
import pytest

import initcore as ic
from initcore.training import checkpoint, schedules

safetensors = pytest.importorskip("safetensors.numpy", reason="needs initcore[scale]")

N, N_IN, CLASSES = 53, 6, 4


def make(dtype=np.float32, seed=0):
    net = ic.Sequential(ic.Dense(N_IN, 12, "tanh"), ic.Dense(12, CLASSES, name="out"))
    net.initialize(key=ic.Key(seed), dtype=dtype)
    return net


def data(dtype=np.float32, n=N):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, N_IN)).astype(dtype), rng.integers(0, CLASSES, n)


def fit(net, epochs, **options):
    settings = {"optimizer": ic.SGD(0.1, 0.9), "batch_size": 8, "key": ic.Key(1)}
    return net.fit(*data(net.layers[0].w.dtype), epochs=epochs, **(settings | options))


def weights(net):
    return b"".join(array.tobytes() for array in (net.parameters() | net.state()).values())


OPTIMIZERS = [
    ic.SGD(0.1),
    ic.SGD(schedules.Cosine(0.1, steps=28), 0.9, rates={"out": 0.5}),
    ic.RMSProp(0.01, momentum=0.5),
    ic.Adam(0.01),
    ic.AdamW(0.01, clip_norm=0.5),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_run_resumed_from_a_file_continues_bit_for_bit(tmp_path, optimizer, dtype):
    whole, start = make(dtype), make(dtype)
    history = fit(whole, 4, optimizer=optimizer, validation=data(dtype, 9))
    fit(start, 2, optimizer=optimizer, validation=data(dtype, 9))
    start.save(tmp_path / "run.safetensors")
    other = make(dtype, seed=9)
    other.load(tmp_path / "run.safetensors")
    resumed = fit(other, 4, optimizer=optimizer, validation=data(dtype, 9), resume=True)
    assert weights(other) == weights(whole)
    assert json.dumps(resumed.to_dict()) == json.dumps(history.to_dict())
    # and in one process
    fit(start, 4, optimizer=optimizer, validation=data(dtype, 9), resume=True)
    assert weights(start) == weights(whole)


def test_layers_with_state_of_their_own_are_resumed_too(tmp_path):
    def network():
        net = ic.Sequential(
            ic.Dense(N_IN, 8), ic.BatchNorm(8), ic.Dropout(0.3), ic.Dense(8, CLASSES)
        )
        net.initialize(key=0)
        return net

    whole, start, other = network(), network(), network()
    fit(whole, 4)
    fit(start, 2)
    start.save(tmp_path / "run")
    other.load(tmp_path / "run")
    fit(other, 4, resume=True)
    assert weights(other) == weights(whole)


def test_a_callback_keeps_a_run_that_is_cut_off(tmp_path):
    path = tmp_path / "run"
    whole, cut, other = make(), make(), make()
    fit(whole, 5)

    def keep(epoch, history):
        cut.save(path)
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(cut, 5, callback=keep)
    other.load(path)
    assert other.history.epochs == 3
    fit(other, 5, resume=True)
    assert weights(other) == weights(whole)


SAVES_TWICE = """
import os, signal, sys
import initcore as ic
from initcore.training import checkpoint
net = ic.Sequential(ic.Dense(6, 12), ic.Dense(12, 4, name="out"))
net.initialize(key=0)
net.save(sys.argv[1])
setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
net.layers[0].w[...] = 7
net.save(sys.argv[1])
"""


@pytest.mark.parametrize("call", ["fdopen", "fsync", "replace"])
def test_kill_9_during_save_leaves_the_old_file_whole(tmp_path, call):
    path = tmp_path / "net"
    done = subprocess.run([sys.executable, "-c", SAVES_TWICE, str(path), call], check=False)
    assert done.returncode == -signal.SIGKILL
    net = ic.Sequential(ic.Dense(6, 12), ic.Dense(12, 4, name="out"))
    net.initialize(key=0)
    before = weights(net)
    net.load(path)
    assert weights(net) == before


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    net = make()
    net.save(tmp_path / "net")
    content = (tmp_path / "net").read_bytes()

    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    net.layers[0].w[...] = 7
    with pytest.raises(OSError, match="no space"):
        net.save(tmp_path / "net")
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
    assert (tmp_path / "net").read_bytes() == content


def test_the_file_is_an_ordinary_safetensors_file_that_says_its_compute_version(tmp_path):
    net = make()
    net.save(tmp_path / "net")
    found = safetensors.load_file(tmp_path / "net")
    assert list(found) == sorted(net.parameters())
    assert np.array_equal(found["out.weight"], net.layers[1].w)
    from safetensors import safe_open

    with safe_open(tmp_path / "net", framework="np") as file:
        assert json.loads(file.metadata()["initcore"])["compute"] == 1


def test_tensors_that_others_wrote_can_be_loaded(tmp_path):
    net, other = make(), make(seed=5)
    safetensors.save_file(dict(other.parameters()), tmp_path / "net")
    net.load(tmp_path / "net")
    assert weights(net) == weights(other)
    with pytest.raises(RuntimeError, match="no run to go on with"):
        fit(net, 3, resume=True)


def test_a_file_of_another_network_is_refused_and_changes_nothing(tmp_path):
    net = make()
    before = weights(net)
    safetensors.save_file({"0.weight": np.zeros((12, N_IN), np.float32)}, tmp_path / "few")
    with pytest.raises(ValueError, match=r"has no '0\.bias'"):
        net.load(tmp_path / "few")
    wide = ic.Sequential(ic.Dense(N_IN, 13), ic.Dense(13, CLASSES, name="out"))
    wide.initialize(key=0)
    wide.save(tmp_path / "wide")
    with pytest.raises(ValueError, match=r"'0\.weight' of shape \(13, 6\)"):
        net.load(tmp_path / "wide")
    arrays = {name: np.asarray(a) for name, a in net.parameters().items()}
    later = {"initcore": json.dumps({"format": 1, "compute": 2})}
    safetensors.save_file(arrays, tmp_path / "later", later)
    with pytest.raises(ValueError, match="compute v2"):
        net.load(tmp_path / "later")
    assert weights(net) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": ic.SGD(0.2, 0.9)}, "had optimizer="),
        ({"batch_size": 4}, "had batch_size=8 and this call has 4"),
        ({"key": ic.Key(2)}, "had key="),
        ({"shuffle": False}, "had shuffle=True"),
        ({"restore_best": True, "validation": data()}, "leave one of the two out"),
    ],
)
def test_a_run_goes_on_only_with_its_own_settings(change, message):
    net = make()
    fit(net, 2)
    before = weights(net)
    with pytest.raises(ValueError, match=message):
        fit(net, 4, resume=True, **change)
    assert weights(net) == before
    assert net.history.epochs == 2


def test_new_weights_have_no_run_to_go_on_with():
    net = make()
    fit(net, 2)
    net.initialize(key=3)
    with pytest.raises(RuntimeError, match="no run to go on with"):
        fit(net, 4, resume=True)


def test_patience_ends_a_run_whose_validation_loss_rises():
    x, labels = data(n=30)
    net = make()
    history = fit(net, 500, validation=(x, (labels + 1) % CLASSES), patience=3)
    assert history.epochs == history.best_epoch + 4
    assert min(history.validation_loss) == history.validation_loss[history.best_epoch]


def test_the_best_weights_come_back():
    x, labels = data(n=30)
    wrong = (x, (labels + 1) % CLASSES)
    net, twin = make(), make()
    history = fit(net, 12, validation=wrong, restore_best=True)
    assert history.epochs == 12
    assert history.best_epoch < 11
    fit(twin, history.best_epoch + 1)
    assert weights(net) == weights(twin)
    assert net.evaluate(*wrong).loss == min(history.validation_loss)
    with pytest.raises(RuntimeError, match="no run to go on with"):
        fit(net, 14, validation=wrong, resume=True)


def test_an_epoch_without_numbers_is_never_the_best():
    history = ic.History(validation_loss=[math.nan, 2.0, 1.0, 1.0, math.nan])
    assert history.best_epoch == 2
    assert ic.History(validation_loss=[math.nan]).best_epoch is None
    assert ic.History().best_epoch is None


def test_patience_needs_something_to_look_at():
    for option in ({"patience": 3}, {"restore_best": True}):
        with pytest.raises(ValueError, match="need validation"):
            fit(make(), 2, **option)
    with pytest.raises(ValueError, match="patience=0 must be at least 1"):
        fit(make(), 2, patience=0, validation=data())


def test_a_bar_follows_the_run_on_standard_error_and_changes_nothing(capsys):
    pytest.importorskip("rich", reason="needs initcore[lab]")
    net, twin, seen = make(), make(), []
    fit(net, 3, progress=True, callback=lambda epoch, history: seen.append(epoch))
    fit(twin, 3)
    assert "3/3" in capsys.readouterr().err
    assert seen == [0, 1, 2]
    assert weights(net) == weights(twin)
