#include "initcore/map.h"

#include "initcore/cut.h"
#include "initcore/dispatch.h"
#include "initcore/pool.h"

/* A map over the elements of a matrix, cut into pieces of whole rows or of a part of one. */
typedef struct activating {
    ic_dtype dtype;
    const ic_kernels *kernels;
    ic_matrix out, in, saved; /* backward: in is dy; forward: saved is not used */
    int backward;
    size_t rows, columns, piece_rows, piece_columns, across;
    const ic_phi *phi;
} activating;

static void activating_task(void *context, size_t index) {
    const activating *const a = context;
    const ic_kernels *const k = a->kernels;
    const size_t row = index / a->across * a->piece_rows;
    const size_t column = index % a->across * a->piece_columns;
    const size_t rows = least(a->piece_rows, a->rows - row);
    const size_t columns = least(a->piece_columns, a->columns - column);
    const ptrdiff_t size = (ptrdiff_t)ic_size_of(a->dtype), skipped = (ptrdiff_t)column;
    char *const out = (char *)a->out.data + ((ptrdiff_t)row * a->out.row + skipped) * size;
    ic_matrix in = a->in, saved = a->saved;
    in.data = (char *)in.data + skipped * in.column * size;
    if (!a->backward) {
        (a->dtype == IC_F32 ? k->activation_forward_f32 : k->activation_forward_f64)(
            out, a->out.row, &in, row, rows, columns, a->phi);
        return;
    }
    if (saved.data != NULL)
        saved.data = (char *)saved.data + skipped * saved.column * size;
    (a->dtype == IC_F32 ? k->activation_backward_f32 : k->activation_backward_f64)(
        out, a->out.row, &in, &saved, row, rows, columns, a->phi);
}

static void activate_matrix(activating *a) {
    if (a->rows == 0 || a->columns == 0)
        return;
    a->kernels = ic_kernels_in_use();
    a->piece_columns = least(a->columns, ELEMENTS_PER_THREAD);
    a->piece_rows = pieces_of(ELEMENTS_PER_THREAD, a->piece_columns);
    a->across = pieces_of(a->columns, a->piece_columns);
    ic_pool_for(a->across * pieces_of(a->rows, a->piece_rows), activating_task, a,
                threads_for((double)a->rows * (double)a->columns, ELEMENTS_PER_THREAD));
}

void ic_activation_run(ic_dtype dtype, const ic_matrix *y, const ic_matrix *z, size_t rows,
                       size_t columns, const ic_phi *phi) {
    activating a = {
        .dtype = dtype, .out = *y, .in = *z, .rows = rows, .columns = columns, .phi = phi};
    activate_matrix(&a);
}

void ic_activation_backward_run(ic_dtype dtype, const ic_matrix *dz, const ic_matrix *dy,
                                const ic_matrix *saved, size_t rows, size_t columns,
                                const ic_phi *phi) {
    activating a = {.dtype = dtype,
                    .out = *dz,
                    .in = *dy,
                    .saved = *saved,
                    .backward = 1,
                    .rows = rows,
                    .columns = columns,
                    .phi = phi};
    activate_matrix(&a);
}

const ic_activation_facts *ic_activation_of(int code) {
#define IC_ACTIVATION(code, name, numbers, first, second) {name, numbers, {first, second}},
    static const ic_activation_facts facts[] = {
#include "initcore/kernels/activations.def"
    };
#undef IC_ACTIVATION
    return code >= 0 && code < IC_ACTIVATIONS ? &facts[code] : NULL;
}

static ic_kernel_exp *mapped_of(ic_dtype dtype, ic_function f) {
    const ic_kernels *const k = ic_kernels_in_use();
#define BOTH(name) {k->name##_f32, k->name##_f64}
    ic_kernel_exp *const table[IC_FUNCTIONS][2] = {
        [IC_EXP] = BOTH(exp),
        [IC_LOG] = BOTH(log),
        [IC_TANH_OF] = BOTH(tanh),
        [IC_SIGMOID_OF] = BOTH(sigmoid),
        [IC_EXPM1_BELOW] = BOTH(expm1_below),
        [IC_LOG1P] = BOTH(log1p),
        [IC_ERF_OF] = BOTH(erf),
        [IC_ATAN] = BOTH(atan),
        [IC_SIN_OF] = BOTH(sin),
        [IC_COS] = BOTH(cos),
    };
#undef BOTH
    return table[f][dtype == IC_F64];
}

typedef struct mapping {
    ic_kernel_exp *f; /* all functions of the map have its type */
    char *y;
    const char *x;
    size_t n, size;
} mapping;

static void map_task(void *context, size_t index) {
    const mapping *const m = context;
    const size_t first = index * ELEMENTS_PER_THREAD;
    m->f(m->y + first * m->size, m->x + first * m->size, least(ELEMENTS_PER_THREAD, m->n - first));
}

void ic_map(ic_dtype dtype, ic_function f, void *y, const void *x, size_t n) {
    mapping m = {mapped_of(dtype, f), y, x, n, ic_size_of(dtype)};
    ic_pool_for(pieces_of(n, ELEMENTS_PER_THREAD), map_task, &m,
                threads_for((double)n, ELEMENTS_PER_THREAD));
}
