# Orthogonal matrices.


def _orthogonal(out, gain, seed, stream_id):
    """Fill a matrix with gain times a Haar-distributed one that has orthonormal rows, or columns.

    `out` (rows, columns) may have any strides; the orthonormal vectors lie along its longer side.
    """
    cdef bint is_double = is_float64(out)
    require_writable(out, "out")
    require_own_elements(out, "out")
    kernels_in_use()
    if out.ndim != 2:
        raise ValueError(f"out has shape {out.shape}; it must have 2 axes")
    cdef cnp.ndarray array = out
    cdef double factor = finite(gain, "gain", is_double)
    cdef uint64_t key = word64(seed, "seed"), ident = word64(stream_id, "stream_id")
    cdef ptrdiff_t item = cnp.PyArray_ITEMSIZE(array)
    cdef ic_matrix target
    cdef ic_stream stream
    cdef int status
    target.data = cnp.PyArray_DATA(array)
    target.row = cnp.PyArray_STRIDE(array, 0) // item
    target.column = cnp.PyArray_STRIDE(array, 1) // item
    stream.key[0] = <uint32_t>key
    stream.key[1] = <uint32_t>(key >> 32)
    stream.id[0] = <uint32_t>ident
    stream.id[1] = <uint32_t>(ident >> 32)
    with nogil:
        status = ic_orthogonal(IC_F64 if is_double else IC_F32, &target,
                               cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1), factor,
                               &stream)
    if status != 0:
        raise MemoryError(f"no memory for the reflectors of a matrix of shape {out.shape}")
    return out
