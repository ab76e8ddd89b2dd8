# Kinds of draws besides values: signs, masks, and zeros in the columns of a matrix.


cdef int sign_law(ic_fill_law *law, ic_real real, object scale) except -1:
    ic_fill_law_sign(law, real, finite(scale, "scale", real))
    return 0


def fill_sign(out, *, scale=1.0, key):
    """Fill an array with scale or -scale, each with probability 1/2.

    One bit of the stream of kind "sign" is drawn for an element, so that signs are independent
    of the values that other fills draw with the same key.

    Parameters
    ----------
    out : numpy.ndarray, float32, float64, float16 or bfloat16 (that of ml_dtypes)
        Any shape and strides; written in place.
    scale : float, default 1.0
        Rounded once to the array's type.
    key : initcore.Key

    Returns
    -------
    numpy.ndarray
        `out` itself.

    Raises
    ------
    TypeError
        If `out` is no float array, or `key` no Key.
    ValueError
        If `scale` is not finite, or `out` is read-only.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import Key, kernels
    >>> signs = kernels.fill_sign(np.empty(1000, np.float32), scale=0.5, key=Key(0) / "signs")
    >>> sorted(set(signs.tolist()))
    [-0.5, 0.5]
    """
    cdef ic_fill_law law
    sign_law(&law, real_type(out), scale)
    require_key(key)
    return write(out, &law, key.seed, key.stream_id("sign"), 0, None)


def random_mask(out, *, p, key, kind="mask", first=0):
    """Fill an array with independent True values of probability p.

    The stream is of kind "mask": whether an element stays is independent of the value that a
    fill with the same key gives it, and the values do not move when p changes. A mask of a
    smaller p is a part of one of a larger p.

    Parameters
    ----------
    out : numpy.ndarray of bool
        Any shape and strides; written in place.
    p : float
        Probability of True, from 0 (never) to 1 (always), to within 2**-33.
    key : initcore.Key
    kind : str, default "mask"
        The kind of stream; layers of dropout draw from "dropout".
    first : int, default 0
        The element of the stream that out's first element is, from 0 to 2**64 - 1.

    Returns
    -------
    numpy.ndarray
        `out` itself.

    Raises
    ------
    TypeError
        If `out` is no array of bool, `key` no Key, or `first` no int.
    ValueError
        If `p` is not from 0 to 1, `first` is out of range, or `out` is read-only.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import Key, kernels
    >>> mask = kernels.random_mask(np.empty(10_000, bool), p=0.25, key=Key(0) / "mask")
    >>> bool(0.23 < mask.mean() < 0.27)
    True
    """
    cdef ic_fill_law law
    require_ndarray(out, "out")
    if cnp.PyArray_TYPE(out) != cnp.NPY_BOOL:
        raise TypeError(
            f"out has dtype {out.dtype}; it must be bool (make it with numpy.empty(shape, bool))"
        )
    if not isinstance(kind, str):
        raise TypeError(f'kind={kind!r} must be a str such as "mask" or "dropout"')
    cdef double probability = real_number(p, "p")
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"p={p!r} must be a probability, from 0 to 1")
    require_key(key)
    ic_fill_law_mask(&law, probability)
    cdef uint64_t begin = word64(first, "first")
    if begin > <uint64_t>0 - <uint64_t>out.size and out.size:
        raise ValueError(
            f"first={first} leaves no {out.size} elements of the stream, which has 2**64: it must "
            f"be at most {2**64 - out.size}"
        )
    return write(out, &law, key.seed, key.stream_id(kind), begin, None)


def _zero_columns(out, rows, zeros, seed, stream_id, first, strides):
    """Set elements of out to zero: in each column those whose place is below `zeros`.

    out is a block of a matrix of `rows` rows. `first` is the row and the column of out's first
    element; `strides` says for each axis of out how far a step moves in rows, and in columns; at
    most one axis moves in rows.
    """
    require_ndarray(out, "out")
    require_own_memory(out, "out")
    kernels_in_use()
    cdef ic_sparse_target target
    cdef ic_stream stream = stream_of(word64(seed, "seed"), word64(stream_id, "stream_id"))
    cdef cnp.ndarray array = out
    cdef int d, axes = cnp.PyArray_NDIM(array)
    if not 0 <= zeros <= rows < 2**31:
        raise ValueError(f"rows={rows!r}, zeros={zeros!r} must be 0 <= zeros <= rows < 2**31")
    cdef uint32_t n = rows, count = zeros
    target.data = cnp.PyArray_BYTES(array)
    target.item = cnp.PyArray_ITEMSIZE(array)
    target.first_row, target.first_column = first
    target.rows = 1
    target.row_step = target.row_index = 0
    target.dimensions = 0
    for d in range(axes):
        if strides[0][d] != 0:
            target.rows = cnp.PyArray_DIM(array, d)
            target.row_step = cnp.PyArray_STRIDE(array, d)
            target.row_index = strides[0][d]
        else:
            target.shape[target.dimensions] = cnp.PyArray_DIM(array, d)
            target.step[target.dimensions] = cnp.PyArray_STRIDE(array, d)
            target.index[target.dimensions] = strides[1][d]
            target.dimensions += 1
    if cnp.PyArray_SIZE(array) > 0 and count > 0:
        watch_signals()
        with nogil:
            ic_zero_columns(&target, n, count, &stream)
        watched()
    return out
