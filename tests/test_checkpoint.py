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
    return net.fit(
        *data(next(iter(net.parameters().values())).dtype), epochs=epochs, **(settings | options)
    )


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


def test_a_run_without_validation_cannot_be_resumed_with_one():
    net = make()
    fit(net, 2)
    with pytest.raises(ValueError, match="had no validation"):
        fit(net, 4, resume=True, validation=data())
    assert net.history.epochs == 2


# What a hostile or damaged file may hold: a change of the tensors or the facts of a good one.


def good(tmp_path):
    """A network that has run two epochs with momentum and probes, and its file, taken apart."""
    from safetensors import safe_open

    net = make()
    fit(net, 2, probes=ic.Probes(every=3))
    path = tmp_path / "good"
    net.save(path)
    with safe_open(path, framework="np") as file:
        return net, safetensors.load_file(path), json.loads(file.metadata()["initcore"])


def refuse(tmp_path, tensors, facts, message, **options):
    """The file is refused with its path, and the network is as it was."""
    path, net = tmp_path / "changed", make(seed=3)
    fit(net, 1)
    before, history = weights(net), net.history
    text = facts if isinstance(facts, str) else json.dumps(facts)
    safetensors.save_file(tensors, path, {"initcore": text})
    with pytest.raises(ValueError, match=message) as caught:
        net.load(path, **options)
    assert f"path={str(path)!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert weights(net) == before
    assert net.history is history


@pytest.mark.parametrize("kept", ["0.weight:first", "out.bias:first"])
@pytest.mark.parametrize("shape", [(1,), (12, N_IN, 1), (13, N_IN), ()])
def test_the_optimizers_arrays_have_the_shapes_of_their_parameters(tmp_path, kept, shape):
    _, tensors, facts = good(tmp_path)
    assert kept in tensors
    tensors[kept] = np.zeros(shape, np.float32)
    refuse(tmp_path, tensors, facts, f"{kept}' of shape")


def test_the_optimizers_arrays_have_the_type_of_the_run(tmp_path):
    _, tensors, facts = good(tmp_path)
    refuse(
        tmp_path,
        tensors | {"0.bias:first": np.zeros(12)},
        facts,
        "0.bias:first' in float64, and its run computed in 'float32'",
    )


@pytest.mark.parametrize("dtype", [np.int32, np.bool_, np.float16, np.uint8, np.complex64])
@pytest.mark.parametrize("name", ["0.weight", "0.weight:first"])
def test_only_float32_and_float64_are_read(tmp_path, dtype, name):
    _, tensors, facts = good(tmp_path)
    changed = tensors | {name: np.zeros((12, N_IN), dtype)}
    if dtype is np.complex64:
        changed[name] = np.zeros((12, N_IN), np.int64)
    refuse(tmp_path, changed, facts, f"'{name}' of type")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("[]", "metadata that are a list"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"),
        ({"format": 3}, "format 3"),
        ({"format": "1"}, "format '1'"),
        ({"format": True}, "format True"),
        ({"format": [1]}, r"format \[1\]"),
        ({"compute": None}, "compute vNone"),
        ({"history": []}, "cannot be read: it is no record"),
        ({"history": {"loss": 3}}, r"data\['loss'\]=3 must be a list of numbers"),
        ({"history": {"loss": ["a"]}}, r"data\['loss'\]"),
        ({"history": {"run": []}}, r"data\['run'\]"),
        ({"history": {"epoch": 1}}, r"the entries \['epoch'\]"),
        ({"history": {}, "probes": []}, "probes must be a dict"),
        ({"history": {}, "probes": {"layers": 3, "parameters": []}}, "layers=3"),
        ({"history": {}, "probes": {"layers": [], "parameters": []}}, "steps of shape"),
        ({"history": {}, "probes": {"layers": ["0"], "parameters": []}}, "steps of shape"),
        ({"history": {}, "step": 1}, "powers=None"),
        ({"step": 1, "powers": [1, 1]}, "no record of its run"),
        ({"history": {}, "step": 1, "powers": [1]}, "powers="),
        ({"history": {}, "step": 1, "powers": [1, math.nan]}, "powers="),
        ({"history": {}, "step": 1, "powers": ["a", 1]}, "powers="),
        ({"history": {}, "step": -1, "powers": [1, 1]}, "step=-1"),
        ({"history": {}, "step": 1.5, "powers": [1, 1]}, "step=1.5"),
        ({"history": {}, "step": 10**30, "powers": [1, 1]}, "step=10"),
        ({"history": {}, "step": True, "powers": [1, 1]}, "step=True"),
    ],
)
def test_metadata_of_another_form_are_refused(tmp_path, facts, message):
    _, tensors, _ = good(tmp_path)
    refuse(tmp_path, tensors, facts, message)


def test_probes_without_their_arrays_are_refused(tmp_path):
    _, tensors, facts = good(tmp_path)
    for name in ("probes:steps", "probes:values"):
        fewer = {n: a for n, a in tensors.items() if n != name}
        refuse(tmp_path, fewer, facts, "its probes have")
        refuse(tmp_path, tensors | {name: np.zeros(3, np.float32)}, facts, "its probes have")
    refuse(
        tmp_path, tensors | {"probes:steps": np.zeros((2, 2), np.int64)}, facts, "steps of shape"
    )


