"""What a run of fit reads is its own, or is looked at again before it is used."""

import copy

import numpy as np
import pytest

import initcore as ic
from initcore.training.optimizers import State

N, N_IN, CLASSES = 24, 5, 3
SETTINGS = {"batch_size": 6, "key": 0}


class Interpreted(ic.SGD):
    """An optimizer of one's own, which the compiled program leaves to the interpreter."""


def make(*layers):
    net = ic.Sequential(*(layers or (ic.Dense(N_IN, 4, "tanh"), ic.Dense(4, CLASSES))))
    net.initialize(key=0)
    return net


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, N_IN)).astype("f4"), rng.integers(0, CLASSES, N)


def weights(net):
    return b"".join(a.tobytes() for a in net.parameters().values())


@pytest.mark.parametrize("optimizer", [ic.SGD(0.1), Interpreted(0.1)], ids=repr)
def test_labels_that_a_callback_writes_into_change_nothing(optimizer):
    x, labels = data()
    assert labels.dtype == np.int64  # no conversion copies them

    def spoil(epoch, history):
        labels[:] = 10**9

    net, undisturbed = make(), make()
    undisturbed.fit(x, labels.copy(), optimizer=optimizer, epochs=3, **SETTINGS)
    net.fit(x, labels, optimizer=optimizer, epochs=3, callback=spoil, **SETTINGS)
    assert weights(net) == weights(undisturbed)


def test_validation_labels_that_a_callback_writes_into_change_nothing():
    x, labels = data()
    held_out = labels.copy()

    def spoil(epoch, history):
        held_out[:] = 10**9

    history = make().fit(
        x, labels, optimizer=ic.SGD(0.0), epochs=2, validation=(x, held_out), callback=spoil,
        **SETTINGS,
    )  # fmt: skip
    assert history.validation_loss[0] == history.validation_loss[1]


def test_words_that_a_callback_writes_into_change_nothing():
    words = np.random.default_rng(0).integers(0, 7, (N, 2)).astype("f4")

    def spoil(epoch, history):
        words[:] = 1e9

    def embedded():
        return make(ic.Embedding(7, 3), ic.Flatten(), ic.Dense(6, CLASSES))

    net, undisturbed = embedded(), embedded()
    options = {"optimizer": ic.SGD(0.1), "epochs": 3, **SETTINGS}
    undisturbed.fit(words.copy(), data()[1], **options)
    net.fit(words, data()[1], callback=spoil, **options)
    assert weights(net) == weights(undisturbed)


def test_indices_that_are_written_into_after_forward_change_no_gradient():
    layer = ic.Embedding(7, 3)
    layer.initialize(key=ic.Key(0))
    index = np.array([[1, 2]])
    layer.forward(index)
    index[:] = 5
    layer.backward(np.ones((1, 2, 3), "f4"))
    assert np.flatnonzero(layer.dw.any(axis=1)).tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1, 0.5, 7, 2.0**70])
def test_what_is_no_index_of_a_word_is_refused(value):
    layer = ic.Embedding(7, 3)
    layer.initialize(key=ic.Key(0))
    with pytest.raises(ValueError, match=r"x\[0, 1\] = .* must be a whole number from 0 to 6"):
        layer.forward(np.array([[1.0, value]]))


@pytest.mark.parametrize("optimizer", [ic.SGD(0.1), Interpreted(0.1)], ids=repr)
@pytest.mark.parametrize("which", ["w", "b", "dw", "db"])
def test_a_callback_that_gives_a_layer_another_array_is_refused(which, optimizer):
    net = make()

    def replace(epoch, history):
        setattr(net.layers[1], which, getattr(net.layers[1], which).copy())

    with pytest.raises(RuntimeError, match=rf"^{which} of layer '1' .*layer\.{which}\[\.\.\.\] ="):
        net.fit(*data(), optimizer=optimizer, epochs=3, callback=replace, **SETTINGS)
    assert net.history.epochs == 1


def test_a_callback_that_replaces_running_statistics_is_refused():
    net = make(ic.BatchNorm(N_IN), ic.Residual(ic.BatchNorm(N_IN)), ic.Dense(N_IN, CLASSES))

    def replace(epoch, history):
        norm = net.layers[1].layers[0]
        norm.mean = norm.mean.copy()

    with pytest.raises(RuntimeError, match=r"mean of layer 'residual_0\.batch_norm_0' is "):
        net.fit(*data(), optimizer=ic.SGD(0.1), epochs=3, callback=replace, **SETTINGS)


def test_a_callback_may_write_into_the_arrays():
    net = make()

    def halve(epoch, history):
        net.layers[0].w[...] *= 0.5

    net.fit(*data(), optimizer=ic.SGD(0.0), epochs=2, callback=halve, **SETTINGS)
    assert np.array_equal(net.layers[0].w, make().layers[0].w / 4)


def test_a_layer_of_ones_own_whose_gradients_are_not_written_in_place_is_refused():
    class Shift(ic.layers.Layer):
        kind = "shift"

        def __init__(self):
            super().__init__()
            self.parameter_shapes = {"w": (N_IN,)}

        def new_parameters(self, init, key, dtype):
            return np.zeros(N_IN, dtype), None

        def forward(self, x, *, save=True, key=None, step=0):
            return x + self.w

        def backward(self, dy):
            self.dw = dy.sum(axis=0)
            return dy

    net = make(Shift(), ic.Dense(N_IN, CLASSES))
    with pytest.raises(RuntimeError, match="dw of layer 'shift_0' is another array"):
        net.fit(*data(), optimizer=ic.SGD(0.1), epochs=1, **SETTINGS)
    assert not net.layers[0].w.any()


