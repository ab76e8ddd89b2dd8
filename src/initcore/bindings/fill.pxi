# Fills: uniform, normal and truncated normal numbers, and the bits themselves.


from initcore.keys import require_key

# Seconds after which a fill looks for signals: whether the user wants to interrupt it.
cdef double SIGNAL_INTERVAL = 0.02


cdef double real_number(object value, str name) except? -1.0:
    if type(value) is float and value == value:
        return value
    return _checks.number(value, name)


cdef object type_name(int real):
    return ("float32", "float64", "float16", "bfloat16")[real]


cdef double finite(object value, str name, int real) except? -1.0:
    """The number; an error if rounding it to the array's type leaves the finite numbers."""
    cdef double number = real_number(value, name)
    if not ic_real_holds(<ic_real>real, number):
        raise ValueError(
            f"{name}={value!r} must be finite in {type_name(real)}; use a smaller number"
            + ("" if real == IC_REAL_F64 else " or a float64 array")
        )
    return number


cdef int uniform_law(ic_fill_law *law, ic_real real, object low, object high) except -1:
    cdef double a = finite(low, "low", real), b = finite(high, "high", real)
    if a > b:
        raise ValueError(f"low={low!r} must not be above high={high!r}; exchange them")
    cdef double span = b - a if real == IC_REAL_F64 else <double>(<float>b - <float>a)
    if span - span != 0.0:
        raise ValueError(
            f"low={low!r}, high={high!r}: high - low must be finite in the array's type; "
            f"use a narrower interval"
        )
    ic_fill_law_uniform(law, real, a, b)
    return 0


cdef int check_normal(ic_real real, double mean, double std, object given) except -1:
    if std < 0.0:
        raise ValueError(f"std={given!r} must not be negative; use its absolute value")
    cdef double largest
    if real == IC_REAL_F64:
        largest = ic_normal_reach_f64() * std + abs(mean)
    else:
        largest = <double>(<float>(ic_normal_reach_f32() * <float>std) + <float>abs(mean))
    if not ic_real_holds(real, largest):
        raise ValueError(
            f"std={given!r} is too large: values that many standard deviations out are "
            f"infinite in {type_name(real)}; use a smaller std"
        )
    return 0


cdef int normal_law(ic_fill_law *law, ic_real real, object mean, object std) except -1:
    cdef double m = finite(mean, "mean", real), s = finite(std, "std", real)
    check_normal(real, m, s, std)
    ic_fill_law_normal(law, real, m, s)
    return 0


cdef int truncated_normal_law(ic_fill_law *law, ic_real real, object mean, object std,
                              object low, object high) except -1:
    cdef double m = finite(mean, "mean", real), s = finite(std, "std", real)
    cdef double a = real_number(low, "low"), b = real_number(high, "high")
    check_normal(real, m, s, std)
    if not a < b:
        raise ValueError(
            f"low={low!r} must be below high={high!r}: nothing lies between them otherwise"
        )
    if not ic_fill_law_truncated_normal(law, real, m, s, a, b):
        raise ValueError(
            f"low={low!r}, high={high!r} hold no probability of the normal law with "
            f"mean={mean!r}, std={std!r} that double precision can resolve; "
            f"move the bounds to within 36 standard deviations of the mean, or widen them"
        )
    return 0


cdef ic_real real_type(object out) except *:
    """The type of the elements; bfloat16 is that of ml_dtypes."""
    require_ndarray(out, "out")
    cdef int kind = cnp.PyArray_TYPE(out)
    if kind == cnp.NPY_FLOAT32:
        return IC_REAL_F32
    if kind == cnp.NPY_FLOAT64:
        return IC_REAL_F64
    if kind == cnp.NPY_FLOAT16:
        return IC_REAL_F16
    if cnp.PyArray_ITEMSIZE(out) == 2 and out.dtype.name == "bfloat16":
        return IC_REAL_BF16
    raise TypeError(
        f"out has dtype {out.dtype}; it must be float32, float64, float16 or bfloat16 "
        f"(make it with numpy.empty(shape, dtype=numpy.float32))"
    )


cdef bint is_float64(object out) except *:
    """For kernels that have no 16-bit types."""
    cdef ic_real real = real_type(out)
    if real != IC_REAL_F32 and real != IC_REAL_F64:
        raise TypeError(
            f"out has dtype {out.dtype}; it must be float32 or float64 "
            f"(make it with numpy.empty(shape, dtype=numpy.float32))"
        )
    return real == IC_REAL_F64


