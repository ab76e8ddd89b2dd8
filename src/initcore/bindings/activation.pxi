# Activations: their names and numbers, and single functions over arrays.

cdef dict ACTIVATIONS = {}  # name -> code
cdef int activation_code = 0
while ic_activation_of(activation_code) != NULL:
    ACTIVATIONS[ic_activation_of(activation_code).name.decode()] = activation_code
    activation_code += 1


cdef ic_phi phi_of(object activation) except *:
    """The kernels' form of an activation's name or object."""
    cdef ic_phi phi
    cdef tuple numbers = ()
    cdef object name = activation
    if type(activation) is not str:
        try:
            name = activation.name
            numbers = tuple(activation.parameters)
        except (AttributeError, TypeError):
            raise TypeError(
                f"activation={activation!r} must be a name or an object of initcore.activations"
            ) from None
    cdef object code = ACTIVATIONS.get(name)
    if code is None:
        raise ValueError(
            f"activation={activation!r} is not one that the kernels know; "
            f"use one of {', '.join(ACTIVATIONS)}"
        )
    cdef const ic_activation_facts *facts = ic_activation_of(code)
    phi.name = <ic_activation><int>code
    phi.a = facts.given[0]
    phi.b = facts.given[1]
    if len(numbers) > facts.numbers:
        raise ValueError(f"activation={activation!r} has more parameters than {name} takes")
    if numbers:
        phi.a = finite(numbers[0], "parameters[0]", True)
    if len(numbers) > 1:
        phi.b = finite(numbers[1], "parameters[1]", True)
    require_numbers(phi)
    return phi


def _saves_z(activation):
    """Whether the derivative of an activation of the kernels is a function of z, not of y; None
    for one of a user's own."""
    if own_function(activation) is not None:
        return None
    return bool(ic_saves_z(phi_of(activation).name))


cdef object own_function(object activation):
    """An activation that has functions of its own and a name that is not the kernels'; or None."""
    if type(activation) is str:
        return None
    cdef object name = getattr(activation, "name", None)
    if name in ACTIVATIONS or not hasattr(activation, "phi") or not hasattr(activation, "dphi"):
        return None
    return activation


cdef cnp.ndarray own_values(object function, str what, cnp.ndarray z):
    """What a function of the user's gives for z, in the type of z."""
    cdef object values = np.asarray(function(z))
    if values.shape != (<object>z).shape:
        raise ValueError(
            f"{what} gave an array of shape {values.shape} for one of shape {shape_of(z)}; it must "
            f"give one value for each element"
        )
    return values.astype(z.dtype, copy=False)


cdef int require_numbers(ic_phi phi) except -1:
    """The numbers are such that backward can tell z from what was saved."""
    if phi.name == IC_LEAKY_RELU and phi.a <= 0:
        raise ValueError(
            f"slope={phi.a!r} must be greater than 0, because backward tells the side of "
            f"z by the sign of phi(z); for a slope of 0 use 'relu', for any other 'prelu'"
        )
    if phi.name in (IC_ELU, IC_CELU) and phi.a <= 0:
        raise ValueError(
            f"alpha={phi.a!r} must be greater than 0, because backward tells the side of z by "
            f"the sign of phi(z); for 0 use 'relu'"
        )
    if phi.name == IC_SOFTPLUS and phi.a <= 0:
        raise ValueError(f"beta={phi.a!r} must be greater than 0: the formula divides by it")
    if phi.name == IC_SQUAREPLUS and phi.a <= 0:
        raise ValueError(f"b={phi.a!r} must be greater than 0; for 0 use 'relu'")
    if phi.name == IC_HARDTANH and not phi.a < phi.b:
        raise ValueError(f"low={phi.a!r} must be less than high={phi.b!r}")
    return 0


cdef cnp.ndarray read_by_lines(cnp.ndarray array):
    """An array that a map can go over: a matrix as it lies, another one contiguous."""
    return array if cnp.PyArray_NDIM(array) == 2 else np.ascontiguousarray(array)


cdef ic_matrix lines_of(cnp.ndarray array) noexcept:
    """A matrix, or another array that is contiguous as one line."""
    cdef ic_matrix line
    if cnp.PyArray_NDIM(array) == 2:
        return matrix_of(array)
    line.data, line.row, line.column = cnp.PyArray_DATA(array), cnp.PyArray_SIZE(array), 1
    return line


cdef cnp.ndarray elementwise_result(object out, cnp.ndarray like):
    """`out`, or a new array, of the shape and type of `like`: C-contiguous, or a matrix whose rows
    are."""
    cdef cnp.ndarray a = result(out, "out", shape_of(like), cnp.PyArray_TYPE(like), True)
    if cnp.PyArray_NDIM(a) != 2 and not cnp.PyArray_ISCARRAY(a):
        raise ValueError(
            f"out has strides {(<object>a).strides}; it must be C-contiguous: pass such an array, "
            f"or leave it out"
        )
    return a


