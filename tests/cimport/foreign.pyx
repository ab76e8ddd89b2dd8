# cython: language_level=3
"""A module of somebody else's, built against an installed initcore."""
from libc.stdint cimport uint64_t

from initcore.kernels cimport (
    RELU,
    TANH,
    dense_backward_f64,
    dense_forward_f32,
    dense_forward_f64,
    fill_normal_f32,
    fill_truncated_normal_f64,
    fill_uniform_f64,
)


def normal(float[::1] out, uint64_t seed, uint64_t stream_id):
    cdef int status
    with nogil:
        status = fill_normal_f32(&out[0], out.shape[0], 0, seed, stream_id, 0.0, 0.02)
    return status


def uniform_from(double[::1] out, uint64_t first, uint64_t seed, uint64_t stream_id):
    return fill_uniform_f64(&out[0], out.shape[0], first, seed, stream_id, -1.0, 1.0)


def truncated(double[::1] out, uint64_t seed, uint64_t stream_id, double low, double high):
    return fill_truncated_normal_f64(&out[0], out.shape[0], 0, seed, stream_id, 0.0, 1.0, low, high)


def relu_layer(float[:, ::1] y, float[:, ::1] x, float[:, ::1] w, float[::1] b):
    return dense_forward_f32(&y[0, 0], &x[0, 0], &w[0, 0], &b[0], x.shape[0], x.shape[1],
                             w.shape[0], RELU, 0.0)


def tanh_layer(double[:, ::1] y, double[:, ::1] dw, double[:, ::1] dy, double[:, ::1] x,
               double[:, ::1] w):
    cdef int status = dense_forward_f64(&y[0, 0], &x[0, 0], &w[0, 0], NULL, x.shape[0],
                                        x.shape[1], w.shape[0], TANH, 0.0)
    return status or dense_backward_f64(NULL, &dw[0, 0], NULL, &dy[0, 0], &x[0, 0], &w[0, 0],
                                        &y[0, 0], x.shape[0], x.shape[1], w.shape[0], TANH, 0.0)
