# Losses: checks and marshalling for losses.h.


def softmax_cross_entropy(logits, labels, *, out=None):
    """Compute the mean cross-entropy of softmax(logits), and its gradient.

    Parameters
    ----------
    logits : ndarray, (batch, classes), float32 or float64
    labels : ndarray of int64, (batch,)
        The class of each row, from 0 to classes - 1.
    out : ndarray, (batch, classes), optional
        Where the gradient goes; its rows must be contiguous. It may be `logits` itself.

    Returns
    -------
    loss : float
        Mean over the batch of -log softmax(logits)[label], in nats.
    dlogits : ndarray, (batch, classes)
        (softmax(logits) - onehot(labels)) / batch.

    Raises
    ------
    TypeError
        If dtypes are not as above.
    ValueError
        If shapes do not fit, the batch is empty, or a label is not a class.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    cdef cnp.ndarray zs = operand(logits, "logits", 2, -1)
    cdef int type_num = cnp.PyArray_TYPE(zs)
    cdef size_t batch = cnp.PyArray_DIM(zs, 0), classes = cnp.PyArray_DIM(zs, 1)
    if batch == 0 or classes == 0:
        raise ValueError(
            f"logits has shape {shape_of(zs)}; a mean needs at least one row and one class: "
            f"leave an empty batch out"
        )
    cdef cnp.ndarray ls = operand(labels, "labels", 1, cnp.NPY_INT64)
    require_shape(ls, "labels", (batch,), "one label for each row of logits")
    cdef cnp.ndarray own_labels = checked_classes(ls, classes)
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(own_labels)
    cdef ptrdiff_t label_stride = 1
    cdef cnp.ndarray ds = result(out, "out", (batch, classes), type_num, True)
    cdef ic_matrix z = matrix_of(zs), d = matrix_of(ds)
    if out is not None:
        if z.data != d.data or z.row != d.row or z.column != d.column:
            require_apart(ds, "out", zs, "logits")
        require_apart(ds, "out", ls, "labels")
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(zs)
    cdef double loss
    cdef int status
    watch_signals()
    with nogil:
        status = ic_softmax_cross_entropy(dtype, &loss, &d, &z, label, label_stride, batch, classes)
    watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of softmax_cross_entropy")
    return loss, ds


def mean_squared_error(y, target, *, out=None):
    """Compute the mean of (y - target)^2 over all elements, and its gradient in `y`.

    Parameters
    ----------
    y : ndarray, any shape, float32 or float64
    target : ndarray, the shape and dtype of `y`
    out : ndarray, the shape of `y`, optional
        Where the gradient goes; its last axis must be contiguous. It may be `y` or `target`.

    Returns
    -------
    loss : float
    dy : ndarray, the shape of `y`
        2 (y - target) / number of elements.

    Raises
    ------
    TypeError
        If dtypes are not as above.
    ValueError
        If shapes differ or there is no element.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    cdef cnp.ndarray ys = operand(y, "y", -1, -1)
    cdef int type_num = cnp.PyArray_TYPE(ys)
    cdef cnp.ndarray ts = operand(target, "target", -1, type_num)
    cdef tuple shape = shape_of(ys)
    require_shape(ts, "target", shape, "the shape of y")
    if cnp.PyArray_SIZE(ys) == 0:
        raise ValueError(f"y has shape {shape}; a mean needs at least one element")
    cdef cnp.ndarray ds = result(out, "out", shape, type_num, True)
    cdef cnp.ndarray lines = ds
    if len(shape) > 2:
        if not cnp.PyArray_IS_C_CONTIGUOUS(ds):
            raise ValueError(
                f"out has strides {(<object>ds).strides}; with more than 2 dimensions it must be "
                f"C-contiguous: pass such an array, or leave out out"
            )
        ys, ts, lines = (
            plain(a).reshape(-1, shape[len(shape) - 1]) for a in (ys, ts, ds)
        )
    cdef ic_matrix m = matrix_of(ys), t = matrix_of(ts), d = matrix_of(lines)
    if out is not None:
        if m.data != d.data or m.row != d.row or m.column != d.column:
            require_apart(lines, "out", ys, "y")
        if t.data != d.data or t.row != d.row or t.column != d.column:
            require_apart(lines, "out", ts, "target")
    cdef size_t columns = shape[len(shape) - 1] if shape else 1
    cdef size_t rows = cnp.PyArray_SIZE(ys) // columns
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(ys)
    cdef double loss
    cdef int status
    watch_signals()
    with nogil:
        status = ic_mean_squared_error(dtype, &loss, &d, &m, &t, rows, columns)
    watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of mean_squared_error")
    return loss, ds


