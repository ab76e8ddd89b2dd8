"""Steps of training allocate nothing after the first."""

from pathlib import Path

import allocated
import pytest

# (hidden layers, batch): small, one shared between threads, one whose workspace is above 8 MiB
STEPS = """
    import sys
    import numpy as np
    import initcore as ic
    from initcore import set_num_threads
    from initcore.training import loop, losses
    from initcore.training.spec import RunSpec

    set_num_threads(int(sys.argv[1]))

    def steps(net, x, labels, batch, optimizer, probes):
        run = loop.Run(RunSpec(
            layers=net.layers, layer_names=net.names, parameter_names=list(net.parameters()),
            loss=losses.CrossEntropy(), optimizer=optimizer, x=x, target=labels, batch_size=batch,
            epochs=1, key=ic.Key(0), probes=probes,
        ))
        program = run._program
        program.begin(np.arange(len(x)))
        program._prepare()
        start = allocated()
        program._plan.run(1)
        first = allocated()
        program._plan.run(len(program.losses))
        print(allocated() - first, first - start)

    rng = np.random.default_rng(0)
    for n_in, hidden, batch in ((64, 128, 32), (400, 300, 130), (64, 2048, 1024)):
        x = rng.standard_normal((5 * batch + 1, n_in)).astype("f4")
        labels = rng.integers(0, 10, len(x))
        for phi in ("relu", "tanh"):
            net = ic.Sequential(
                ic.Dense(n_in, hidden, phi), ic.Dense(hidden, 64, phi), ic.Dense(64, 10)
            )
            net.initialize(key=0)
            for optimizer in (ic.SGD(0.01, 0.9), ic.Adam(0.001, clip_norm=1.0)):
                for probes in (None, ic.Probes(2)):
                    steps(net, x, labels, batch, optimizer, probes)

    # and every kind of layer
    net = ic.Sequential(
        ic.Dense(64, 32, "gelu"), ic.BatchNorm(32), ic.Dropout(0.1),
        ic.Residual(ic.LayerNorm(32), ic.Dense(32, 32), ic.Scale()), ic.RMSNorm(32),
        ic.Activation("tanh"), ic.Dense(32, 10),
    )
    net.initialize(key=0)
    x = rng.standard_normal((322, 64)).astype("f4")
    labels = rng.integers(0, 10, len(x))
    for probes in (None, ic.Probes()):
        steps(net, x, labels, 32, ic.AdamW(0.001), probes)
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_a_step_after_the_first_allocates_nothing(threads: int, tmp_path: Path) -> None:
    rows = allocated.numbers_of(STEPS, threads, folder=tmp_path)
    assert len(rows) == 3 * 2 * 2 * 2 + 2
    assert max(first for _, first in rows) > 8 << 20  # the workspace: the counter counts
    assert [after for after, _ in rows] == [0] * len(rows)