def activation_forward(z, activation, *, bint save=True, out=None):
    """Compute y = phi(z), element by element.

    Parameters
    ----------
    z : ndarray, float32 or float64
        Any shape and strides; a matrix is read as it lies, other arrays that are not contiguous
        through a copy.
    activation : str or object
        As in :func:`dense_forward`.
    save : bool, default True
        Return also what :func:`activation_backward` needs.
    out : ndarray, the shape and dtype of `z`, optional
        Where `y` goes; C-contiguous, or a matrix with contiguous rows. It may be `z` itself where
        `y` is what is saved, or nothing is.

    Returns
    -------
    y : ndarray, the shape of `z`
    saved : ndarray, only with ``save=True``
        `y` or `z` itself, whichever the derivative is a function of.

    Raises
    ------
    TypeError
        If an argument is not an ndarray of float32 or float64, or dtypes differ.
    ValueError
        If `activation` is unknown, `out` cannot be written as it is, or shares memory with `z` in
        another way than being it.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import kernels
    >>> y, saved = kernels.activation_forward(np.array([-1.0, 0.0, 2.0]), "silu")
    >>> y.round(6).tolist()
    [-0.268941, 0.0, 1.761594]
    """
    cdef object own = own_function(activation)
    cdef ic_phi phi = phi_of("identity" if own is not None else activation)
    cdef cnp.ndarray zs = operand(z, "z", -1, -1)
    cdef cnp.ndarray ys = elementwise_result(out, zs)
    if own is not None:
        if save:
            require_apart(ys, "out", zs, "z")
        (<object>ys)[...] = own_values(own.phi, "phi", zs)
        return (ys, zs) if save else ys
    if ys is not zs or (save and ic_saves_z(phi.name)):
        require_apart(ys, "out", zs, "z")
    cdef cnp.ndarray read = read_by_lines(zs)
    cdef ic_matrix source = lines_of(read), target = lines_of(ys)
    cdef bint is_matrix = cnp.PyArray_NDIM(zs) == 2
    cdef size_t rows = cnp.PyArray_DIM(zs, 0) if is_matrix else 1
    cdef size_t columns = cnp.PyArray_DIM(zs, 1) if is_matrix else cnp.PyArray_SIZE(zs)
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(zs)
    watch_signals()
    with nogil:
        ic_activation_run(dtype, &target, &source, rows, columns, &phi)
    watched()
    if not save:
        return ys
    return ys, (zs if ic_saves_z(phi.name) else ys)


def activation_backward(dy, saved, activation, *, out=None):
    """Compute dz = phi'(z) dy, element by element.

    Parameters
    ----------
    dy : ndarray, float32 or float64
        Gradient of the loss in y = phi(z).
    saved : ndarray, the shape and dtype of `dy`
        What :func:`activation_forward` returned beside `y`; may be None for the identity.
    activation : str or object
        As there.
    out : ndarray, the shape and dtype of `dy`, optional
        Where `dz` goes; C-contiguous, or a matrix with contiguous rows. It may be `dy` itself.

    Returns
    -------
    dz : ndarray, the shape of `dy`

    Raises
    ------
    TypeError
        If an argument is not an ndarray of float32 or float64, or dtypes differ.
    ValueError
        If `activation` is unknown, shapes differ, or `out` cannot be written as it is.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import kernels
    >>> y, saved = kernels.activation_forward(np.array([-1.0, 2.0]), "relu")
    >>> kernels.activation_backward(np.array([5.0, 5.0]), saved, "relu")
    array([0., 5.])
    """
    cdef object own = own_function(activation)
    cdef ic_phi phi = phi_of("identity" if own is not None else activation)
    cdef cnp.ndarray dys = operand(dy, "dy", -1, -1)
    cdef cnp.ndarray kept = dys
    if own is not None or phi.name != IC_IDENTITY:
        if saved is None:
            raise TypeError(
                f"saved is None; the derivative of {activation!r} needs what activation_forward "
                f"returned beside y"
            )
        kept = operand(saved, "saved", -1, cnp.PyArray_TYPE(dys))
        require_shape(kept, "saved", shape_of(dys), "the shape of dy")
    cdef cnp.ndarray dz = elementwise_result(out, dys)
    if dz is not dys:
        require_apart(dz, "out", dys, "dy")
    if kept is not dys:
        require_apart(dz, "out", kept, "saved")
    if own is not None:
        np.multiply(own_values(own.dphi, "dphi", kept), dys, out=dz)
        return dz
    cdef cnp.ndarray read = read_by_lines(dys), known = read_by_lines(kept)
    cdef ic_matrix source = lines_of(read), target = lines_of(dz), value = lines_of(known)
    cdef bint is_matrix = cnp.PyArray_NDIM(dys) == 2
    cdef size_t rows = cnp.PyArray_DIM(dys, 0) if is_matrix else 1
    cdef size_t columns = cnp.PyArray_DIM(dys, 1) if is_matrix else cnp.PyArray_SIZE(dys)
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(dys)
    watch_signals()
    with nogil:
        ic_activation_backward_run(dtype, &target, &source, &value, rows, columns, &phi)
    watched()
    return dz


cdef dict FUNCTIONS = {
    "exp": IC_EXP, "log": IC_LOG, "tanh": IC_TANH_OF, "sigmoid": IC_SIGMOID_OF,
    "expm1_below": IC_EXPM1_BELOW, "log1p": IC_LOG1P, "erf": IC_ERF_OF, "atan": IC_ATAN,
    "sin": IC_SIN_OF, "cos": IC_COS,
}


def _apply(str function, x):
    """One of FUNCTIONS of every element, by the kernels' own sequence of operations."""
    cdef cnp.ndarray xs = np.ascontiguousarray(operand(x, "x", -1, -1))
    cdef cnp.ndarray ys = np.empty_like(xs)
    if function not in FUNCTIONS:
        raise ValueError(f"function={function!r} must be one of {', '.join(FUNCTIONS)}")
    kernels_in_use()
    cdef ic_function f = FUNCTIONS[function]
    cdef ic_dtype dtype = dtype_of(xs)
    cdef size_t n = cnp.PyArray_SIZE(xs)
    cdef void *to = cnp.PyArray_DATA(ys)
    cdef const void *source = cnp.PyArray_DATA(xs)
    watch_signals()
    with nogil:
        ic_map(dtype, f, to, source, n)
    watched()
    return ys