cdef cnp.ndarray sample_weights_of(object weights, size_t rows, int type_num):
    """`weights` as an array (rows,) that a kernel may read, or None."""
    if weights is None:
        return None
    cdef cnp.ndarray found = operand(weights, "sample_weights", 1, type_num)
    require_shape(found, "sample_weights", (rows,), "one weight for each row")
    return found


cdef cnp.ndarray checked_classes(cnp.ndarray labels, size_t classes):
    """A copy of the labels, each of which is one of the classes.

    A kernel writes where a label says. It runs without the interpreter lock, while another thread
    may write the array of the user's: so what was checked is a copy, and the kernel reads that.
    """
    cdef cnp.npy_intp rows = cnp.PyArray_DIM(labels, 0)
    cdef cnp.ndarray own = cnp.PyArray_EMPTY(1, &rows, cnp.NPY_INT64, 0)
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(labels)
    cdef int64_t *to = <int64_t *>cnp.PyArray_DATA(own)
    cdef ptrdiff_t stride = stride_of(labels, 0)
    cdef cnp.npy_intp row
    for row in range(rows):
        to[row] = label[row * stride]
    for row in range(rows):
        if not 0 <= to[row] < <int64_t>classes:
            raise ValueError(
                f"labels[{row}]={to[row]} must be from 0 to {classes - 1}, because logits has "
                f"{classes} columns"
            )
    return own


