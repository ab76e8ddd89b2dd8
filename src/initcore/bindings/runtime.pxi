# The instruction set, the threads, and signals during a call.

from cpython.exc cimport PyErr_CheckSignals

__version__ = IC_VERSION.decode()


def isas_built():
    """Names of the instruction sets that this build has, slowest first."""
    names = []
    cdef size_t index = 0
    while ic_isa_built(index) != NULL:
        names.append(ic_isa_built(index).decode())
        index += 1
    return tuple(names)


def isas_available():
    """Names of the built instruction sets that this CPU can run, slowest first."""
    return tuple(name for name in isas_built() if ic_cpu_has(name.encode()))


cdef const ic_kernels *kernels_in_use() except NULL:
    cdef const ic_kernels *table = ic_kernels_in_use()
    if table == NULL:
        raise ValueError(
            f"INITCORE_ISA={os.environ.get('INITCORE_ISA')!r} is not an instruction set that this "
            f"build has and this CPU can run; use one of {', '.join(isas_available())}, or unset it"
        )
    require_threads()
    return table


cdef int require_threads() except -1:
    if not ic_threads_known():
        raise ValueError(
            f"INITCORE_NUM_THREADS={os.environ.get('INITCORE_NUM_THREADS')!r} must be a whole "
            f"number from 1 to {IC_MAX_THREADS}: how many threads kernels may use; or unset it"
        )
    return 0


cdef int look_for_signals() except -1 with gil:
    """What a long call is interrupted by: the handler of a signal, which may call kernels too."""
    cdef ic_workspace_aside aside = ic_workspace_put_aside()
    try:
        PyErr_CheckSignals()
    finally:
        ic_workspace_put_back(aside)
    return 0


cdef inline void watch_signals() noexcept nogil:
    """From here to `watched` long calls end soon after Ctrl-C."""
    ic_pool_watch(<ic_ask>look_for_signals)


cdef inline int watched() except? -1:
    """Raise what the handler of a signal raised; the call's results are then partly written."""
    return -ic_pool_watched()


def isa():
    """Name of the instruction set in use.

    Raises
    ------
    ValueError
        If the environment variable INITCORE_ISA names one that this CPU cannot run.
    """
    return kernels_in_use().isa.decode()


def _select_isa(str name):
    """Use this instruction set from now on (for tests and benchmarks)."""
    if not ic_select_isa(name.encode()):
        raise ValueError(f"name={name!r} must be one of {', '.join(isas_available())}")


def _build_facts():
    """Compiler and flags, as ``show_config`` prints them."""
    return {
        "compiler": IC_COMPILER.decode(),
        "flags": IC_COMMON_FLAGS.decode(),
        "isa_flags": dict(
            part.strip().split(":", 1) for part in IC_ISA_FLAGS.decode().split(";")
        ),
    }


cdef int checked_threads(object n) except -1:
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n={n!r} must be an int: how many threads kernels may use")
    if not 1 <= n <= IC_MAX_THREADS:
        raise ValueError(
            f"n={n!r} must be from 1 to {IC_MAX_THREADS}: how many threads kernels may use"
        )
    return n


def get_num_threads():
    """How many threads a kernel called from this Python thread may use.

    Raises
    ------
    ValueError
        If the environment variable INITCORE_NUM_THREADS is to say so and does not.
    """
    require_threads()
    return ic_threads()


def set_num_threads(n):
    """Let kernels use `n` threads (1 to 256), in the whole process.

    The number changes no byte of any result. Without this call it is INITCORE_NUM_THREADS,
    or else the number of CPUs that the process may use when kernels first run: those of its
    affinity, or fewer where a control group limits its CPU time.
    """
    ic_threads_set(checked_threads(n))


def _override_threads(n):
    """Set (0: take away) this Python thread's own number; returns the one before (0: none)."""
    return ic_threads_override(checked_threads(n) if n else 0)


def _cpus_of_groups(membership, root):
    """The limit of control groups under `root`, by a file like /proc/self/cgroup; 0: none."""
    return ic_cpus_of_groups(os.fsencode(membership), os.fsencode(root))
