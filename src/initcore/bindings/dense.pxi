# Dense layers: checks and marshalling for dense.h.

cdef tuple ALL_GRADIENTS = ("dx", "dw", "db")
cdef enum:
    WANT_DX = 1
    WANT_DW = 2
    WANT_DB = 4
    WANT_ALL = 7


cdef inline bint is_short(size_t batch, size_t n_in, size_t n_out) noexcept:
    """Whether a layer is done in the time it takes to hand over the interpreter lock, or so."""
    return <double>batch * <double>n_in * <double>n_out < 100e3


def dense_forward(x, w, b=None, *, activation="identity", bint save=True, out=None):
    """Compute y = phi(x w^T + b) in one pass.

    Product, bias and activation touch the output once, and the bytes of `y` do not depend on
    the instruction set, the number of threads, or the memory layout of the inputs.

    Parameters
    ----------
    x : ndarray, (batch, n_in), float32 or float64
        Any strides.
    w : ndarray, (n_out, n_in), the dtype of `x`
        Any strides.
    b : ndarray, (n_out,), optional
        Added before the activation.
    activation : str or object, default "identity"
        A name or an object of :mod:`initcore.activations`.
    save : bool, default True
        Return also what :func:`dense_backward` needs.
    out : ndarray, (batch, n_out), optional
        Where `y` goes; its rows must be contiguous, and it may share no memory with the inputs.

    Returns
    -------
    y : ndarray, (batch, n_out)
    saved : ndarray, only with ``save=True``
        `y` itself where the derivative is a function of it, as for ReLU and tanh; else
        z = x w^T + b, an array of its own, as for GELU and SiLU.

    Raises
    ------
    TypeError
        If an argument is not an ndarray, or dtypes differ.
    ValueError
        If shapes do not fit, or `out` cannot be written as it is.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import kernels
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[3.0, -4.0], [0.5, 0.25]])
    >>> kernels.dense_forward(x, w, activation="relu", save=False)
    array([[0., 1.]])
    """
    if own_function(activation) is not None:
        z = dense_forward(x, w, b, save=False, out=None if save else out)
        return activation_forward(z, activation, save=save, out=out)
    cdef ic_dense_forward layer
    layer.phi = phi_of(activation)
    cdef cnp.ndarray xs = operand(x, "x", 2, -1)
    cdef int type_num = cnp.PyArray_TYPE(xs)
    cdef cnp.ndarray ws = operand(w, "w", 2, type_num)
    cdef cnp.ndarray bs = None
    layer.batch = cnp.PyArray_DIM(xs, 0)
    layer.n_in = cnp.PyArray_DIM(xs, 1)
    layer.n_out = cnp.PyArray_DIM(ws, 0)
    if <size_t>cnp.PyArray_DIM(ws, 1) != layer.n_in:
        raise ValueError(
            f"w has shape {shape_of(ws)}; it must be (n_out, {layer.n_in}), because x has shape "
            f"{shape_of(xs)} = (batch, n_in)"
        )
    layer.b = NULL
    layer.b_stride = 0
    if b is not None:
        bs = operand(b, "b", 1, type_num)
        if <size_t>cnp.PyArray_DIM(bs, 0) != layer.n_out:
            raise ValueError(
                f"b has shape {shape_of(bs)}; it must be ({layer.n_out},), because w has shape "
                f"{shape_of(ws)} = (n_out, n_in)"
            )
        layer.b = cnp.PyArray_DATA(bs)
        layer.b_stride = stride_of(bs, 0)
    cdef cnp.ndarray ys = result_of(out, "out", 2, layer.batch, layer.n_out, type_num)
    if out is not None:
        require_apart(ys, "out", xs, "x")
        require_apart(ys, "out", ws, "w")
        if bs is not None:
            require_apart(ys, "out", bs, "b")
    cdef cnp.ndarray zs = ys
    layer.z.data = NULL
    if save and ic_saves_z(layer.phi.name):
        zs = result_of(None, "saved", 2, layer.batch, layer.n_out, type_num)
        layer.z = matrix_of(zs)
    layer.x = matrix_of(xs)
    layer.w = matrix_of(ws)
    layer.y = matrix_of(ys)
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(xs)
    cdef int status
    if is_short(layer.batch, layer.n_in, layer.n_out):
        status = ic_dense_forward_run(dtype, &layer)
    else:
        watch_signals()
        with nogil:
            status = ic_dense_forward_run(dtype, &layer)
        watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of dense_forward")
    return (ys, zs) if save else ys