def cross_entropy(logits, targets, *, labels=None, peaks=None, sample_weights=None, out=None):
    """Compute the cross-entropy of softmax(logits) under any targets, and its gradient.

    The target of row i is targets[i], and, with labels, peaks[labels[i]] more at that class. It
    need not sum to one: weights of classes and the smoothing of labels are in it already.

    Parameters
    ----------
    logits : ndarray, (batch, classes), float32 or float64
    targets : ndarray, (batch, classes) or (classes,), dtype of `logits`
        Not negative; one row stands for all.
    labels : ndarray of int64, (batch,), optional
        The class of each row, from 0 to classes - 1.
    peaks : ndarray, (classes,), optional
        Given with `labels`: the target of a class on top of `targets`, where it is the label.
    sample_weights : ndarray, (batch,), optional
        By which the loss of each row is multiplied.
    out : ndarray, (batch, classes), optional
        Where the gradient goes; its rows must be contiguous. It may be `logits` itself.

    Returns
    -------
    loss : float
        The sum of weight * sum_c target_c * -log softmax(logits)_c over rows, over batch. A target
        of 0 takes no part, even where the logit is minus infinity.
    dlogits : ndarray, (batch, classes)

    Raises
    ------
    TypeError
        If dtypes are not as above.
    ValueError
        If shapes do not fit, the batch is empty, or a label is not a class.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    cdef cnp.ndarray zs = operand(logits, "logits", 2, -1)
    cdef int type_num = cnp.PyArray_TYPE(zs)
    cdef size_t batch = cnp.PyArray_DIM(zs, 0), classes = cnp.PyArray_DIM(zs, 1)
    if batch == 0 or classes == 0:
        raise ValueError(
            f"logits has shape {shape_of(zs)}; a mean needs at least one row and one class: "
            f"leave an empty batch out"
        )
    cdef cnp.ndarray ts = operand(targets, "targets", -1, type_num)
    cdef cnp.ndarray ls = None, ps = None, own_labels
    if cnp.PyArray_NDIM(ts) == 1:
        require_shape(ts, "targets", (classes,), "one target for each class")
    else:
        require_shape(ts, "targets", (batch, classes), "the shape of logits")
    if cnp.PyArray_DIM(ts, cnp.PyArray_NDIM(ts) - 1) > 1 and stride_of(
        ts, cnp.PyArray_NDIM(ts) - 1
    ) != 1:
        ts = np.ascontiguousarray(ts)
    if (labels is None) != (peaks is None):
        raise ValueError("labels and peaks belong together: pass both, or neither")
    cdef ic_cross_entropy job
    job.labels = NULL
    job.label_stride = 0
    job.peaks = NULL
    if labels is not None:
        ls = operand(labels, "labels", 1, cnp.NPY_INT64)
        require_shape(ls, "labels", (batch,), "one label for each row of logits")
        ps = np.ascontiguousarray(operand(peaks, "peaks", 1, type_num))
        require_shape(ps, "peaks", (classes,), "one target for each class")
        own_labels = checked_classes(ls, classes)
        job.labels = <const int64_t *>cnp.PyArray_DATA(own_labels)
        job.label_stride = 1
        job.peaks = cnp.PyArray_DATA(ps)
    cdef cnp.ndarray ws = sample_weights_of(sample_weights, batch, type_num)
    cdef cnp.ndarray ds = result(out, "out", (batch, classes), type_num, True)
    cdef ic_matrix d = matrix_of(ds)
    job.z, job.t = matrix_of(zs), matrix_of(ts)
    job.weights = NULL if ws is None else cnp.PyArray_DATA(ws)
    job.weight_stride = 0 if ws is None else stride_of(ws, 0)
    job.columns, job.batch = classes, batch
    if out is not None:
        if job.z.data != d.data or job.z.row != d.row or job.z.column != d.column:
            require_apart(ds, "out", zs, "logits")
        require_all_apart(
            (("out", ds),),
            (("targets", ts), ("labels", ls), ("peaks", ps), ("sample_weights", ws)),
        )
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(zs)
    cdef double loss
    cdef int status
    watch_signals()
    with nogil:
        status = ic_cross_entropy_run(dtype, &loss, &d, &job)
    watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of cross_entropy")
    return loss, ds


cdef dict ERRORS = {
    "squared": IC_SQUARED,
    "absolute": IC_ABSOLUTE,
    "huber": IC_HUBER,
    "binary": IC_BINARY,
}


def error_loss(str error, y, target, *, a=1.0, b=1.0, sample_weights=None, out=None):
    """Compute the mean over all elements of an error of y against target, and its gradient.

    Parameters
    ----------
    error : str
        "squared": (y - t)^2. "absolute": |y - t|. "huber": c (|y - t| - c / 2) with
        c = min(|y - t|, a). "binary": a t softplus(-y) + b (1 - t) softplus(y), where y is a
        logit, t a probability, and softplus(y) = log(1 + exp(y)).
    y : ndarray, (batch, n_out), float32 or float64
    target : ndarray, the shape and dtype of `y`
    a, b : float, default 1.0
        As above; rounded once to the dtype.
    sample_weights : ndarray, (batch,), optional
        By which the loss of each row is multiplied.
    out : ndarray, the shape of `y`, optional
        Where the gradient goes; its rows must be contiguous. It may be `y` or `target`.

    Returns
    -------
    loss : float
        The sum over rows of weight * sum of the row's errors, over the number of elements.
    dy : ndarray, the shape of `y`

    Raises
    ------
    TypeError
        If dtypes are not as above.
    ValueError
        If shapes differ, there is no element, or the error has another name.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    if error not in ERRORS:
        raise ValueError(f"error={error!r} must be one of {', '.join(ERRORS)}")
    cdef cnp.ndarray ys = operand(y, "y", 2, -1)
    cdef int type_num = cnp.PyArray_TYPE(ys)
    cdef bint is_double = type_num == cnp.NPY_FLOAT64
    cdef ic_errors job
    job.name = ERRORS[error]
    job.a, job.b = finite(a, "a", is_double), finite(b, "b", is_double)
    cdef cnp.ndarray ts = operand(target, "target", 2, type_num)
    cdef size_t rows = cnp.PyArray_DIM(ys, 0), columns = cnp.PyArray_DIM(ys, 1)
    require_matrix(ts, "target", rows, columns, "the shape of y")
    if rows * columns == 0:
        raise ValueError(f"y has shape {shape_of(ys)}; a mean needs at least one element")
    cdef cnp.ndarray ws = sample_weights_of(sample_weights, rows, type_num)
    cdef cnp.ndarray ds = result(out, "out", (rows, columns), type_num, True)
    cdef ic_matrix d = matrix_of(ds)
    job.y, job.t = matrix_of(ys), matrix_of(ts)
    job.weights = NULL if ws is None else cnp.PyArray_DATA(ws)
    job.weight_stride = 0 if ws is None else stride_of(ws, 0)
    job.columns, job.count = columns, rows * columns
    if out is not None:
        if job.y.data != d.data or job.y.row != d.row or job.y.column != d.column:
            require_apart(ds, "out", ys, "y")
        if job.t.data != d.data or job.t.row != d.row or job.t.column != d.column:
            require_apart(ds, "out", ts, "target")
        require_all_apart((("out", ds),), (("sample_weights", ws),))
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(ys)
    cdef double loss
    cdef int status
    watch_signals()
    with nogil:
        status = ic_errors_run(dtype, &loss, &d, &job, rows)
    watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of error_loss")
    return loss, ds