cdef int bits_law(ic_fill_law *law, object out) except -1:
    require_ndarray(out, "out")
    cdef int size = cnp.PyArray_ITEMSIZE(out)
    if not cnp.PyArray_ISUNSIGNED(out) or size != 4 and size != 8:
        raise TypeError(
            f"out has dtype {out.dtype}; it must be uint32 or uint64 "
            f"(make it with numpy.empty(shape, dtype=numpy.uint32))"
        )
    ic_fill_law_bits(law, size == 8)
    return 0


cdef uint64_t word64(object value, str name) except? 0:
    if type(value) is not int or not 0 <= value < 2**64:
        return _checks.seed(value, name)
    return value


cdef struct axes:
    int64_t shape[IC_FILL_MAX_DIMENSIONS]
    int64_t step[IC_FILL_MAX_DIMENSIONS]
    int64_t index[IC_FILL_MAX_DIMENSIONS]


cdef int aim(ic_fill_target *target, axes *of, cnp.ndarray out, uint64_t first,
             object strides) except -1:
    """The target that an array is, which refers to `of`."""
    require_own_memory(out, "out")
    cdef int64_t size = 1
    cdef int d, dimensions = cnp.PyArray_NDIM(out)
    for d in range(dimensions - 1, -1, -1):
        of.shape[d] = cnp.PyArray_DIM(out, d)
        of.step[d] = cnp.PyArray_STRIDE(out, d)
        of.index[d] = size
        size *= of.shape[d]
    if strides is not None:
        if len(strides) != dimensions:
            raise ValueError(
                f"strides={strides!r} must have one entry for each of out's {dimensions} dimensions"
            )
        for d in range(dimensions):
            of.index[d] = strides[d]
    target.data = cnp.PyArray_BYTES(out)
    target.dimensions = dimensions
    target.shape = &of.shape[0]
    target.step = &of.step[0]
    target.index = &of.index[0]
    target.first = first
    return 0


cdef inline ic_stream stream_of(uint64_t seed, uint64_t stream_id) noexcept nogil:
    cdef ic_stream stream
    stream.key[0] = <uint32_t>seed
    stream.key[1] = <uint32_t>(seed >> 32)
    stream.id[0] = <uint32_t>stream_id
    stream.id[1] = <uint32_t>(stream_id >> 32)
    return stream


cdef object write(cnp.ndarray out, const ic_fill_law *law, uint64_t seed, uint64_t stream_id,
                  uint64_t first, object strides):
    cdef ic_fill_target target
    cdef axes of
    aim(&target, &of, out, first, strides)
    kernels_in_use()
    cdef ic_stream stream = stream_of(seed, stream_id)
    cdef size_t piece = 0
    while True:
        with nogil:
            piece = ic_fill_from(piece, &target, &stream, law, SIGNAL_INTERVAL)
        if piece == IC_FILL_DONE:
            return out
        PyErr_CheckSignals()


def fill_uniform(out, *, low=0.0, high=1.0, key):
    """Fill an array with uniform numbers, low <= x < high.

    Element i, counted in C order, depends on the key and i alone: not on the number of threads,
    the instruction set or the array's strides.

    Parameters
    ----------
    out : numpy.ndarray, float32, float64, float16 or bfloat16 (that of ml_dtypes)
        Any shape and strides; written in place.
    low, high : float
        The interval; rounded once to the array's type. Equal bounds give that number.
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
        If low > high, a bound or high - low is not finite, or `out` is read-only.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.
    """
    cdef ic_fill_law law
    uniform_law(&law, real_type(out), low, high)
    require_key(key)
    return write(out, &law, key.seed, key.stream_id("value"), 0, None)


def fill_normal(out, *, mean=0.0, std=1.0, key):
    """Fill an array with normal numbers.

    Element i, counted in C order, depends on the key and i alone: not on the number of threads,
    the instruction set or the array's strides.

    Parameters
    ----------
    out : numpy.ndarray, float32, float64, float16 or bfloat16 (that of ml_dtypes)
        Any shape and strides; written in place.
    mean, std : float
        Rounded once to the array's type; x = z std + mean.
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
        If a parameter is not finite or std is negative, or `out` is read-only.

    Notes
    -----
    No number lies beyond 6.66 std in float32, 8.57 std in float64.

    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md; Box and Muller (1958).

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import Key, kernels
    >>> w = kernels.fill_normal(np.empty((64, 32), np.float32), std=0.02, key=Key(0) / "fc")
    >>> bool(0.018 < w.std() < 0.022)
    True
    """
    cdef ic_fill_law law
    normal_law(&law, real_type(out), mean, std)
    require_key(key)
    return write(out, &law, key.seed, key.stream_id("value"), 0, None)


