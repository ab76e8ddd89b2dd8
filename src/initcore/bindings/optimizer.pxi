# Optimizer steps: checks and marshalling for optimizers.h.


def sgd_step(parameter, gradient, velocity=None, *, lr, momentum=0.0):
    """Take one step of gradient descent, in place: v = momentum v + g; p = p - lr v.

    Parameters
    ----------
    parameter : ndarray, any shape and strides, float32 or float64
        Written.
    gradient : ndarray, the shape and dtype of `parameter`
    velocity : ndarray, the shape and dtype of `parameter`, optional
        Written; without it p = p - lr g, and `momentum` must be 0.
    lr : float
        Learning rate, finite; rounded once to the dtype.
    momentum : float, default 0.0
        Finite; rounded once to the dtype.

    Raises
    ------
    TypeError
        If an argument is not an ndarray, or dtypes differ.
    ValueError
        If shapes differ, an array cannot be written or shares memory with another, or a number
        is not finite.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    cdef cnp.ndarray ps = operand(parameter, "parameter", -1, -1)
    cdef int type_num = cnp.PyArray_TYPE(ps)
    # before any size is read: a number may be an object whose conversion is code of the user's
    cdef bint is_double = type_num == cnp.NPY_FLOAT64
    cdef double rate = finite(lr, "lr", is_double), mu = finite(momentum, "momentum", is_double)
    cdef tuple shape = shape_of(ps)
    cdef cnp.ndarray gs = operand(gradient, "gradient", -1, type_num)
    require_shape(gs, "gradient", shape, "the shape of parameter")
    ps = result(parameter, "parameter", shape, type_num, False)
    cdef cnp.ndarray vs = None
    if velocity is not None:
        vs = result(velocity, "velocity", shape, type_num, False)
        require_apart(ps, "parameter", vs, "velocity")
        require_apart(vs, "velocity", gs, "gradient")
    elif mu != 0:
        raise ValueError(
            f"momentum={momentum!r} needs velocity: pass an array of zeros of the shape of "
            f"parameter, and keep it from step to step"
        )
    require_apart(ps, "parameter", gs, "gradient")
    kernels_in_use()
    step_lines(plain(ps), plain(gs), None if vs is None else plain(vs), rate, mu)


cdef int step_lines(cnp.ndarray p, cnp.ndarray g, cnp.ndarray v, double lr, double mu) except -1:
    cdef ic_matrix pm, gm, vm
    cdef size_t rows, columns
    cdef ic_dtype dtype = dtype_of(p)
    cdef int ndim = cnp.PyArray_NDIM(p)
    if cnp.PyArray_IS_C_CONTIGUOUS(p) and cnp.PyArray_IS_C_CONTIGUOUS(g) and (
        v is None or cnp.PyArray_IS_C_CONTIGUOUS(v)
    ):
        pm.row = gm.row = vm.row = 0
        pm.column = gm.column = vm.column = 1
        pm.data, gm.data = cnp.PyArray_DATA(p), cnp.PyArray_DATA(g)
        rows, columns = 1, cnp.PyArray_SIZE(p)
    elif ndim <= 2:
        pm, gm = matrix_of(p), matrix_of(g)
        if v is not None:
            vm = matrix_of(v)
        rows = cnp.PyArray_DIM(p, 0) if ndim == 2 else 1
        columns = cnp.PyArray_DIM(p, ndim - 1)
    else:
        for i in range(cnp.PyArray_DIM(p, 0)):
            step_lines(p[i], g[i], None if v is None else v[i], lr, mu)
        return 0
    vm.data = NULL if v is None else cnp.PyArray_DATA(v)
    watch_signals()
    with nogil:
        ic_sgd(dtype, &pm, &gm, &vm, rows, columns, lr, mu)
    watched()
    return 0


cdef dict RULES = {"sgd": IC_SGD, "rmsprop": IC_RMSPROP, "adam": IC_ADAM}


def optimizer_step(
    str rule,
    parameter,
    gradient,
    first=None,
    second=None,
    *,
    lr,
    double clip=1.0,
    double decay=0.0,
    double shrink=1.0,
    double momentum=0.0,
    double memory=0.0,
    double root=1.0,
    double epsilon=0.0,
    bint nesterov=False,
):
    """Take one step of an optimizer, in place.

    With g = clip * gradient + decay * p:

    - "sgd": first = momentum * first + g, where `first` is given; p = shrink * p - lr * v, with v
      that, or momentum * first + g once more for `nesterov`, or g.
    - "rmsprop": second = memory * second + (1 - memory) g^2; q = g / (sqrt(second) + epsilon);
      first = momentum * first + q, where it is given; p = shrink * p - lr * first, or q.
    - "adam": first = momentum * first + (1 - momentum) g; second as in "rmsprop";
      p = shrink * p - lr * first / (sqrt(second) / root + epsilon).

    Parameters
    ----------
    rule : str
    parameter : ndarray, any shape and strides, float32 or float64
        Written.
    gradient : ndarray, the shape and dtype of `parameter`
    first, second : ndarray, the shape and dtype of `parameter`, C-contiguous
        Written; those that the rule keeps.
    lr, clip, decay, shrink, momentum, memory, root, epsilon : float
        Each rounded once to the dtype. For Adam with bias correction lr is the learning rate over
        1 - momentum^t and root the square root of 1 - memory^t at step t = 1, 2, ...
    nesterov : bool, default False

    Raises
    ------
    TypeError
        If an argument is not an ndarray, or dtypes differ.
    ValueError
        If shapes differ, an array cannot be written or shares memory with another, or the rule is
        not known or lacks an array.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} must be one of {', '.join(RULES)}")
    cdef cnp.ndarray p = operand(parameter, "parameter", -1, -1)
    cdef int type_num = cnp.PyArray_TYPE(p)
    cdef double rate = finite(lr, "lr", type_num == cnp.NPY_FLOAT64)
    cdef tuple shape = shape_of(p)
    cdef cnp.ndarray g = operand(gradient, "gradient", -1, type_num)
    require_shape(g, "gradient", shape, "the shape of parameter")
    p = result(parameter, "parameter", shape, type_num, False)
    cdef cnp.ndarray m = moment(first, "first", shape, type_num, rule == "adam", rule)
    cdef cnp.ndarray v = moment(second, "second", shape, type_num, rule != "sgd", rule)
    require_all_apart(
        (("parameter", p), ("first", m), ("second", v)), (("gradient", g),)
    )
    kernels_in_use()
    cdef ic_step step
    step.rule = RULES[rule]
    step.nesterov = nesterov
    step.rate = rate
    step.clip, step.decay, step.shrink = clip, decay, shrink
    step.momentum, step.memory = momentum, memory
    step.root, step.epsilon = root, epsilon
    # where the elements do not lie in one piece the step is taken on a copy
    cdef cnp.ndarray work = np.ascontiguousarray(p)
    g = np.ascontiguousarray(g)
    cdef ic_dtype dtype = dtype_of(p)
    cdef size_t n = cnp.PyArray_SIZE(p)
    cdef void *to = cnp.PyArray_DATA(work)
    cdef const void *source = cnp.PyArray_DATA(g)
    cdef void *one = NULL if m is None else cnp.PyArray_DATA(m)
    cdef void *two = NULL if v is None else cnp.PyArray_DATA(v)
    watch_signals()
    with nogil:
        ic_step_run(dtype, to, source, one, two, n, &step)
    watched()
    if not cnp.PyArray_IS_C_CONTIGUOUS(p):
        plain(p)[...] = work


