# What other Cython modules cimport; kernels.pxd in the package declares it.

cdef inline bint is_ready() noexcept nogil:
    return ic_kernels_in_use() != NULL and ic_threads_known()


cdef inline int fill_run(void *out, int64_t size, size_t n, uint64_t first, uint64_t seed,
                         uint64_t stream_id, const ic_fill_law *law) noexcept nogil:
    if not is_ready():
        return -1
    cdef int64_t shape = <int64_t>n, index = 1
    cdef ic_fill_target target
    target.data = <char *>out
    target.dimensions = 1
    target.shape = &shape
    target.step = &size
    target.index = &index
    target.first = first
    cdef ic_stream stream = stream_of(seed, stream_id)
    ic_fill(&target, &stream, law)
    return 0


cdef int fill_uniform_f32(float *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                          double low, double high) noexcept nogil:
    cdef ic_fill_law law
    ic_fill_law_uniform(&law, IC_REAL_F32, low, high)
    return fill_run(out, sizeof(float), n, first, seed, stream_id, &law)


cdef int fill_uniform_f64(double *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                          double low, double high) noexcept nogil:
    cdef ic_fill_law law
    ic_fill_law_uniform(&law, IC_REAL_F64, low, high)
    return fill_run(out, sizeof(double), n, first, seed, stream_id, &law)


cdef int fill_normal_f32(float *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                         double mean, double std) noexcept nogil:
    cdef ic_fill_law law
    ic_fill_law_normal(&law, IC_REAL_F32, mean, std)
    return fill_run(out, sizeof(float), n, first, seed, stream_id, &law)


cdef int fill_normal_f64(double *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                         double mean, double std) noexcept nogil:
    cdef ic_fill_law law
    ic_fill_law_normal(&law, IC_REAL_F64, mean, std)
    return fill_run(out, sizeof(double), n, first, seed, stream_id, &law)


cdef int fill_truncated_normal_f32(float *out, size_t n, uint64_t first, uint64_t seed,
                                   uint64_t stream_id, double mean, double std, double low,
                                   double high) noexcept nogil:
    cdef ic_fill_law law
    if not ic_fill_law_truncated_normal(&law, IC_REAL_F32, mean, std, low, high):
        return -1
    return fill_run(out, sizeof(float), n, first, seed, stream_id, &law)


cdef int fill_truncated_normal_f64(double *out, size_t n, uint64_t first, uint64_t seed,
                                   uint64_t stream_id, double mean, double std, double low,
                                   double high) noexcept nogil:
    cdef ic_fill_law law
    if not ic_fill_law_truncated_normal(&law, IC_REAL_F64, mean, std, low, high):
        return -1
    return fill_run(out, sizeof(double), n, first, seed, stream_id, &law)


cdef inline ic_matrix rows_of(const void *data, size_t columns) noexcept nogil:
    cdef ic_matrix matrix
    matrix.data = <void *>data
    matrix.row = <ptrdiff_t>columns
    matrix.column = 1
    return matrix


cdef inline ic_phi phi_of_code(int activation, double slope) noexcept nogil:
    cdef ic_phi phi
    phi.name = <ic_activation>activation
    phi.a = slope
    phi.b = ic_activation_of(activation).given[1]
    return phi


cdef inline int forward_run(ic_dtype dtype, void *y, const void *x, const void *w, const void *b,
                            size_t batch, size_t n_in, size_t n_out, ic_phi phi) noexcept nogil:
    if not is_ready():
        return -1
    cdef ic_dense_forward layer
    layer.batch = batch
    layer.n_in = n_in
    layer.n_out = n_out
    layer.y = rows_of(y, n_out)
    layer.z.data = NULL
    layer.x = rows_of(x, n_in)
    layer.w = rows_of(w, n_in)
    layer.b = b
    layer.b_stride = 1
    layer.phi = phi
    return ic_dense_forward_run(dtype, &layer)


cdef inline int backward_run(ic_dtype dtype, void *dx, void *dw, void *db, const void *dy,
                             const void *x, const void *w, const void *y, size_t batch,
                             size_t n_in, size_t n_out, ic_phi phi) noexcept nogil:
    if not is_ready():
        return -1
    cdef ic_dense_backward layer
    layer.batch = batch
    layer.n_in = n_in
    layer.n_out = n_out
    layer.dx = rows_of(dx, n_in)
    layer.dw = rows_of(dw, n_in)
    layer.db = db
    layer.db_stride = 1
    layer.dy = rows_of(dy, n_out)
    layer.x = rows_of(x, n_in)
    layer.w = rows_of(w, n_in)
    layer.saved = rows_of(y, n_out)
    layer.phi = phi
    layer.accumulate = 0
    return ic_dense_backward_run(dtype, &layer)


cdef int dense_forward_f32(float *y, const float *x, const float *w, const float *b, size_t batch,
                           size_t n_in, size_t n_out, int activation, double slope) noexcept nogil:
    return forward_run(IC_F32, y, x, w, b, batch, n_in, n_out, phi_of_code(activation, slope))


cdef int dense_forward_f64(double *y, const double *x, const double *w, const double *b,
                           size_t batch, size_t n_in, size_t n_out, int activation,
                           double slope) noexcept nogil:
    return forward_run(IC_F64, y, x, w, b, batch, n_in, n_out, phi_of_code(activation, slope))


cdef int dense_backward_f32(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, const float *y, size_t batch, size_t n_in,
                            size_t n_out, int activation, double slope) noexcept nogil:
    return backward_run(
        IC_F32, dx, dw, db, dy, x, w, y, batch, n_in, n_out, phi_of_code(activation, slope)
    )


cdef int dense_backward_f64(double *dx, double *dw, double *db, const double *dy, const double *x,
                            const double *w, const double *y, size_t batch, size_t n_in,
                            size_t n_out, int activation, double slope) noexcept nogil:
    return backward_run(
        IC_F64, dx, dw, db, dy, x, w, y, batch, n_in, n_out, phi_of_code(activation, slope)
    )