def test_float64_is_rounded_only_where_that_is_asked_for(tmp_path):
    _, tensors, _ = good(tmp_path)
    exact = make(np.float64, seed=4)
    exact.save(tmp_path / "exact")
    net = make()
    with pytest.raises(ValueError, match="in float64, and the network computes in float32"):
        net.load(tmp_path / "exact")
    net.load(tmp_path / "exact", rounded=True)
    for name, array in net.parameters().items():
        assert np.array_equal(array, exact.parameters()[name].astype(np.float32))
    large = tensors | {"0.weight": np.full((12, N_IN), 1e300)}
    refuse(tmp_path, large, {}, r"0.weight' with the value 1e\+300", rounded=True)
    # and what is exact is read without a word
    wide = make(np.float64)
    net.save(tmp_path / "narrow")
    wide.load(tmp_path / "narrow")
    assert np.array_equal(wide.layers[0].w, net.layers[0].w)


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"garbage" * 99, b"\xff" * 64])
def test_a_file_that_is_none_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "net"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no whole file of safetensors|cannot be read") as caught:
        make().load(path)
    assert f"path={str(path)!r}" in str(caught.value)


def test_a_file_that_was_cut_off_or_has_a_flipped_bit_is_read_or_refused_in_one_line(tmp_path):
    net, _, _ = good(tmp_path)
    content = (tmp_path / "good").read_bytes()
    rng = np.random.default_rng(0)
    path, messages = tmp_path / "damaged", []
    header = int.from_bytes(content[:8], "little") + 8
    for at in rng.integers(0, header, 300):
        damaged = bytearray(content)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            net.load(path)
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f"path={str(path)!r} ") for message in messages)
    for size in rng.integers(0, len(content), 20):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match="path="):
            net.load(path)


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        make().load(tmp_path / "nothing")
    with pytest.raises((OSError, ValueError), match=tmp_path.name):
        make().load(tmp_path)


def test_a_network_without_weights_asks_for_its_shapes(tmp_path):
    make().save(tmp_path / "net")
    fresh = ic.Sequential(ic.Dense(N_IN, 12, "tanh"), ic.Dense(12, CLASSES, name="out"))
    with pytest.raises(RuntimeError, match="has no weights yet: call initialize"):
        fresh.load(tmp_path / "net")


def test_weights_that_are_read_only_are_refused_before_any_is_written(tmp_path):
    make(seed=8).save(tmp_path / "net")
    net = make()
    before = weights(net)
    net.layers[1].b.flags.writeable = False
    with pytest.raises(ValueError, match=r"out\.bias is read-only"):
        net.load(tmp_path / "net")
    assert weights(net) == before


def clashing():
    """A network whose layers are called as format 1 called the optimizer's arrays."""
    inner = ic.Sequential(
        ic.Sequential(ic.Dense(N_IN, N_IN, name="a"), name="first"), name="optimizer"
    )
    net = ic.Sequential(inner, ic.Dense(N_IN, N_IN, name="a"), ic.Dense(N_IN, CLASSES))
    net.initialize(key=0)
    return net


def test_no_name_of_a_layer_is_that_of_an_array_of_the_run(tmp_path):
    whole, start, other = clashing(), clashing(), clashing()
    fit(whole, 4)
    fit(start, 2)
    start.save(tmp_path / "net")
    other.load(tmp_path / "net")
    assert weights(other) == weights(start)
    fit(other, 4, resume=True)
    assert weights(other) == weights(whole)


def as_format_1(tensors, facts):
    names = {"probes:steps": "history.probes.steps", "probes:values": "history.probes.values"}
    for name in tensors:
        head, _, kind = name.partition(":")
        if kind in ("first", "second"):
            names[name] = f"optimizer.{kind}.{head}"
    return {names.get(n, n): a for n, a in tensors.items()}, facts | {"format": 1}


def test_files_of_format_1_are_read_where_their_names_are_clear(tmp_path):
    _, tensors, facts = good(tmp_path)
    old, facts = as_format_1(tensors, facts)
    assert "optimizer.first.0.weight" in old
    safetensors.save_file(old, tmp_path / "old", {"initcore": json.dumps(facts)})
    whole, other = make(), make(seed=9)
    fit(whole, 4, probes=ic.Probes(every=3))
    other.load(tmp_path / "old")
    fit(other, 4, resume=True, probes=ic.Probes(every=3))
    assert weights(other) == weights(whole)
    assert other.history == whole.history


def test_files_of_format_1_are_refused_where_two_arrays_had_one_name(tmp_path):
    net = clashing()
    facts = {"format": 1, "compute": 1, "history": {}, "step": 0, "powers": [1, 1]}
    arrays = {name: np.asarray(a) for name, a in net.parameters().items()}
    safetensors.save_file(arrays, tmp_path / "old", {"initcore": json.dumps(facts)})
    with pytest.raises(ValueError, match=r"cannot tell the network's 'optimizer\.first\.a\."):
        net.load(tmp_path / "old")
    facts = {"format": 1, "compute": 1}
    safetensors.save_file(arrays, tmp_path / "old", {"initcore": json.dumps(facts)})
    net.load(tmp_path / "old")


def test_the_record_of_a_network_is_that_of_the_file_it_loads(tmp_path):
    net, other = make(), make(seed=1)
    fit(net, 2)
    net.save(tmp_path / "net")
    fit(other, 3)
    other.load(tmp_path / "net")
    assert other.history == net.history
    safetensors.save_file(
        {n: np.asarray(a) for n, a in net.parameters().items()}, tmp_path / "weights"
    )
    other.load(tmp_path / "weights")
    assert other.history is None