cdef cnp.ndarray moment(object array, str name, tuple shape, int type_num, bint needed, str rule):
    """An array that an optimizer keeps from step to step, or None."""
    if array is None:
        if needed:
            raise ValueError(
                f"{name}=None: {rule!r} needs an array of zeros of the shape of parameter, which "
                f"is kept from step to step"
            )
        return None
    cdef cnp.ndarray found = result(array, name, shape, type_num, False)
    if not cnp.PyArray_IS_C_CONTIGUOUS(found):
        raise ValueError(f"{name} must be C-contiguous; make it with numpy.zeros")
    return found


def sum_of_squares(x):
    """The sum of the squares of all elements, in double.

    Parameters
    ----------
    x : ndarray, float32 or float64
        Any shape; its elements are taken in C order.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `x` is no such array.

    Exactness: bit-exact across CPUs and threads (compute v1).
    Source: docs/compute-v1.md.
    """
    cdef cnp.ndarray xs = np.ascontiguousarray(operand(x, "x", -1, -1))
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(xs)
    cdef size_t n = cnp.PyArray_SIZE(xs)
    cdef const void *source = cnp.PyArray_DATA(xs)
    cdef double total
    cdef int status
    watch_signals()
    with nogil:
        status = ic_sum_of_squares(dtype, &total, source, n)
    watched()
    if status != 0:
        raise MemoryError("no memory for the workspace of sum_of_squares")
    return total
