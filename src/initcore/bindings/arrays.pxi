# What an array must be before a kernel may touch it.

cdef int require_ndarray(object array, str name) except -1:
    if not cnp.PyArray_Check(array):
        raise TypeError(
            f"{name} is a {type(array).__name__}; it must be a numpy.ndarray "
            f"(numpy.asarray(...) makes one)"
        )
    if not cnp.PyArray_CheckExact(array):
        _checks.refuse_masked(array, name)
    return 0


cdef int require_writable_values(cnp.ndarray array, str name) except -1:
    if not cnp.PyArray_ISWRITEABLE(array):
        raise ValueError(f"{name} is read-only; pass an array that owns writable memory")
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise ValueError(
            f"{name} is not in native byte order; pass an array of dtype "
            f"{(<object>array).dtype.newbyteorder('=')}"
        )
    return 0


cdef int require_writable(cnp.ndarray array, str name) except -1:
    require_writable_values(array, name)
    if not cnp.PyArray_ISALIGNED(array):
        raise ValueError(
            f"{name} is not aligned; pass a copy made by numpy.require({name}, requirements='AW')"
        )
    return 0


cdef int require_no_overlap(cnp.ndarray a, str name) except -1:
    """Each element of an array that is written has its own place in memory.

    Sufficient, not necessary: strides that interlock without meeting are refused too.
    """
    cdef int axis, other
    cdef cnp.npy_intp step, reach, size
    for axis in range(cnp.PyArray_NDIM(a)):
        step = abs(cnp.PyArray_STRIDE(a, axis))
        if cnp.PyArray_DIM(a, axis) <= 1:
            continue
        # the axes of smaller stride must end before the next step along this one
        reach = cnp.PyArray_ITEMSIZE(a)
        for other in range(cnp.PyArray_NDIM(a)):
            size = cnp.PyArray_DIM(a, other)
            if other != axis and size > 1 and (
                abs(cnp.PyArray_STRIDE(a, other)) < step
                or (abs(cnp.PyArray_STRIDE(a, other)) == step and other > axis)
            ):
                reach += abs(cnp.PyArray_STRIDE(a, other)) * (size - 1)
        if step < reach and cnp.PyArray_SIZE(a) > 0:
            raise ValueError(
                f"{name} has strides {(<object>a).strides}, so that elements of it share memory; "
                f"pass an array whose elements are apart"
            )
    return 0


cdef int require_own_elements(cnp.ndarray a, str name) except -1:
    """`require_no_overlap`, and strides that count in elements."""
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) > 1 and (
            cnp.PyArray_STRIDE(a, axis) % cnp.PyArray_ITEMSIZE(a) != 0
        ):
            raise ValueError(
                f"{name} has strides {(<object>a).strides}; they must be multiples of its "
                f"item size: pass an array that is not a field of a record"
            )
    return require_no_overlap(a, name)


cdef int require_own_memory(cnp.ndarray array, str name) except -1:
    """What a fill needs: elements anywhere, aligned or not, but each in a place of its own."""
    require_writable_values(array, name)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        require_no_overlap(array, name)
    return 0


def _require_own_elements(cnp.ndarray array, str name):
    """Refuse an array in which two elements share memory, as fills do."""
    require_no_overlap(array, name)
