"""What probes cost: training with a record of every k-th step, against the same without.

    python -m bench.probes

The ratio is that of the times with and without, by the rule of judge.py, in one process.
"""

import statistics
from dataclasses import replace

import initcore as ic
from initcore._bench import epochs, judge
from initcore._bench.cases import SMALL_TRAINING


def main() -> None:
    """Print a row for each distance between steps that are recorded."""
    job = replace(SMALL_TRAINING, epochs=20)
    steps = job.epochs * job.samples // job.batch
    plain = epochs.with_initcore(job)
    with ic.num_threads(1):
        for every in (1, 10, 100):
            probed = epochs.with_initcore(job, ic.Probes(every))
            pairs = judge.measure(plain, probed, judge.Effort(budget=5.0))
            ratio = judge.judge([pairs])
            off, on = (statistics.median(part) / steps * 1e6 for part in (pairs.ours, pairs.peer))
            print(
                f"every {every}: {ratio.median:.3f} times ({ratio.low:.3f} to {ratio.high:.3f}) "
                f"the time without; a step {on:.1f} us, without {off:.1f} us"
            )


if __name__ == "__main__":
    main()