def fill_truncated_normal(out, *, mean=0.0, std=1.0, low=-2.0, high=2.0, key):
    """Fill an array with normal numbers given that low <= x <= high.

    `mean` and `std` are those of the normal law before it is cut, low and high are values, not
    multiples of std. Each element takes one draw, however much is cut away. Where no plain
    normal number could leave the bounds, the bytes are those of `fill_normal`.

    Parameters
    ----------
    out : numpy.ndarray, float32, float64, float16 or bfloat16 (that of ml_dtypes)
        Any shape and strides; written in place.
    mean, std : float
        Of the law before truncation; rounded once to the array's type.
    low, high : float
        The closed interval; either may be infinite.
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
        If low >= high, std is negative, a parameter is NaN or mean or std infinite, the interval
        holds no probability that double precision resolves, or `out` is read-only.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: docs/stream-v1.md.
    """
    cdef ic_fill_law law
    truncated_normal_law(&law, real_type(out), mean, std, low, high)
    require_key(key)
    return write(out, &law, key.seed, key.stream_id("value"), 0, None)


def random_bits(out, *, key, kind="value"):
    """Fill an array with the words of a stream.

    Parameters
    ----------
    out : numpy.ndarray, uint32 or uint64
        Any shape and strides; written in place.
    key : initcore.Key
    kind : str, default "value"
        Which of the key's streams; "value" is the one that the fills draw from.

    Returns
    -------
    numpy.ndarray
        `out` itself.

    Raises
    ------
    TypeError
        If `out` is no array of uint32 or uint64, or `key` no Key.
    ValueError
        If `out` is read-only.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: Philox4x32-10; docs/stream-v1.md.
    """
    cdef ic_fill_law law
    bits_law(&law, out)
    if not isinstance(kind, str):
        raise TypeError(f'kind={kind!r} must be a str such as "value" or "mask"')
    require_key(key)
    return write(out, &law, key.seed, key.stream_id(kind), 0, None)


cdef int law_of(ic_fill_law *native, object law, object out, object p) except -1:
    """The law of a name and its parameters, as `_fill` takes them."""
    if law == "uniform":
        low, high = p
        uniform_law(native, real_type(out), low, high)
    elif law == "normal":
        mean, std = p
        normal_law(native, real_type(out), mean, std)
    elif law == "truncated_normal":
        mean, std, low, high = p
        truncated_normal_law(native, real_type(out), mean, std, low, high)
    elif law == "sign":
        scale, = p
        sign_law(native, real_type(out), scale)
    elif law == "bits":
        bits_law(native, out)
    else:
        raise ValueError(
            f"law={law!r} must be 'uniform', 'normal', 'truncated_normal', 'sign' or 'bits'"
        )
    return 0


def _fill(law, out, p, seed, stream_id, first=0, strides=None):
    """Fill out[j0, j1, ...] with the element first + sum_d j_d strides[d] of a stream.

    `law` is "uniform" with p = (low, high), "normal" with (mean, std), "truncated_normal" with
    (mean, std, low, high), "sign" with (scale,), or "bits" with () for arrays of uint32 or
    uint64. Without `strides` the elements are in C order of out.shape.
    """
    cdef ic_fill_law native
    law_of(&native, law, out, p)
    return write(out, &native, word64(seed, "seed"), word64(stream_id, "stream_id"),
                 word64(first, "first"), strides)


def _truncated_moments(low, high):
    """Mean and variance of N(0, 1) given low < x < high."""
    cdef double a = real_number(low, "low"), b = real_number(high, "high")
    cdef double mean, variance
    if not a < b:
        raise ValueError(f"low={low!r} must be below high={high!r}")
    ic_truncated_normal_moments(&mean, &variance, a, b)
    return mean, variance


def _philox4x32(counter, key):
    """The four words of one block, from a counter of four words and a key of two."""
    cdef uint32_t counter_words[4]
    cdef uint32_t key_words[2]
    cdef uint32_t words[4]
    cdef int i
    for i in range(4):
        counter_words[i] = counter[i]
    for i in range(2):
        key_words[i] = key[i]
    ic_philox4x32(words, counter_words, key_words)
    return words[0], words[1], words[2], words[3]
