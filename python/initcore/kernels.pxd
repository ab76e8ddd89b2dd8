"""The kernels for Cython: ``from initcore.kernels cimport fill_normal_f32``.

No header and no library is needed to build against an installed initcore: Cython takes the
functions from the module when it is imported. All arrays are C-contiguous and nothing is checked:
lengths, overlaps and laws are the caller's. Every function may be called without the interpreter
lock, uses the threads of ``initcore.set_num_threads``, and returns 0, or -1 when there is no memory,
INITCORE_ISA names an instruction set that is not here, or INITCORE_NUM_THREADS is no number of
threads.

Exactness: bit-exact across CPUs and thread counts; docs/stream-v1.md and docs/compute-v1.md.
"""
from libc.stdint cimport uint64_t

# Activations.
cdef enum:
    IDENTITY = 0
    RELU = 1
    LEAKY_RELU = 2
    TANH = 3
    SIGMOID = 4
    RELU6 = 5
    HARDTANH = 6
    HARDSIGMOID = 7
    SOFTSIGN = 8
    ELU = 9
    SELU = 10
    CELU = 11
    LECUN_TANH = 12
    LOG_SIGMOID = 13
    SOFTPLUS = 14
    PRELU = 15
    HARDSWISH = 16
    SQUAREPLUS = 17
    SILU = 18
    QUICK_GELU = 19
    MISH = 20
    GELU = 21
    GELU_TANH = 22
    ERF = 23
    ARCTAN = 24
    SIN = 25

# out[i] = element first + i of the stream. `seed` and `stream_id` are those of a Key:
# key.seed, key.stream_id("value").
cdef int fill_uniform_f32(float *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                          double low, double high) noexcept nogil
cdef int fill_uniform_f64(double *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                          double low, double high) noexcept nogil
cdef int fill_normal_f32(float *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                         double mean, double std) noexcept nogil
cdef int fill_normal_f64(double *out, size_t n, uint64_t first, uint64_t seed, uint64_t stream_id,
                         double mean, double std) noexcept nogil
# -1 also when [low, high] holds no probability.
cdef int fill_truncated_normal_f32(float *out, size_t n, uint64_t first, uint64_t seed,
                                   uint64_t stream_id, double mean, double std, double low,
                                   double high) noexcept nogil
cdef int fill_truncated_normal_f64(double *out, size_t n, uint64_t first, uint64_t seed,
                                   uint64_t stream_id, double mean, double std, double low,
                                   double high) noexcept nogil

# y (batch, n_out) = phi(x (batch, n_in) w^T + b), w (n_out, n_in), b (n_out) or NULL.
# `slope` is LEAKY_RELU's and PRELU's, ELU's and CELU's alpha, SOFTPLUS's beta, SQUAREPLUS's b,
# HARDTANH's low (whose high is 1).
cdef int dense_forward_f32(float *y, const float *x, const float *w, const float *b, size_t batch,
                           size_t n_in, size_t n_out, int activation, double slope) noexcept nogil
cdef int dense_forward_f64(double *y, const double *x, const double *w, const double *b,
                           size_t batch, size_t n_in, size_t n_out, int activation,
                           double slope) noexcept nogil
# From the gradient dy of y to those of x, w, b; NULL for those not wanted. From PRELU on, in the
# order above, the derivative is a function of z, not of y: pass what IDENTITY gives as `y`.
cdef int dense_backward_f32(float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, const float *y, size_t batch, size_t n_in,
                            size_t n_out, int activation, double slope) noexcept nogil
cdef int dense_backward_f64(double *dx, double *dw, double *db, const double *dy, const double *x,
                            const double *w, const double *y, size_t batch, size_t n_in,
                            size_t n_out, int activation, double slope) noexcept nogil
