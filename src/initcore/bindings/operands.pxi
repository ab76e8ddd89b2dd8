# Arrays that kernels read and write: checked, described, and shown to share no memory.

cdef cnp.ndarray operand(object array, str name, int ndim, int type_num):
    """An array that a kernel may read: float32 or float64 (or, given `type_num`, that type)."""
    require_ndarray(array, name)
    cdef cnp.ndarray a = array
    cdef int found = cnp.PyArray_TYPE(a)
    if cnp.PyArray_NDIM(a) == ndim and cnp.PyArray_ISCARRAY_RO(a) and (
        found == type_num
        or (type_num < 0 and (found == cnp.NPY_FLOAT32 or found == cnp.NPY_FLOAT64))
    ):
        return a
    if type_num < 0:
        if found != cnp.NPY_FLOAT32 and found != cnp.NPY_FLOAT64:
            raise TypeError(
                f"{name} has dtype {a.dtype}; it must be float32 or float64 "
                f"({name}.astype(numpy.float32) makes one)"
            )
    elif found != type_num:
        raise TypeError(
            f"{name} has dtype {a.dtype}; it must be {cnp.PyArray_DescrFromType(type_num)}, "
            f"like the other arrays of the call (convert with {name}.astype)"
        )
    if ndim >= 0 and cnp.PyArray_NDIM(a) != ndim:
        raise ValueError(
            f"{name} has shape {shape_of(a)}; it must have {ndim} "
            f"dimension{'s' if ndim != 1 else ''}"
        )
    cdef int axis
    cdef bint whole = cnp.PyArray_ISBEHAVED_RO(a)
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, axis) % cnp.PyArray_ITEMSIZE(a) != 0:
            whole = False
    if not whole:  # byte-swapped or packed in a record: read from an ordinary copy
        a = np.array(a, dtype=cnp.PyArray_DescrFromType(found), order="C")
    return a


cdef cnp.ndarray plain(cnp.ndarray a):
    """The array without the methods of a subclass, which could give another array."""
    return a if cnp.PyArray_CheckExact(a) else np.ndarray.view(a, np.ndarray)


cdef tuple shape_of(cnp.ndarray a):
    return tuple([cnp.PyArray_DIM(a, axis) for axis in range(cnp.PyArray_NDIM(a))])


cdef int require_shape(cnp.ndarray a, str name, tuple shape, str why) except -1:
    if shape_of(a) != shape:
        raise ValueError(f"{name} has shape {shape_of(a)}; it must be {shape}: {why}")
    return 0


cdef int require_matrix(cnp.ndarray a, str name, cnp.npy_intp rows, cnp.npy_intp columns,
                        str why) except -1:
    """`require_shape` for an array of two dimensions."""
    if cnp.PyArray_DIM(a, 0) != rows or cnp.PyArray_DIM(a, 1) != columns:
        require_shape(a, name, (rows, columns), why)
    return 0


cdef cnp.ndarray result(object out, str name, tuple shape, int type_num, bint unit):
    """`out` when a kernel may write it, or a new array; `unit`: the last axis contiguous."""
    cdef int axis, ndim = len(shape)
    cdef cnp.npy_intp dims[2]
    if out is None:
        if ndim > 2:
            return np.empty(shape, cnp.PyArray_DescrFromType(type_num))
        for axis in range(ndim):
            dims[axis] = shape[axis]
        return cnp.PyArray_EMPTY(ndim, dims, type_num, 0)
    require_ndarray(out, name)
    cdef cnp.ndarray a = out
    if cnp.PyArray_TYPE(a) != type_num:
        raise TypeError(
            f"{name} has dtype {a.dtype}; it must be {cnp.PyArray_DescrFromType(type_num)}, "
            f"like the inputs"
        )
    require_shape(a, name, shape, "the shape of the result")
    require_writable(a, name)
    require_own_elements(a, name)
    if unit and ndim > 0 and cnp.PyArray_DIM(a, ndim - 1) > 1:
        if cnp.PyArray_STRIDE(a, ndim - 1) != cnp.PyArray_ITEMSIZE(a):
            raise ValueError(
                f"{name} has strides {(<object>a).strides}; its last axis must be contiguous "
                f"(rows may lie apart): pass such an array, or leave {name} out"
            )
    return a


cdef cnp.ndarray result_of(object out, str name, int ndim, cnp.npy_intp rows,
                           cnp.npy_intp columns, int type_num):
    """`result` for a matrix, or with `ndim` 1 for a vector of `rows`: the last axis contiguous
    in a matrix; an array that is plainly right is seen to be without making a tuple."""
    cdef cnp.ndarray a
    if out is not None and cnp.PyArray_Check(out):
        a = out
        if (
            cnp.PyArray_NDIM(a) == ndim and cnp.PyArray_TYPE(a) == type_num
            and cnp.PyArray_ISCARRAY(a) and cnp.PyArray_DIM(a, 0) == rows
            and (ndim == 1 or cnp.PyArray_DIM(a, 1) == columns)
        ):
            return a
    cdef tuple shape = (rows,)
    if ndim == 2:
        shape = (rows, columns)
    return result(out, name, shape, type_num, ndim == 2)


cdef void extent(cnp.ndarray a, char **low, char **high) noexcept:
    """The first byte of an array and the one past its last."""
    cdef int axis
    cdef cnp.npy_intp reach
    low[0] = high[0] = cnp.PyArray_BYTES(a)
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) == 0:
            return
        reach = cnp.PyArray_STRIDE(a, axis) * (cnp.PyArray_DIM(a, axis) - 1)
        if reach < 0:
            low[0] += reach
        else:
            high[0] += reach
    high[0] += cnp.PyArray_ITEMSIZE(a)


cdef int require_apart(cnp.ndarray a, str name, cnp.ndarray b, str other) except -1:
    """An array that is written shares no memory with another of the call."""
    cdef char *a_low
    cdef char *a_high
    cdef char *b_low
    cdef char *b_high
    extent(a, &a_low, &a_high)
    extent(b, &b_low, &b_high)
    if a_low < b_high and b_low < a_high and np.shares_memory(a, b):
        raise ValueError(f"{name} shares memory with {other}; pass an array of its own")
    return 0


cdef inline ic_dtype dtype_of(cnp.ndarray a) noexcept:
    return IC_F32 if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32 else IC_F64


cdef inline ptrdiff_t stride_of(cnp.ndarray a, int axis) noexcept:
    """In elements; 1 where an axis of one element leaves it open."""
    if cnp.PyArray_DIM(a, axis) <= 1:
        return 1
    return cnp.PyArray_STRIDE(a, axis) // cnp.PyArray_ITEMSIZE(a)


cdef inline ic_matrix matrix_of(cnp.ndarray a) noexcept:
    """An array of 0, 1 or 2 dimensions as a matrix; one of fewer is a row."""
    cdef ic_matrix m
    cdef int ndim = cnp.PyArray_NDIM(a)
    m.data = cnp.PyArray_DATA(a)
    m.row = stride_of(a, 0) if ndim > 1 else 0
    m.column = stride_of(a, ndim - 1) if ndim > 0 else 1
    return m
