# Many fills at once, as those of a whole model.

from cpython.mem cimport PyMem_Free, PyMem_Malloc


cdef struct drawn:
    ic_stream stream
    ic_fill_law law


def _fill_many(fills):
    """Do every fill of a list, each a tuple (law, out, p, seed, stream_id, first, strides).

    The entries are those of `_fill`, and so are the bytes. The arrays share no memory. Nothing is
    written if one of the fills is refused.
    """
    cdef list todo = list(fills)
    cdef size_t count = len(todo), i = 0, piece = 0
    cdef ic_fill_target target
    cdef axes of
    cdef ic_fill_many many
    kernels_in_use()
    cdef drawn *from_ = <drawn *>PyMem_Malloc(max(count, 1) * sizeof(drawn))
    many.jobs = <ic_fill_job *>PyMem_Malloc(max(count, 1) * sizeof(ic_fill_job))
    many.ends = <size_t *>PyMem_Malloc(max(count, 1) * sizeof(size_t))
    many.count = 0
    many.elements = 0
    try:
        if from_ == NULL or many.jobs == NULL or many.ends == NULL:
            raise MemoryError
        for law, out, p, seed, stream_id, first, strides in todo:
            law_of(&from_[i].law, law, out, p)
            aim(&target, &of, out, word64(first, "first"), strides)
            from_[i].stream = stream_of(word64(seed, "seed"), word64(stream_id, "stream_id"))
            ic_fill_many_add(&many, &target, &from_[i].stream, &from_[i].law)
            i += 1
        while True:
            with nogil:
                piece = ic_fill_many_from(piece, &many, SIGNAL_INTERVAL)
            if piece == IC_FILL_DONE:
                return
            PyErr_CheckSignals()
    finally:
        PyMem_Free(from_)
        PyMem_Free(many.jobs)
        PyMem_Free(many.ends)
