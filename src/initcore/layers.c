#include "initcore/layers.h"

#include "initcore/cut.h"
#include "initcore/dispatch.h"

/* What a piece of a job is made of. */
typedef enum axis { ELEMENTS, ROWS, COLUMNS } axis;

enum { COLUMNS_PER_PIECE = 64 }; /* whole vectors of every instruction set */

#define ENTRY(name, cut_along) {{k->name##_f32, k->name##_f64}, cut_along}

typedef struct layer_entry {
    ic_kernel_activate *of[2]; /* all layers have its type */
    axis along;
} layer_entry;

static layer_entry layer_entry_of(ic_layer_kernel which) {
    const ic_kernels *const k = ic_kernels_in_use();
    const layer_entry entries[IC_LAYER_KERNELS] = {
        [IC_ACTIVATE] = ENTRY(activate, ELEMENTS),
        [IC_ACTIVATE_BACKWARD] = ENTRY(activate_backward, ELEMENTS),
        [IC_MASKED] = ENTRY(masked, ELEMENTS),
        [IC_ADDED] = ENTRY(added, ELEMENTS),
        [IC_SCALED_COLUMNS] = ENTRY(scaled_columns, ROWS),
        [IC_COLUMN_PRODUCTS] = ENTRY(column_products, COLUMNS),
        [IC_COLUMN_MEANS] = ENTRY(column_means, COLUMNS),
        [IC_INVERSE_ROOTS] = ENTRY(inverse_roots, COLUMNS),
        [IC_RUNNING] = ENTRY(running, COLUMNS),
        [IC_NORM_ROWS] = ENTRY(norm_rows, ROWS),
        [IC_NORM_ROWS_BACKWARD] = ENTRY(norm_rows_backward, ROWS),
        [IC_NORM_COLUMNS] = ENTRY(norm_columns, ROWS),
        [IC_NORM_COLUMNS_BACKWARD] = ENTRY(norm_columns_backward, ROWS),
        [IC_LOOKED_UP] = ENTRY(looked_up, ROWS),
        [IC_SCATTERED] = ENTRY(scattered, COLUMNS),
    };
    return entries[which];
}

typedef struct layer {
    ic_kernel_activate *run;
    const ic_layer *job;
    size_t total, each;
} layer;

static void layer_task(void *context, size_t index) {
    const layer *const l = context;
    const size_t first = index * l->each;
    l->run(l->job, first, least(l->each, l->total - first));
}

void ic_layer_run(ic_dtype dtype, ic_layer_kernel which, const ic_layer *job) {
    const layer_entry e = layer_entry_of(which);
    const size_t elements = job->rows * job->n;
    if (job->n == 0)
        return;
    layer l = {.run = e.of[dtype == IC_F64], .job = job};
    switch (e.along) {
    case ELEMENTS:
        l.total = elements;
        l.each = ELEMENTS_PER_THREAD;
        break;
    case ROWS:
        l.total = job->rows;
        l.each = pieces_of(ELEMENTS_PER_THREAD, job->n);
        break;
    case COLUMNS:
        l.total = job->n;
        l.each = COLUMNS_PER_PIECE;
        break;
    }
    ic_pool_for(pieces_of(l.total, l.each), layer_task, &l,
                threads_for((double)elements, ELEMENTS_PER_THREAD));
}
