"""Threads, signals, the environment and the CPU: what a process is, not what a call is given."""

import sys

import pytest
from processes import output_of

INTERRUPTED = """
    import os, signal, sys, threading, time
    import numpy as np
    import initcore as ic
    from initcore import kernels

    n, threads = int(sys.argv[2]), int(sys.argv[3])
    ic.set_num_threads(threads)
    x, w = np.ones((n, n), "f4"), np.ones((n, n), "f4")
    call = {
        "forward": lambda: kernels.dense_forward(x, w, save=False),
        "backward": lambda: kernels.dense_backward(x, x, w, None),
        "gelu": lambda: kernels.dense_backward(x, x, w, x, activation="gelu"),
        "orthogonal": lambda: ic.Orthogonal().fill(x, key=ic.Key(0) / "w"),
    }[sys.argv[1]]
    sent = []

    def send():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send).start()
    try:
        while True:  # whatever the machine, one of them is interrupted
            call()
    except KeyboardInterrupt:
        print(time.perf_counter() - sent[0])
    # what was interrupted left nothing behind
    y = kernels.dense_forward(w, w, save=False) if n < 2000 else w[:300, :300] @ w[:300, :300]
    assert (y == len(y)).all()
    a, b = (np.ones((70, 70), "f4") for _ in range(2))
    assert (kernels.dense_forward(a, b, save=False) == 70).all()
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["forward", "backward", "gelu", "orthogonal"])
def test_a_long_call_ends_where_a_signal_says_so(call: str, threads: int) -> None:
    # 1,000 s and more of work on one core: without an answer the process runs into its time limit
    assert float(output_of(INTERRUPTED, call, 6000, threads)) >= 0


HANDLED = """
    import os, signal, threading, time
    import numpy as np
    import initcore as ic
    from initcore import kernels

    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal((2500, 2500)).astype("f4") for _ in range(2))
    small = rng.standard_normal((300, 300)).astype("f4")
    expected, of_small = kernels.dense_forward(x, w, save=False), small @ small.T
    answers, open_calls = [], []

    def answer(*_):
        open_calls.append(None)
        y = kernels.dense_forward(small, small, save=False)
        filled = ic.Normal().fill(np.empty((300, 300), "f4"), key=ic.Key(0) / "h")
        answers.append((y, filled))  # at once: another signal may come in between
        open_calls.pop()

    signal.signal(signal.SIGUSR1, answer)
    done = False

    def send():
        while not done:
            time.sleep(0.01)
            if len(open_calls) < 3:  # on a slow machine a handler takes longer than that
                os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    while len(answers) < 20:
        assert np.array_equal(kernels.dense_forward(x, w, save=False), expected)
    done = True
    sender.join()
    first = answers[0]
    assert np.allclose(first[0], of_small, atol=1e-3)
    for y, filled in answers:
        assert np.array_equal(y, first[0]) and np.array_equal(filled, first[1])
"""


def test_the_handler_of_a_signal_may_call_kernels_within_a_long_call() -> None:
    output_of(HANDLED)


STACK = """
    import sys, threading
    import numpy as np
    import initcore as ic
    from initcore import kernels

    key = ic.Key(0) / "stack"
    kind, across = sys.argv[1], sys.argv[2]
    shape = (500, 700) if kind != "orthogonal" else (64, 64)
    # arrays are made here: what is measured is the fill
    dtype = {"half": "f2", "double": "f8", "mask": "?"}.get(kind, "f4")
    out = np.full(shape, 3).astype(dtype)
    before = out.copy()
    view = {"plain": out, "transposed": out.T, "strided": out[:, ::2], "reversed": out[::-1, ::-1]}[
        across
    ]
    fill = {
        "normal": lambda: kernels.fill_normal(view, key=key),
        "double": lambda: kernels.fill_normal(view, key=key),
        "half": lambda: kernels.fill_normal(view, key=key),
        "uniform": lambda: kernels.fill_uniform(view, key=key),
        "truncated": lambda: kernels.fill_truncated_normal(view, key=key),
        "sign": lambda: kernels.fill_sign(view, key=key),
        "mask": lambda: kernels.random_mask(view, p=0.5, key=key),
        "sparse": lambda: kernels._zero_columns(
            view, 700, 300, 0, 0, (0, 0), ((1, 0), (0, 1))
        ),
        "many": lambda: kernels._fill_many(
            [("normal", view, (0.0, 1.0), 0, 0, 0, None)]
        ),
    }[kind]
    for isa in kernels.isas_available():
        kernels._select_isa(isa)
        threading.stack_size(32 << 10)  # the least that Python allows
        thread = threading.Thread(target=fill)
        thread.start()
        thread.join()
    assert (out != before).any()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' threads need more themselves")
@pytest.mark.parametrize("view", ["plain", "transposed", "strided", "reversed"])
@pytest.mark.parametrize(
    "kind", ["normal", "double", "half", "uniform", "truncated", "sign", "mask", "sparse", "many"]
)
def test_a_fill_leaves_a_small_stack_room(kind: str, view: str) -> None:
    output_of(STACK, kind, view, INITCORE_NUM_THREADS="1")


@pytest.mark.parametrize("given", ["4abc", "1e3", "abc", "0x10", "0", "-1", "257", " 4", "2.0"])
def test_a_number_of_threads_that_is_none_is_refused(given: str) -> None:
    program = """
        import os
        import numpy as np
        import initcore as ic

        said = f"INITCORE_NUM_THREADS={os.environ['INITCORE_NUM_THREADS']!r} must be a whole number"
        for call in (ic.get_num_threads, lambda: ic.Normal().fill(out, key=ic.Key(0) / "w")):
            out = np.zeros(4)
            try:
                call()
            except ValueError as error:
                assert said in str(error) and "from 1 to 256" in str(error)
            else:
                raise AssertionError("it was taken")
            assert (out == 0).all()
        ic.show_config()
        ic.set_num_threads(2)
        ic.Normal().fill(out, key=ic.Key(0) / "w")
        assert ic.get_num_threads() == 2
    """
    shown = output_of(program, INITCORE_NUM_THREADS=given)
    assert f"none: INITCORE_NUM_THREADS='{given}'" in shown


@pytest.mark.parametrize(("given", "threads"), [("1", 1), ("256", 256), ("007", 7)])
def test_a_number_of_threads_is_taken(given: str, threads: int) -> None:
    program = "import initcore; print(initcore.get_num_threads())"
    assert int(output_of(program, INITCORE_NUM_THREADS=given)) == threads
