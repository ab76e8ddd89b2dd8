#include "initcore/optimizers.h"

#include "initcore/cut.h"
#include "initcore/dispatch.h"
#include "initcore/fpenv.h"
#include "initcore/workspace.h"

enum { SEGMENTS = ELEMENTS_PER_THREAD / IC_SUM_SEGMENT }; /* of one task */

typedef struct stepping {
    ic_kernel_step *step;
    char *p, *first, *second;
    const char *g;
    size_t n, size;
    const ic_step *numbers;
} stepping;

static void step_task(void *context, size_t index) {
    const stepping *const s = context;
    const size_t from = index * ELEMENTS_PER_THREAD, offset = from * s->size;
    s->step(s->p + offset, s->g + offset, s->first == NULL ? NULL : s->first + offset,
            s->second == NULL ? NULL : s->second + offset, least(ELEMENTS_PER_THREAD, s->n - from),
            s->numbers);
}

void ic_step_run(ic_dtype dtype, void *p, const void *g, void *first, void *second, size_t n,
                 const ic_step *step) {
    const ic_kernels *const k = ic_kernels_in_use();
    stepping s = {.step = dtype == IC_F32 ? k->step_f32 : k->step_f64,
                  .p = p,
                  .first = first,
                  .second = second,
                  .g = g,
                  .n = n,
                  .size = ic_size_of(dtype),
                  .numbers = step};
    ic_pool_for(pieces_of(n, ELEMENTS_PER_THREAD), step_task, &s,
                threads_for((double)n, ELEMENTS_PER_THREAD));
}

typedef struct squaring {
    ic_kernel_sum_of_squares *sum;
    const char *x;
    size_t n, size;
    double *parts; /* one for each segment */
} squaring;

static void squares_task(void *context, size_t index) {
    const squaring *const s = context;
    for (size_t i = index * SEGMENTS; i < (index + 1) * SEGMENTS; i++) {
        const size_t from = i * IC_SUM_SEGMENT;
        if (from >= s->n)
            return;
        s->sum(&s->parts[i], s->x + from * s->size, least(IC_SUM_SEGMENT, s->n - from));
    }
}

int ic_sum_of_squares(ic_dtype dtype, double *sum, const void *x, size_t n) {
    const ic_kernels *const k = ic_kernels_in_use();
    const size_t segments = pieces_of(n, IC_SUM_SEGMENT);
    *sum = 0;
    if (n == 0)
        return 0;
    squaring s = {.sum = dtype == IC_F32 ? k->sum_of_squares_f32 : k->sum_of_squares_f64,
                  .x = x,
                  .n = n,
                  .size = ic_size_of(dtype),
                  .parts = ic_workspace_take(segments * sizeof(double))};
    if (s.parts == NULL)
        return -1;
    ic_pool_for(pieces_of(segments, SEGMENTS), squares_task, &s,
                threads_for((double)n, ELEMENTS_PER_THREAD));
    const ic_fpenv saved = ic_fpenv_enter();
    *sum = s.parts[0];
    for (size_t i = 1; i < segments; i++)
        *sum += s.parts[i];
    ic_fpenv_leave(saved);
    ic_workspace_release(s.parts);
    return 0;
}
