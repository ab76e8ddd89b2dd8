# Layers other than dense: checks and marshalling for layers.h.

from libc.stdint cimport INTPTR_MAX


# For each kernel its code and what it takes, with the size that each array has: all (rows * n),
# rows, columns (n), or that of a table of rows of n; "?" where it may be left out, "&" where it may
# be left out with y, "=" where it is written.
cdef dict LAYER_KERNELS = {
    "activate": (IC_ACTIVATE, {"y": "all=", "x": "all"}),
    "activate_backward": (IC_ACTIVATE_BACKWARD, {"y": "all=", "x": "all", "normal": "all"}),
    "masked": (IC_MASKED, {"y": "all=", "x": "all", "mask": "all"}),
    "added": (IC_ADDED, {"y": "all=", "x": "all", "normal": "all"}),
    "scaled_columns": (IC_SCALED_COLUMNS, {"y": "all=", "x": "all", "w": "columns"}),
    "column_products": (IC_COLUMN_PRODUCTS, {"y": "columns=", "x": "all", "normal": "all?"}),
    "column_means": (IC_COLUMN_MEANS, {"y": "columns=", "x": "all", "normal": "all?"}),
    "inverse_roots": (IC_INVERSE_ROOTS, {"y": "columns=", "x": "columns"}),
    "running": (IC_RUNNING, {"y": "columns=", "x": "columns"}),
    "norm_rows": (
        IC_NORM_ROWS,
        {"y": "all=", "normal": "all=", "inverse": "rows=", "x": "all", "w": "columns",
         "b": "columns?"},
    ),
    "norm_rows_backward": (
        IC_NORM_ROWS_BACKWARD,
        {"y": "all=", "normal": "all", "inverse": "rows", "x": "all", "w": "columns"},
    ),
    "norm_columns": (
        IC_NORM_COLUMNS,
        {"y": "all?=", "normal": "all=", "inverse": "columns", "x": "all", "mean": "columns",
         "w": "columns&", "b": "columns&"},
    ),
    "norm_columns_backward": (
        IC_NORM_COLUMNS_BACKWARD,
        {"y": "all=", "normal": "all", "inverse": "columns", "x": "all", "mean": "columns",
         "product": "columns", "w": "columns"},
    ),
    "looked_up": (IC_LOOKED_UP, {"y": "all=", "w": "table", "index": "rows"}),
    "scattered": (IC_SCATTERED, {"y": "table=", "x": "all", "index": "rows"}),
}


def _layer(
    str kernel,
    size_t rows,
    size_t n,
    *,
    double number=0.0,
    bint centered=False,
    bint unbiased=False,
    activation="identity",
    **arrays,
):
    """Run a kernel of layers.h over arrays (rows, n), all of one type and C-contiguous.

    The arrays have the names of struct ic_layer; what a kernel does with them stands above it in
    kernels/layer_body.h and kernels/norm_body.h. Sizes and types are checked here.
    """
    cdef ic_layer job
    if arrays.get("index") is not None:  # what was checked is a copy, and the kernel reads that
        require_ndarray(arrays["index"], "index")
        arrays = {**arrays, "index": np.array(arrays["index"], order="C")}
    cdef ic_layer_kernel code = layer_of(
        &job, kernel, rows, n, number, centered, unbiased, activation, arrays
    )
    if job.index != NULL:
        require_words(arrays["index"], job.words)
    kernels_in_use()
    cdef ic_dtype dtype = dtype_of(arrays["y" if arrays.get("y") is not None else "x"])
    watch_signals()
    with nogil:
        ic_layer_run(dtype, code, &job)
    watched()


cdef ic_layer_kernel layer_of(
    ic_layer *job, str kernel, size_t rows, size_t n, double number, bint centered, bint unbiased,
    object activation, dict arrays,
) except *:
    """Fill the job of a kernel from checked arrays; returns the kernel's code.

    That each index is a row of the table is left to the caller.
    """
    if kernel not in LAYER_KERNELS:
        raise ValueError(f"kernel={kernel!r} must be one of {', '.join(LAYER_KERNELS)}")
    which, takes = LAYER_KERNELS[kernel]
    job.phi = phi_of(activation)
    if n > 0 and rows > <size_t>INTPTR_MAX // n:
        raise ValueError(f"rows={rows}, n={n} are more elements than an array can have")
    cdef cnp.ndarray a
    cdef dict sizes = {"all": rows * n, "rows": rows, "columns": n}
    cdef object typed = arrays.get("y" if arrays.get("y") is not None else "x")
    cdef int type_num = cnp.PyArray_TYPE(operand(typed, "y", -1, -1))
    cdef dict found = {}
    if set(arrays) - set(takes):
        raise TypeError(f"{kernel} does not take {sorted(set(arrays) - set(takes))}")
    job.words = 0
    for name, size in takes.items():
        array = arrays.get(name)
        found[name] = 0
        if array is None:
            if "?" not in size and ("&" not in size or arrays.get("y") is not None):
                raise TypeError(f"{kernel} needs {name}")
            continue
        require_ndarray(array, name)
        a = array
        expected = {"mask": cnp.NPY_BOOL, "index": cnp.NPY_INT64}.get(name, type_num)
        if cnp.PyArray_TYPE(a) != expected or not cnp.PyArray_ISCARRAY_RO(a):
            raise TypeError(
                f"{name} must be a C-contiguous array of {cnp.PyArray_DescrFromType(expected)}, "
                f"not one of {a.dtype} with strides {array.strides}"
            )
        if size.endswith("="):
            require_writable(a, name)
        kind = size.rstrip("?&=")
        if kind == "table":
            job.words = cnp.PyArray_SIZE(a) // n if n > 0 else 0
        count = job.words * n if kind == "table" else sizes[kind]
        if cnp.PyArray_SIZE(a) != count:
            raise ValueError(f"{name} has {cnp.PyArray_SIZE(a)} elements; {kernel} needs {count}")
        found[name] = <size_t>cnp.PyArray_DATA(a)
    job.y = <void *><size_t>found.get("y", 0)
    job.normal = <void *><size_t>found.get("normal", 0)
    job.inverse = <void *><size_t>found.get("inverse", 0)
    job.x = <const void *><size_t>found.get("x", 0)
    job.w = <const void *><size_t>found.get("w", 0)
    job.b = <const void *><size_t>found.get("b", 0)
    job.mean = <const void *><size_t>found.get("mean", 0)
    job.product = <const void *><size_t>found.get("product", 0)
    job.mask = <const unsigned char *><size_t>found.get("mask", 0)
    job.index = <const int64_t *><size_t>found.get("index", 0)
    job.rows, job.n, job.number = rows, n, number
    job.centered, job.unbiased = centered, unbiased
    return which


cdef int require_words(cnp.ndarray index, size_t words) except -1:
    """Every index is a row of the table."""
    cdef const int64_t *at = <const int64_t *>cnp.PyArray_DATA(index)
    cdef size_t i
    for i in range(<size_t>cnp.PyArray_SIZE(index)):
        if not 0 <= at[i] < <int64_t>words:
            raise ValueError(
                f"index[{i}]={at[i]} must be from 0 to {<int64_t>words - 1}, a row of the table"
            )
    return 0