def dense_backward(dy, x, w, saved, *, activation="identity", need=ALL_GRADIENTS, out=None,
                   bint accumulate=False):
    """Compute the gradients of a dense layer from the gradient of its output.

    dz = phi'(z) dy, dx = dz w, dw = dz^T x, db = the column sums of dz.

    Parameters
    ----------
    dy : ndarray, (batch, n_out), float32 or float64
        Gradient of the loss in the layer's output. Any strides.
    x : ndarray, (batch, n_in)
        The layer's input; may be None when "dw" is not needed.
    w : ndarray, (n_out, n_in)
        Its weight; may be None when "dx" is not needed.
    saved : ndarray, (batch, n_out)
        What :func:`dense_forward` returned beside `y`; may be None for the identity.
    activation : str or object, default "identity"
        As in :func:`dense_forward`.
    need : collection of str, default ("dx", "dw", "db")
        Which gradients to compute.
    out : tuple (dx, dw, db) or dict, optional
        Arrays to write; None, or a name left out, stands for a new one.
    accumulate : bool, default False
        Add to what the arrays in `out` hold.

    Returns
    -------
    dx : ndarray, (batch, n_in), or None where not needed
    dw : ndarray, (n_out, n_in), or None where not needed
    db : ndarray, (n_out,), or None where not needed

    Raises
    ------
    TypeError
        If an argument is not an ndarray, or dtypes differ.
    ValueError
        If shapes do not fit, a name in `need` is unknown, an array of `out` cannot be written as
        it is, or `accumulate` has nothing to add to.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    if own_function(activation) is not None:
        return dense_backward(activation_backward(dy, saved, activation), x, w, None, need=need,
                              out=out, accumulate=accumulate)
    cdef ic_dense_backward layer
    cdef int wanted = WANT_ALL if need is ALL_GRADIENTS else needed(need)
    cdef bint want_dx = wanted & WANT_DX, want_dw = wanted & WANT_DW, want_db = wanted & WANT_DB
    cdef object out_dx = None, out_dw = None, out_db = None
    if out is not None:
        out_dx, out_dw, out_db = outputs(out)
    layer.phi = phi_of(activation)
    cdef cnp.ndarray dys = operand(dy, "dy", 2, -1)
    cdef int type_num = cnp.PyArray_TYPE(dys)
    cdef cnp.ndarray xs = None, ws = None, ys = None
    layer.batch = cnp.PyArray_DIM(dys, 0)
    layer.n_out = cnp.PyArray_DIM(dys, 1)
    layer.n_in = 0
    layer.accumulate = accumulate
    layer.dy = matrix_of(dys)
    if want_dw or x is not None:
        xs = operand(x, "x", 2, type_num)
        layer.n_in = cnp.PyArray_DIM(xs, 1)
        if <size_t>cnp.PyArray_DIM(xs, 0) != layer.batch:
            raise ValueError(
                f"x has shape {shape_of(xs)}; it must be ({layer.batch}, n_in), because dy has "
                f"shape {shape_of(dys)} = (batch, n_out)"
            )
        layer.x = matrix_of(xs)
    if want_dx or w is not None:
        ws = operand(w, "w", 2, type_num)
        if xs is None:
            layer.n_in = cnp.PyArray_DIM(ws, 1)
        require_matrix(ws, "w", layer.n_out, layer.n_in,
                       "(n_out, n_in) as dy (batch, n_out) and x (batch, n_in) have it")
        layer.w = matrix_of(ws)
    if layer.phi.name != IC_IDENTITY:
        if saved is None:
            raise TypeError(
                f"saved is None; the derivative of {activation!r} needs what dense_forward "
                f"returned beside y"
            )
        ys = operand(saved, "saved", 2, type_num)
        require_matrix(ys, "saved", layer.batch, layer.n_out, "the shape of dy")
        layer.saved = matrix_of(ys)
    else:
        layer.saved.data = NULL

    if accumulate and (
        (want_dx and out_dx is None) or (want_dw and out_dw is None) or (want_db and out_db is None)
    ):
        raise ValueError(
            "accumulate=True adds to what out holds: pass out=(dx, dw, db) with an array for "
            "every gradient in need"
        )
    if (out_dx is not None and not want_dx) or (out_dw is not None and not want_dw) or (
        out_db is not None and not want_db
    ):
        raise ValueError(f"out has an array for a gradient that need={need!r} leaves out")
    cdef cnp.ndarray dx = None, dw = None, db = None
    if want_dx:
        dx = result_of(out_dx, "out[dx]", 2, layer.batch, layer.n_in, type_num)
    if want_dw:
        dw = result_of(out_dw, "out[dw]", 2, layer.n_out, layer.n_in, type_num)
    if want_db:
        db = result_of(out_db, "out[db]", 1, layer.n_out, 1, type_num)
    if out is not None and may_overlap(out_dx, out_dw, out_db, dys, xs, ws, ys):
        require_all_apart((("out[dx]", out_dx), ("out[dw]", out_dw), ("out[db]", out_db)),
                          (("dy", dys), ("x", xs), ("w", ws), ("saved", ys)))
    layer.dx.data = layer.dw.data = layer.db = NULL
    if want_dx:
        layer.dx = matrix_of(dx)
    if want_dw:
        layer.dw = matrix_of(dw)
    if want_db:
        layer.db = cnp.PyArray_DATA(db)
        layer.db_stride = stride_of(db, 0)
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(dys)
    cdef int status
    if is_short(layer.batch, layer.n_in, layer.n_out):
        status = ic_dense_backward_run(dtype, &layer)
    else:
        watch_signals()
        with nogil:
            status = ic_dense_backward_run(dtype, &layer)
        watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of dense_backward")
    return dx, dw, db


cdef int needed(object need) except -1:
    """Which of dx, dw and db are in `need`."""
    cdef int wanted = 0
    if isinstance(need, str):
        raise TypeError(f"need={need!r} must be a collection of names, such as ({need!r},)")
    for name in need:
        if name == "dx":
            wanted |= WANT_DX
        elif name == "dw":
            wanted |= WANT_DW
        elif name == "db":
            wanted |= WANT_DB
        else:
            raise ValueError(f"need={need!r} may name only {', '.join(ALL_GRADIENTS)}")
    return wanted


cdef tuple outputs(object out):
    """`out` of dense_backward as the tuple (dx, dw, db)."""
    if type(out) is tuple and len(out) == 3:
        return out
    if isinstance(out, dict):
        unknown = set(out) - set(ALL_GRADIENTS)
        if unknown:
            raise ValueError(
                f"out has the names {', '.join(map(str, out))}; it may have only "
                f"{', '.join(ALL_GRADIENTS)}"
            )
        return out.get("dx"), out.get("dw"), out.get("db")
    if isinstance(out, (tuple, list)) and len(out) == 3:
        return tuple(out)
    raise TypeError(
        f"out is a {type(out).__name__}; it must be a tuple (dx, dw, db) or a dict with these "
        f"names, None where a new array is wanted"
    )


cdef bint may_overlap(object dx, object dw, object db, cnp.ndarray dy, cnp.ndarray x,
                      cnp.ndarray w, cnp.ndarray y) noexcept:
    """Whether the extent of one of dx, dw, db meets that of another array."""
    cdef void *arrays[7]
    cdef char *low[7]
    cdef char *high[7]
    cdef int i, j
    arrays[0], arrays[1], arrays[2] = <void *>dx, <void *>dw, <void *>db
    arrays[3], arrays[4], arrays[5], arrays[6] = <void *>dy, <void *>x, <void *>w, <void *>y
    for i in range(7):
        low[i] = high[i] = NULL
        if arrays[i] != <void *>None:
            extent(<cnp.ndarray>arrays[i], &low[i], &high[i])
        for j in range(min(i, 3)):
            if low[i] < high[j] and low[j] < high[i]:
                return True
    return False


cdef int require_all_apart(tuple written, tuple read) except -1:
    """No array of `written` shares memory with another one of the call."""
    cdef int i, j
    for i in range(len(written)):
        name, array = written[i]
        if array is None:
            continue
        for j in range(i):
            if written[j][1] is not None:
                require_apart(array, name, written[j][1], written[j][0])
        for other, operand_ in read:
            if operand_ is not None:
                require_apart(array, name, operand_, other)
    return 0


def _fma_chains(str dtype, size_t steps):
    """Compute independent chains of `steps` fmas; return how many operations these were."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype={dtype!r} must be 'float32' or 'float64'")
    kernels_in_use()
    cdef ic_dtype which = IC_F32 if dtype == "float32" else IC_F64
    cdef double flops
    watch_signals()
    with nogil:
        flops = ic_fma_chains(which, steps)
    watched()
    return flops
