"""The pool: forks, many callers, any number of threads, and what a process may use."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import pytest

import initcore as ic

N = 1 << 20  # enough work for the pool to be used
KEY = ic.Key(11) / "threads"


def filled() -> bytes:
    return ic.kernels.fill_normal(np.empty(N, np.float32), key=KEY).tobytes()


def child(results: "Queue[bytes]") -> None:
    with ic.num_threads(4):
        results.put(filled()[:64])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # by JAX, if a test imported it
def test_a_forked_child_works_after_the_parent_used_the_pool() -> None:
    with ic.num_threads(4):
        expected = filled()[:64]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=child, args=(results,))
    process.start()
    assert results.get(timeout=30) == expected
    process.join(30)
    assert process.exitcode == 0


def test_fills_do_not_depend_on_the_number_of_threads() -> None:
    found = set()
    for threads in range(1, 9):
        with ic.num_threads(threads):
            found.add(filled())
    assert len(found) == 1


def test_many_python_threads_may_call_at_once() -> None:
    expected = filled()
    results: list[bytes] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        for _ in range(5):
            results.append(filled())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 30
    assert set(results) == {expected}


def slow_fill(out: np.ndarray) -> np.ndarray:
    return ic.kernels.fill_truncated_normal(out, low=0.5, high=3.0, key=KEY)


@pytest.fixture
def out() -> Iterator[np.ndarray]:
    """Zeros that `slow_fill` takes the better part of a second for."""
    before = ic.kernels.isa()
    ic.kernels._select_isa(ic.kernels.isas_available()[0])
    with ic.num_threads(1):
        yield np.zeros(1 << 24)
    ic.kernels._select_isa(before)


class Interrupt(Exception):
    """What the handler of a signal raises, as Python's own raises KeyboardInterrupt."""


def interrupt(*_: object) -> None:
    raise Interrupt


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_is_answered_at_once_and_leaves_whole_elements(
    out: np.ndarray, threads: int
) -> None:
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ic.num_threads(threads):
            start = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, 0.06)
            with pytest.raises(Interrupt):
                slow_fill(out)
            late = time.perf_counter() - start - 0.06
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert late < 0.1
    with ic.num_threads(2):
        expected = slow_fill(np.empty_like(out))
        written = out != 0  # no number of the law is 0
        assert 0 < np.count_nonzero(written) < len(out)
        assert np.array_equal(out[written], expected[written])
        assert np.array_equal(slow_fill(out), expected)  # the same call again makes up for it


def test_other_python_threads_run_during_a_fill(out: np.ndarray) -> None:
    filling = threading.Thread(target=slow_fill, args=(out,))
    filling.start()
    turns = 0
    while filling.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns >= 10


def report(code: str, **environment: str) -> str:
    """What a new process prints."""
    program = f"import os, numpy as np, initcore as ic\nkernels = ic.kernels\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,  # a fill that hangs fails
    ).stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forks_during_another_threads_fill_work_too() -> None:
    code = """
import threading
def fill():
    return kernels.fill_normal(np.empty(1 << 20, np.float32), key=ic.Key(0)).tobytes()
expected, stop, failed = fill(), threading.Event(), 0
def keep_filling():
    while not stop.is_set():
        fill()
other = threading.Thread(target=keep_filling)
other.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(fill() != expected)
    failed += os.waitpid(child, 0)[1] != 0
stop.set()
other.join()
print(failed)"""
    assert report(code, INITCORE_NUM_THREADS="4") == "0"


NO_TASKS = not Path("/proc/self/task").exists()


@pytest.mark.skipif(NO_TASKS, reason="this system does not list the threads of a process")
def test_small_fills_start_no_thread() -> None:
    code = """
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
kernels.fill_normal(np.empty(32_000, np.float32), key=ic.Key(0))
small = threads()
kernels.fill_normal(np.empty(1_000_000, np.float32), key=ic.Key(0))
print(small - before, threads() - before)"""
    assert report(code, INITCORE_NUM_THREADS="4") == "0 3"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_threads_are_no_more_than_the_affinity_allows() -> None:
    code = """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(kernels.get_num_threads())"""
    environment = {k: v for k, v in os.environ.items() if k != "INITCORE_NUM_THREADS"}
    assert report(f"os.environ.clear(); os.environ.update({environment!r})\n{code}") == "1"


GROUPS = {
    "version 2": ("0::/a/b\n", {"a/cpu.max": "250000 100000", "a/b/cpu.max": "max 100000"}, 3),
    "version 2, the inner one": (
        "0::/a/b\n",
        {"a/cpu.max": "800000 100000", "a/b/cpu.max": "150000 100000"},
        2,
    ),
    "version 2, inside a container": ("0::/not/there\n", {"cpu.max": "100000 100000"}, 1),
    "version 1": (
        "4:memory:/m\n3:cpu,cpuacct:/job\n",
        {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "400000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            "memory/m/cpu.max": "1 1",
        },
        4,
    ),
    "no limit": ("0::/\n", {"cpu.max": "max 100000"}, 0),
    "version 1, no limit": (
        "3:cpu:/\n",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        0,
    ),
    "nonsense": ("what\n1:cpuset:/x\n::\n", {"cpu.max": "many"}, 0),
}


@pytest.mark.parametrize("case", GROUPS)
def test_limits_of_control_groups_are_read(tmp_path: Path, case: str) -> None:
    membership, files, expected = GROUPS[case]
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    found = ic.kernels._cpus_of_groups(tmp_path / "membership", tmp_path / "root")
    assert found == expected


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert ic.kernels._cpus_of_groups(tmp_path / "none", tmp_path) == 0


@pytest.mark.slow
def test_a_fill_beside_a_running_torch_product_takes_little_longer_than_both_in_turn() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    a = torch.randn(1500, 1500)
    out = np.empty(1 << 25, np.float32)

    def product() -> None:
        for _ in range(2):
            torch.mm(a, a)

    def fill() -> None:
        ic.kernels.fill_normal(out, key=KEY)

    def seconds(*works: Callable[[], None]) -> float:
        threads = [threading.Thread(target=work) for work in works]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    seconds(product), seconds(fill)  # both pools are there now
    ratios = [seconds(product, fill) / (seconds(product) + seconds(fill)) for _ in range(9)]
    assert sorted(ratios)[4] < 1.2  # the median