CALLS = {
    "load": lambda net, path: net.load(path),
    "initialize": lambda net, path: net.initialize(key=1),
    "fit": lambda net, path: net.fit(*data(), optimizer=ic.SGD(0.1), epochs=1, **SETTINGS),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_callback_cannot_take_the_network_from_under_its_run(call, tmp_path):
    path = tmp_path / "net.safetensors"
    net = make()
    net.fit(*data(), optimizer=ic.SGD(0.1), epochs=1, **SETTINGS)
    net.save(path)
    after = []

    def meddle(epoch, history):
        net.save(path)
        before = weights(net)
        with pytest.raises(RuntimeError, match=f"^{call}: this network is being trained"):
            CALLS[call](net, path)
        after.append(weights(net) == before and net.history is history)

    net.fit(*data(), optimizer=ic.SGD(0.1), epochs=2, callback=meddle, **SETTINGS)
    assert after == [True, True]
    CALLS[call](net, path)  # and after the run it may


def test_a_copy_that_a_callback_makes_can_be_trained():
    net, copies = make(), []
    net.fit(
        *data(), optimizer=ic.SGD(0.1), epochs=2, **SETTINGS,
        callback=lambda *_: copies.append(copy.deepcopy(net)),
    )  # fmt: skip
    assert weights(copies[1]) == weights(net) != weights(copies[0])
    copies[0].fit(*data(), optimizer=ic.SGD(0.1), epochs=2, resume=True, **SETTINGS)
    assert weights(copies[0]) == weights(net)


def test_a_layer_of_ones_own_may_replace_its_statistics_where_python_takes_the_steps():
    class Counter(ic.layers.Layer):
        kind = "counter"
        seen = np.zeros(1)

        def state(self):
            return {"seen": self.seen}

        def forward(self, x, *, save=True, key=None, step=0):
            if save:
                self.seen = self.seen + len(x)
            return x

        def backward(self, dy):
            return dy

    net = make(Counter(), ic.Dense(N_IN, CLASSES))
    net.fit(*data(), optimizer=ic.SGD(0.1), epochs=2, callback=lambda *_: None, **SETTINGS)
    assert net.state()["counter_0.seen"] == 2 * N


def test_a_network_can_be_trained_again_after_its_callback_raised():
    net = make()
    with pytest.raises(ZeroDivisionError):
        net.fit(*data(), optimizer=ic.SGD(0.1), epochs=1, callback=lambda *_: 1 / 0, **SETTINGS)
    assert net.fit(*data(), optimizer=ic.SGD(0.1), epochs=1, **SETTINGS).epochs == 1


@pytest.mark.parametrize("slot", ["first", "second"])
@pytest.mark.parametrize(
    "wrong", [np.zeros(1, "f4"), np.zeros((4, N_IN + 1), "f4"), np.zeros((4, N_IN), "f8")],
    ids=["shorter", "longer", "float64"],
)  # fmt: skip
def test_an_optimizer_s_state_that_does_not_fit_its_parameter_is_refused_by_name(slot, wrong):
    net = make()
    options = {"optimizer": ic.Adam(0.1), **SETTINGS}
    net.fit(*data(), epochs=1, **options)
    state: State = net._state
    getattr(state, slot)[0] = wrong
    before = weights(net)
    with pytest.raises(
        ValueError, match=rf"resume=True: the optimizer's {slot} array of 0\.weight"
    ):
        net.fit(*data(), epochs=2, resume=True, **options)
    assert weights(net) == before


@pytest.mark.parametrize("optimizer", [ic.SGD(1e30), Interpreted(1e30)], ids=repr)
@pytest.mark.parametrize("stop", [True, False])
def test_the_step_of_divergence_is_the_first_whose_loss_is_not_finite(optimizer, stop):
    with np.errstate(all="ignore"):
        net = make(ic.Dense(N_IN, 9), ic.Dense(9, CLASSES))
        history = net.fit(
            *data(), optimizer=optimizer, epochs=3, stop_on_nonfinite=stop, **SETTINGS
        )
        steps = 4  # of an epoch
        assert history.diverged_epoch is not None
        assert history.diverged_step // steps == history.diverged_epoch
        if not stop:
            return
        # in a run of single steps the loss of step s is that of epoch s
        losses, twin = [], make(ic.Dense(N_IN, 9), ic.Dense(9, CLASSES))
        x, labels = data()
        from initcore.training.loop import shuffled_order

        for step in range(history.diverged_step + 1):
            order = shuffled_order(ic.Key(0), step // steps, N)
            batch = order[step % steps * 6 : step % steps * 6 + 6]
            record = twin.fit(
                x[batch], labels[batch], optimizer=optimizer, epochs=1, batch_size=6, key=0,
                shuffle=False,
            )  # fmt: skip
            losses.append(record.loss[0])
    assert np.isfinite(losses[:-1]).all()
    assert not np.isfinite(losses[-1])


def test_the_step_of_divergence_counts_from_the_first_step_of_a_resumed_run():
    net = make()
    options = {"optimizer": ic.SGD(0.1), **SETTINGS}
    assert net.fit(*data(), epochs=2, **options).diverged_step is None
    net.layers[0].w[...] = np.nan
    assert net.fit(*data(), epochs=3, resume=True, **options).diverged_step == 8


def test_a_column_of_labels_is_told_to_become_a_row():
    x, labels = data()
    with pytest.raises(ValueError, match=r"labels\.ravel\(\)"):
        make().fit(x, labels[:, None], optimizer=ic.SGD(0.1), epochs=1, **SETTINGS)
    one_hot = np.eye(CLASSES, dtype=int)[labels]
    with pytest.raises(ValueError, match=r"labels\.argmax\(axis=1\)"):
        make().fit(x, one_hot, optimizer=ic.SGD(0.1), epochs=1, **SETTINGS)
