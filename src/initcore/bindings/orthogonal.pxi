# Orthogonal matrices.


def _orthogonal(out, gain, seed, stream_id):
    """Fill a matrix with gain times a Haar-distributed one that has orthonormal rows, or columns.

    `out` (rows, columns) may have any strides; the orthonormal vectors lie along its longer side.
    """
    cdef bint is_double = is_float64(out)
    require_writable(out, "out")
    require_own_elements(out, "out")
    kernels_in_use()
    cdef cnp.ndarray array = out
    if cnp.PyArray_NDIM(array) != 2:
        raise ValueError(f"out has shape {shape_of(array)}; it must have 2 axes")
    cdef double factor = finite(gain, "gain", is_double)
    cdef ic_stream stream = stream_of(word64(seed, "seed"), word64(stream_id, "stream_id"))
    cdef ptrdiff_t item = cnp.PyArray_ITEMSIZE(array)
    cdef ic_matrix target
    cdef int status
    target.data = cnp.PyArray_DATA(array)
    target.row = cnp.PyArray_STRIDE(array, 0) // item
    target.column = cnp.PyArray_STRIDE(array, 1) // item
    watch_signals()
    with nogil:
        status = ic_orthogonal(IC_F64 if is_double else IC_F32, &target,
                               cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1), factor,
                               &stream)
    watched()
    if status != 0:
        raise MemoryError(f"no memory for the reflectors of a matrix of shape {out.shape}")
    return out
