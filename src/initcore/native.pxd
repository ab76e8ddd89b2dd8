"""What the bindings know of the C core. Externs are declared here and nowhere else."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "initcore/philox.h" nogil:
    void ic_philox4x32(uint32_t *words, const uint32_t *counter, const uint32_t *key) noexcept

cdef extern from "initcore/stream.h" nogil:
    ctypedef struct ic_stream:
        uint32_t key[2]
        uint32_t id[2]

cdef extern from "initcore/dispatch.h" nogil:
    ctypedef struct ic_kernels:
        const char *isa
    const char *ic_isa_built(size_t index) noexcept
    const ic_kernels *ic_kernels_in_use() noexcept
    int ic_select_isa(const char *isa) noexcept

cdef extern from "initcore/cpu.h" nogil:
    int ic_cpu_has(const char *isa) noexcept

cdef extern from "initcore/cpus.h" nogil:
    int ic_cpus_of_groups(const char *membership, const char *root) noexcept

cdef extern from "initcore/pool.h" nogil:
    enum: IC_MAX_THREADS
    int ic_threads() noexcept
    int ic_threads_known() noexcept
    ctypedef int (*ic_ask)() noexcept
    void ic_pool_watch(ic_ask ask) noexcept
    int ic_pool_watched() noexcept
    void ic_threads_set(int threads) noexcept
    int ic_threads_override(int threads) noexcept

cdef extern from "initcore/laws.h" nogil:
    void ic_truncated_normal_moments(double *mean, double *variance, double low,
                                     double high) noexcept
    float ic_normal_reach_f32() noexcept
    double ic_normal_reach_f64() noexcept

cdef extern from "initcore/fill.h" nogil:
    enum: IC_FILL_MAX_DIMENSIONS
    ctypedef enum ic_real:
        IC_REAL_F32
        IC_REAL_F64
        IC_REAL_F16
        IC_REAL_BF16
    int ic_real_holds(ic_real type, double x) noexcept
    ctypedef struct ic_fill_target:
        char *data
        int dimensions
        const int64_t *shape
        const int64_t *step
        const int64_t *index
        uint64_t first
    ctypedef struct ic_fill_law:
        pass
    void ic_fill_law_bits(ic_fill_law *law, int is_64_bit) noexcept
    void ic_fill_law_uniform(ic_fill_law *law, ic_real type, double low, double high) noexcept
    void ic_fill_law_normal(ic_fill_law *law, ic_real type, double mean, double std) noexcept
    int ic_fill_law_truncated_normal(ic_fill_law *law, ic_real type, double mean, double std,
                                     double low, double high) noexcept
    void ic_fill_law_sign(ic_fill_law *law, ic_real type, double scale) noexcept
    void ic_fill_law_mask(ic_fill_law *law, double p) noexcept
    void ic_fill(const ic_fill_target *target, const ic_stream *stream,
                 const ic_fill_law *law) noexcept
    const size_t IC_FILL_DONE
    size_t ic_fill_from(size_t piece, const ic_fill_target *target, const ic_stream *stream,
                        const ic_fill_law *law, double seconds) noexcept
    ctypedef struct ic_fill_job:
        pass

cdef extern from "initcore/fill_many.h" nogil:
    ctypedef struct ic_fill_many:
        ic_fill_job *jobs
        size_t *ends
        size_t count
        uint64_t elements
    void ic_fill_many_add(ic_fill_many *all, const ic_fill_target *target,
                          const ic_stream *stream, const ic_fill_law *law) noexcept
    size_t ic_fill_many_from(size_t piece, const ic_fill_many *all, double seconds) noexcept

cdef extern from "initcore/sparse.h" nogil:
    enum: IC_SPARSE_MAX_DIMENSIONS
    ctypedef struct ic_sparse_target:
        char *data
        size_t item
        uint64_t rows
        uint64_t first_row
        int64_t row_step
        int64_t row_index
        int dimensions
        int64_t shape[IC_SPARSE_MAX_DIMENSIONS]
        int64_t step[IC_SPARSE_MAX_DIMENSIONS]
        int64_t index[IC_SPARSE_MAX_DIMENSIONS]
        uint64_t first_column
    void ic_zero_columns(const ic_sparse_target *target, uint32_t n, uint32_t zeros,
                         const ic_stream *stream) noexcept

cdef extern from "initcore/build_facts.h":
    const char *IC_VERSION
    const char *IC_COMPILER
    const char *IC_COMMON_FLAGS
    const char *IC_ISA_FLAGS

cdef extern from "initcore/kernels/dense.h" nogil:
    ctypedef enum ic_activation:
        IC_IDENTITY
        IC_LEAKY_RELU
        IC_HARDTANH
        IC_ELU
        IC_CELU
        IC_SOFTPLUS
        IC_SQUAREPLUS
    ctypedef struct ic_phi:
        ic_activation name
        double a
        double b
    ctypedef struct ic_matrix:
        void *data
        ptrdiff_t row
        ptrdiff_t column

cdef extern from "initcore/map.h" nogil:
    ctypedef enum ic_dtype:
        IC_F32
        IC_F64
    ctypedef enum ic_function:
        IC_EXP
        IC_LOG
        IC_TANH_OF
        IC_SIGMOID_OF
        IC_EXPM1_BELOW
        IC_LOG1P
        IC_ERF_OF
        IC_ATAN
        IC_SIN_OF
        IC_COS
    ctypedef struct ic_activation_facts:
        const char *name
        int numbers
        double given[2]
    bint ic_saves_z(ic_activation name) noexcept
    const ic_activation_facts *ic_activation_of(int code) noexcept
    void ic_activation_run(ic_dtype dtype, const ic_matrix *y, const ic_matrix *z, size_t rows,
                           size_t columns, const ic_phi *phi) noexcept
    void ic_activation_backward_run(ic_dtype dtype, const ic_matrix *dz, const ic_matrix *dy,
                                    const ic_matrix *saved, size_t rows, size_t columns,
                                    const ic_phi *phi) noexcept
    void ic_map(ic_dtype dtype, ic_function f, void *y, const void *x, size_t n) noexcept

cdef extern from "initcore/dense.h" nogil:
    ctypedef struct ic_dense_forward:
        size_t batch
        size_t n_in
        size_t n_out
        ic_matrix y
        ic_matrix z
        ic_matrix x
        ic_matrix w
        const void *b
        ptrdiff_t b_stride
        ic_phi phi
    ctypedef struct ic_dense_backward:
        size_t batch
        size_t n_in
        size_t n_out
        ic_matrix dx
        ic_matrix dw
        void *db
        ptrdiff_t db_stride
        ic_matrix dy
        ic_matrix x
        ic_matrix w
        ic_matrix saved
        ic_phi phi
        int accumulate
    double ic_fma_chains(ic_dtype dtype, size_t steps) noexcept
    int ic_dense_forward_run(ic_dtype dtype, const ic_dense_forward *layer) noexcept
    int ic_dense_backward_run(ic_dtype dtype, const ic_dense_backward *layer) noexcept
    void ic_sgd(ic_dtype dtype, const ic_matrix *p, const ic_matrix *g, const ic_matrix *v,
                size_t rows, size_t columns, double lr, double momentum) noexcept

cdef extern from "initcore/kernels/loss.h" nogil:
    ctypedef struct ic_cross_entropy:
        ic_matrix z
        ic_matrix t
        const int64_t *labels
        ptrdiff_t label_stride
        const void *peaks
        const void *weights
        ptrdiff_t weight_stride
        size_t columns
        size_t batch
    ctypedef enum ic_error:
        IC_SQUARED
        IC_ABSOLUTE
        IC_HUBER
        IC_BINARY
    ctypedef struct ic_errors:
        ic_error name
        double a
        double b
        ic_matrix y
        ic_matrix t
        const void *weights
        ptrdiff_t weight_stride
        size_t columns
        size_t count

cdef extern from "initcore/losses.h" nogil:
    int ic_softmax_cross_entropy(ic_dtype dtype, double *loss, const ic_matrix *d,
                                 const ic_matrix *z, const int64_t *labels,
                                 ptrdiff_t label_stride, size_t batch, size_t classes) noexcept
    int ic_mean_squared_error(ic_dtype dtype, double *loss, const ic_matrix *d,
                              const ic_matrix *y, const ic_matrix *t, size_t rows,
                              size_t columns) noexcept
    int ic_cross_entropy_run(ic_dtype dtype, double *loss, const ic_matrix *d,
                             const ic_cross_entropy *job) noexcept
    int ic_errors_run(ic_dtype dtype, double *loss, const ic_matrix *d, const ic_errors *job,
                      size_t rows) noexcept

cdef extern from "initcore/kernels/step.h" nogil:
    ctypedef enum ic_rule:
        IC_SGD
        IC_RMSPROP
        IC_ADAM
    ctypedef struct ic_step:
        ic_rule rule
        int nesterov
        double rate
        double clip
        double decay
        double shrink
        double momentum
        double memory
        double root
        double epsilon

cdef extern from "initcore/optimizers.h" nogil:
    void ic_step_run(ic_dtype dtype, void *p, const void *g, void *first, void *second, size_t n,
                     const ic_step *step) noexcept
    int ic_sum_of_squares(ic_dtype dtype, double *sum, const void *x, size_t n) noexcept

cdef extern from "initcore/kernels/layer.h" nogil:
    ctypedef struct ic_layer:
        void *y
        void *normal
        void *inverse
        const void *x
        const void *w
        const void *b
        const void *mean
        const void *product
        const unsigned char *mask
        const int64_t *index
        size_t rows
        size_t n
        size_t words
        double number
        int centered
        int unbiased
        ic_phi phi

cdef extern from "initcore/layers.h" nogil:
    ctypedef enum ic_layer_kernel:
        IC_ACTIVATE
        IC_ACTIVATE_BACKWARD
        IC_MASKED
        IC_ADDED
        IC_SCALED_COLUMNS
        IC_COLUMN_PRODUCTS
        IC_COLUMN_MEANS
        IC_INVERSE_ROOTS
        IC_RUNNING
        IC_NORM_ROWS
        IC_NORM_ROWS_BACKWARD
        IC_NORM_COLUMNS
        IC_NORM_COLUMNS_BACKWARD
        IC_LOOKED_UP
        IC_SCATTERED
    void ic_layer_run(ic_dtype dtype, ic_layer_kernel which, const ic_layer *job) noexcept

cdef extern from "initcore/workspace.h" nogil:
    ctypedef struct ic_workspace:
        void *memory
    ctypedef struct ic_workspace_aside:
        pass
    ic_workspace_aside ic_workspace_put_aside() noexcept
    void ic_workspace_put_back(ic_workspace_aside aside) noexcept

cdef extern from "initcore/plan.h" nogil:
    enum: IC_PLAN_GATHERS
    ctypedef enum ic_plan_layer_kind:
        IC_PLAN_DENSE
        IC_PLAN_OP
        IC_PLAN_MASK
        IC_PLAN_PROBE
    enum:
        IC_PLAN_LAYER_FACTS
        IC_PLAN_PARAMETER_FACTS
    ctypedef struct ic_plan_dense:
        ic_dense_forward forward
        ic_dense_backward backward
        ic_matrix probed_z
    ctypedef struct ic_plan_op:
        ic_layer_kernel kernel
        int backward
        ic_layer job
        size_t each
    ctypedef struct ic_plan_mask:
        unsigned char *mask
        size_t each
        ic_stream stream
        double p
    ctypedef struct ic_plan_probe:
        ic_phi phi
        const void *z
        const void *y
        const void *dy
        void *dz
        size_t n
        size_t each
        double low
        double high
        size_t at
    ctypedef union ic_plan_layer_job:
        ic_plan_dense dense
        ic_plan_op op
        ic_plan_mask mask
        ic_plan_probe probe
    ctypedef struct ic_plan_layer:
        ic_plan_layer_kind kind
        ic_plan_layer_job job
    ctypedef enum ic_plan_loss_kind:
        IC_PLAN_SOFTMAX
        IC_PLAN_CROSS_ENTROPY
        IC_PLAN_SQUARED
        IC_PLAN_ERRORS
    ctypedef union ic_plan_loss_job:
        ic_cross_entropy entropy
        ic_errors errors
    ctypedef struct ic_plan_loss:
        ic_plan_loss_kind kind
        ic_matrix y
        ic_matrix dy
        ic_matrix t
        const int64_t *labels
        size_t columns
        ic_plan_loss_job job
    ctypedef struct ic_plan_gather:
        char *to
        const char *source
        size_t bytes
        uint64_t limit
    ctypedef struct ic_plan_outside:
        int64_t sample
        int64_t index
        uint64_t limit
    ctypedef struct ic_plan_parameter:
        void *p
        const void *g
        void *first
        void *second
        size_t n
        size_t numbers
    ctypedef struct ic_plan:
        ic_dtype dtype
        size_t samples
        size_t batch
        ic_plan_gather gathers[IC_PLAN_GATHERS]
        size_t gather_count
        size_t layer_count
        size_t parameter_count
        ic_plan_layer *layers
        ic_plan_loss loss
        const int64_t *classes
        int count_sides
        ic_plan_parameter *parameters
        double clip_norm
        uint64_t steps_before
        const int64_t *order
        const ic_step *numbers
        size_t first
        size_t numbers_step
        size_t probe_every
        double *record
        size_t record_columns
        void *before
        ic_workspace workspace
        double *losses
        size_t right
        double norm
        ic_plan_outside outside
    ctypedef enum ic_plan_end:
        IC_PLAN_DONE
        IC_PLAN_TIME
        IC_PLAN_NOT_FINITE
        IC_PLAN_OUTSIDE
        IC_PLAN_NO_MEMORY
    void ic_plan_pair(ic_plan *plan) noexcept
    void ic_plan_free(ic_plan *plan) noexcept
    ic_plan_end ic_plan_run(ic_plan *plan, size_t *at, size_t end, double seconds) noexcept
    ic_plan_end ic_plan_update(ic_plan *plan, size_t step) noexcept
    int ic_plan_outputs(
        ic_plan *plan, void *out, void *a, void *b, const void *x, size_t rows
    ) noexcept
    void ic_order(int64_t *order, const uint64_t *words, size_t n, uint64_t *buckets) noexcept

cdef extern from "initcore/orthogonal.h" nogil:
    int ic_orthogonal(ic_dtype dtype, const ic_matrix *out, size_t rows, size_t columns,
                      double gain, const ic_stream *stream) noexcept
