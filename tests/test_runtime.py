"""The build, the choice of instruction set, the threads."""

import os
import subprocess
import sys
import threading

import pytest

import initcore as ic
from initcore import kernels


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", kernels.isas_available())
def test_environment_forces_an_instruction_set(name: str) -> None:
    result = run_python("import initcore; print(initcore.kernels.isa())", INITCORE_ISA=name)
    assert result.stdout.split() == [name], result.stderr


def test_unknown_instruction_set_is_an_error_that_lists_what_this_cpu_has() -> None:
    result = run_python("import initcore; initcore.kernels.isa()", INITCORE_ISA="mmx")
    assert result.returncode == 1
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith("ValueError: INITCORE_ISA='mmx'")
    assert all(name in message for name in kernels.isas_available())


def test_show_config_works_under_an_unknown_instruction_set() -> None:
    result = run_python("import initcore; initcore.show_config()", INITCORE_ISA="mmx")
    assert result.returncode == 0, result.stderr
    assert kernels.__version__ in result.stdout


def test_threads_come_from_the_environment() -> None:
    code = "import initcore; print(initcore.get_num_threads())"
    assert run_python(code, INITCORE_NUM_THREADS="3").stdout.split() == ["3"]


def test_num_threads_changes_this_python_thread_alone() -> None:
    before = ic.get_num_threads()
    seen: list[int] = []
    with ic.num_threads(before + 1):
        other = threading.Thread(target=lambda: seen.append(ic.get_num_threads()))
        other.start()
        other.join()
        with ic.num_threads(before + 2):
            assert ic.get_num_threads() == before + 2
        assert ic.get_num_threads() == before + 1
    assert seen == [before]
    assert ic.get_num_threads() == before


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (257, ValueError), (2.0, TypeError)])
def test_set_num_threads_refuses_what_is_no_number_of_threads(
    n: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"n={n}"):
        ic.set_num_threads(n)  # type: ignore[arg-type]
