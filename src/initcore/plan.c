#include "initcore/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "initcore/cut.h"
#include "initcore/fill.h"
#include "initcore/fpenv.h"
#include "initcore/losses.h"
#include "initcore/map.h"
#include "initcore/moments.h"

/* Where the elements of a step's mask begin in its stream: 2^36 for each step, docs/stream-v1.md.
 */
enum { MASK_SHIFT = 36 };

static void run_op(const ic_plan *plan, const ic_plan_op *op, size_t rows) {
    ic_layer job = op->job;
    if (op->each != 0)
        job.rows = rows * op->each;
    ic_layer_run(plan->dtype, op->kernel, &job);
}

static void draw_mask(const ic_plan *plan, const ic_plan_mask *m, size_t step, size_t rows) {
    const int64_t shape = (int64_t)(rows * m->each), unit = 1;
    const ic_fill_target target = {.data = (char *)m->mask,
                                   .dimensions = 1,
                                   .shape = &shape,
                                   .step = &unit,
                                   .index = &unit,
                                   .first = (plan->steps_before + step) << MASK_SHIFT};
    ic_fill_law law;
    ic_fill_law_mask(&law, m->p);
    ic_fill(&target, &m->stream, &law);
}

/* The row of the record that a step of the epoch has; NULL: it has none. */
static double *record_of(const ic_plan *plan, size_t step) {
    const uint64_t before = plan->steps_before, every = plan->probe_every;
    if (every == 0 || (before + step) % every != 0)
        return NULL;
    return plan->record + ((before + step) / every - (before + every - 1) / every) *
                              (uint64_t)plan->record_columns;
}

static void put(double *record, ic_moments found) {
    record[0] = found.mean;
    record[1] = found.rms;
}

static void probe_forward(const ic_plan *plan, const ic_plan_probe *p, double *record,
                          size_t rows) {
    const size_t n = rows * p->each * p->n;
    put(record, ic_moments_of(plan->dtype, p->z, NULL, n));
    put(record + 2, ic_moments_of(plan->dtype, p->y, NULL, n));
    record[6] = ic_zero_columns_share(plan->dtype, p->y, rows * p->each, p->n);
    record[7] = isnan(p->low) ? p->low : ic_share_beyond(plan->dtype, p->y, n, p->low, p->high);
}

static void probe_backward(const ic_plan *plan, const ic_plan_probe *p, double *record,
                           size_t rows) {
    const size_t lines = rows * p->each;
    const ptrdiff_t row = (ptrdiff_t)p->n;
    const void *dz = p->dy;
    if (p->dz != NULL) {
        const ic_matrix to = {p->dz, row, 1}, dy = {(void *)p->dy, row, 1};
        const ic_matrix saved = {(void *)(ic_saves_z(p->phi.name) ? p->z : p->y), row, 1};
        ic_activation_backward_run(plan->dtype, &to, &dy, &saved, lines, p->n, &p->phi);
        dz = p->dz;
    }
    put(record + 4, ic_moments_of(plan->dtype, dz, NULL, lines * p->n));
}

static int layer_forward(const ic_plan *plan, const ic_plan_layer *layer, size_t step, size_t rows,
                         double *record) {
    switch (layer->kind) {
    case IC_PLAN_DENSE: {
        ic_dense_forward job = layer->job.dense.forward;
        job.batch = rows;
        if (record != NULL && layer->job.dense.probed_z.data != NULL)
            job.z = layer->job.dense.probed_z;
        return ic_dense_forward_run(plan->dtype, &job);
    }
    case IC_PLAN_OP:
        if (!layer->job.op.backward)
            run_op(plan, &layer->job.op, rows);
        return 0;
    case IC_PLAN_MASK:
        draw_mask(plan, &layer->job.mask, step, rows);
        return 0;
    case IC_PLAN_PROBE:
        if (record != NULL)
            probe_forward(plan, &layer->job.probe, record + layer->job.probe.at, rows);
        return 0;
    }
    return -1;
}

/* early: where gradients go whose parameters are moved at once; NULL: where they always go. */
static int layer_backward(const ic_plan *plan, const ic_plan_layer *layer, size_t rows,
                          double *record, void *const *early) {
    switch (layer->kind) {
    case IC_PLAN_DENSE: {
        ic_dense_backward job = layer->job.dense.backward;
        job.batch = rows;
        if (early != NULL) {
            job.dw.data = early[0];
            job.db = job.db == NULL ? NULL : early[1];
        }
        return ic_dense_backward_run(plan->dtype, &job);
    }
    case IC_PLAN_OP:
        if (layer->job.op.backward)
            run_op(plan, &layer->job.op, rows);
        return 0;
    case IC_PLAN_MASK:
        return 0;
    case IC_PLAN_PROBE:
        if (record != NULL)
            probe_backward(plan, &layer->job.probe, record + layer->job.probe.at, rows);
        return 0;
    }
    return -1;
}

static int mean_loss(const ic_plan *plan, double *mean, size_t rows) {
    const ic_plan_loss *const loss = &plan->loss;
    switch (loss->kind) {
    case IC_PLAN_SOFTMAX:
        return ic_softmax_cross_entropy(plan->dtype, mean, &loss->dy, &loss->y, loss->labels, 1,
                                        rows, loss->columns);
    case IC_PLAN_CROSS_ENTROPY: {
        ic_cross_entropy job = loss->job.entropy;
        job.batch = rows;
        return ic_cross_entropy_run(plan->dtype, mean, &loss->dy, &job);
    }
    case IC_PLAN_SQUARED:
        return ic_mean_squared_error(plan->dtype, mean, &loss->dy, &loss->y, &loss->t, rows,
                                     loss->columns);
    case IC_PLAN_ERRORS: {
        ic_errors job = loss->job.errors;
        job.count = rows * job.columns;
        return ic_errors_run(plan->dtype, mean, &loss->dy, &job, rows);
    }
    }
    return -1;
}

/* The source is the user's, who may write it at any time: what is checked, and then used, is the
 * copy. */
static int check_indices(ic_plan *plan, const ic_plan_gather *g, size_t start, size_t rows) {
    const int64_t *const index = (const int64_t *)(const void *)g->to;
    const size_t each = g->bytes / sizeof *index;
    for (size_t i = 0; i < rows * each; i++)
        if ((uint64_t)index[i] >= g->limit) {
            plan->outside = (ic_plan_outside){plan->order[start + i / each], index[i], g->limit};
            return -1;
        }
    return 0;
}

static int gather(ic_plan *plan, size_t start, size_t rows) {
    for (size_t i = 0; i < plan->gather_count; i++) {
        const ic_plan_gather *const g = &plan->gathers[i];
        for (size_t row = 0; row < rows; row++)
            memcpy(g->to + row * g->bytes, g->source + (size_t)plan->order[start + row] * g->bytes,
                   g->bytes);
        if (g->limit != UINT64_MAX && check_indices(plan, g, start, rows))
            return -1;
    }
    return 0;
}

/* Rows whose largest output is that of their class, the first of equals; a NaN is never. */
#define RIGHT(name, type)                                                                          \
    static size_t name(const type *y, const int64_t *classes, size_t rows, size_t columns) {       \
        size_t right = 0;                                                                          \
        for (size_t row = 0; row < rows; row++, y += columns) {                                    \
            const size_t label = (size_t)classes[row];                                             \
            const type best = y[label];                                                            \
            int wrong = best != best;                                                              \
            for (size_t j = 0; j < label; j++)                                                     \
                wrong |= !(y[j] < best);                                                           \
            for (size_t j = label + 1; j < columns; j++)                                           \
                wrong |= !(y[j] <= best);                                                          \
            right += !wrong;                                                                       \
        }                                                                                          \
        return right;                                                                              \
    }
RIGHT(right_f32, float)
RIGHT(right_f64, double)
#undef RIGHT

/* Outputs above 0 with a target above 1/2, and others with another; a NaN is never right. */
#define RIGHT_SIDE(name, type)                                                                     \
    static size_t name(const type *y, const type *t, size_t n) {                                   \
        size_t right = 0;                                                                          \
        for (size_t i = 0; i < n; i++)                                                             \
            right += (y[i] > 0) == (t[i] > (type)0.5) && y[i] == y[i];                             \
        return right;                                                                              \
    }
RIGHT_SIDE(right_side_f32, float)
RIGHT_SIDE(right_side_f64, double)
#undef RIGHT_SIDE

static size_t right(const ic_plan *plan, size_t rows) {
    const void *const y = plan->loss.y.data;
    if (plan->count_sides) {
        const void *const t = plan->loss.job.errors.t.data;
        const size_t n = rows * plan->loss.columns;
        return plan->dtype == IC_F32 ? right_side_f32(y, t, n) : right_side_f64(y, t, n);
    }
    return plan->dtype == IC_F32 ? right_f32(y, plan->classes, rows, plan->loss.columns)
                                 : right_f64(y, plan->classes, rows, plan->loss.columns);
}

/* The norm of the gradients of all parameters together; the sums of those that were moved early are
 * there. */
static int gradient_norm(const ic_plan *plan, double *norm, int early) {
    double total = 0;
    for (size_t i = 0; i < plan->parameter_count; i++) {
        const ic_plan_parameter *const p = &plan->parameters[i];
        double part = p->squares;
        if (!(early && p->early) && ic_sum_of_squares(plan->dtype, &part, p->g, p->n))
            return -1;
        total += part;
    }
    *norm = sqrt(total);
    return 0;
}

/* A parameter's numbers in the record of a step: behind those of the layers. */
static double *of_parameter(const ic_plan *plan, double *record, size_t i) {
    return record + plan->record_columns - (plan->parameter_count - i) * IC_PLAN_PARAMETER_FACTS;
}

static void probe_gradients(const ic_plan *plan, double *record) {
    for (size_t i = 0; i < plan->parameter_count; i++) {
        const ic_plan_parameter *const p = &plan->parameters[i];
        put(of_parameter(plan, record, i), ic_moments_of(plan->dtype, p->g, NULL, p->n));
    }
}

static void move(const ic_plan *plan, const ic_plan_parameter *p, const void *g, size_t step,
                 double clip) {
    ic_step own = plan->numbers[(step - plan->first) * plan->numbers_step + p->numbers];
    own.clip = clip;
    ic_step_run(plan->dtype, p->p, g, p->first, p->second, p->n, &own);
}

/* Moves a parameter and records how far, as a share of what it was. */
static void move_recorded(const ic_plan *plan, const ic_plan_parameter *p, size_t step, double clip,
                          double *record) {
    memcpy(plan->before, p->p, p->n * ic_size_of(plan->dtype));
    move(plan, p, p->g, step, clip);
    record[2] = ic_moments_of(plan->dtype, p->p, plan->before, p->n).rms /
                ic_moments_of(plan->dtype, plan->before, NULL, p->n).rms;
}

/* Whether the parameters of a layer may be moved right after its backward pass. */
static int is_early(const ic_plan *plan, const ic_plan_layer *layer) {
    return layer->kind == IC_PLAN_DENSE && layer->job.dense.own[0] < plan->parameter_count &&
           plan->parameters[layer->job.dense.own[0]].early;
}

/* Moves them; gradients: where they are, or NULL. */
static int move_early(const ic_plan *plan, const ic_plan_dense *layer, size_t step,
                      void *const *gradients) {
    for (size_t i = 0; i < 2; i++) {
        if (layer->own[i] == plan->parameter_count)
            continue;
        ic_plan_parameter *const p = &plan->parameters[layer->own[i]];
        const void *const g = gradients == NULL ? p->g : gradients[i];
        if (step == 0 && ic_sum_of_squares(plan->dtype, &p->squares, g, p->n))
            return -1;
        move(plan, p, g, step, 1);
    }
    return 0;
}

static int forward(ic_plan *plan, size_t step, size_t rows, double *record) {
    for (size_t i = 0; i < plan->layer_count; i++)
        if (layer_forward(plan, &plan->layers[i], step, rows, record))
            return -1;
    if (mean_loss(plan, &plan->losses[step], rows))
        return -1;
    if (plan->classes != NULL || plan->count_sides)
        plan->right += right(plan, rows);
    return 0;
}

/* kept: whether the gradients will be asked for. */
static int backward(ic_plan *plan, size_t step, size_t rows, double *record, int early, int kept) {
    void *const *const room = kept || plan->early[0] == NULL ? NULL : plan->early;
    for (size_t i = plan->layer_count; i-- > 0;) {
        const ic_plan_layer *const layer = &plan->layers[i];
        const int now = early && is_early(plan, layer);
        if (layer_backward(plan, layer, rows, record, now ? room : NULL))
            return -1;
        if (now && move_early(plan, &layer->job.dense, step, room))
            return -1;
    }
    if (record != NULL)
        probe_gradients(plan, record);
    return step == 0 ? gradient_norm(plan, &plan->norm, early) : 0;
}

/* Moves the parameters, but for those that were moved early. */
static int update(const ic_plan *plan, size_t step, int early) {
    double *const record = record_of(plan, step);
    double clip = 1;
    if (plan->clip_norm < INFINITY) {
        double norm;
        if (gradient_norm(plan, &norm, 0))
            return -1;
        clip = norm > plan->clip_norm ? plan->clip_norm / norm : 1;
    }
    for (size_t i = 0; i < plan->parameter_count; i++) {
        const ic_plan_parameter *const p = &plan->parameters[i];
        if (early && p->early)
            continue;
        if (record == NULL)
            move(plan, p, p->g, step, clip);
        else
            move_recorded(plan, p, step, clip, of_parameter(plan, record, i));
    }
    return 0;
}

/* One step, or IC_PLAN_NOT_FINITE before its parameters are moved. */
static ic_plan_end take(ic_plan *plan, size_t step, int kept) {
    const size_t rows = least(plan->batch, plan->samples - step * plan->batch);
    double *const record = record_of(plan, step);
    if (gather(plan, step * plan->batch, rows))
        return IC_PLAN_OUTSIDE;
    if (forward(plan, step, rows, record))
        return IC_PLAN_NO_MEMORY;
    const int finite = isfinite(plan->losses[step]);
    const int early = finite && record == NULL && plan->clip_norm == INFINITY;
    if (backward(plan, step, rows, record, early, kept))
        return IC_PLAN_NO_MEMORY;
    if (!finite)
        return IC_PLAN_NOT_FINITE;
    return update(plan, step, early) ? IC_PLAN_NO_MEMORY : IC_PLAN_DONE;
}

static int apart(const char *a, const char *b, size_t a_bytes, size_t b_bytes) {
    return a + a_bytes <= b || b + b_bytes <= a;
}

/* As many bytes as whole lines of the cache have. */
static size_t in_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static void both_or_none(ic_plan *plan, const size_t own[2]) {
    ic_plan_parameter *const all = plan->parameters;
    if (own[0] == plan->parameter_count || own[1] == plan->parameter_count)
        return;
    all[own[0]].early = all[own[1]].early = all[own[0]].early && all[own[1]].early;
}

void ic_plan_pair(ic_plan *plan) {
    const size_t count = plan->parameter_count;
    const size_t size = ic_size_of(plan->dtype);
    ic_plan_parameter *const all = plan->parameters;
    size_t most[2] = {64, 64};
    for (size_t i = 0; i < count; i++)
        all[i].early = 0;
    for (size_t i = 0; i < plan->layer_count; i++) {
        if (plan->layers[i].kind != IC_PLAN_DENSE)
            continue;
        ic_plan_dense *const layer = &plan->layers[i].job.dense;
        const void *const gradients[2] = {layer->backward.dw.data, layer->backward.db};
        const size_t n_out = layer->backward.n_out;
        const size_t elements[2] = {n_out * layer->backward.n_in, n_out};
        for (size_t which = 0; which < 2; which++) {
            size_t at = 0;
            while (at < count && (all[at].g != gradients[which] || all[at].n != elements[which]))
                at++;
            layer->own[which] = at;
            if (at == count)
                continue;
            all[at].early = 1;
            const size_t bytes = in_lines(all[at].n * size);
            most[which] = bytes > most[which] ? bytes : most[which];
        }
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (!apart(all[i].p, all[j].p, all[i].n * size, all[j].n * size))
                all[i].early = all[j].early = 0;
    for (size_t i = 0; i < plan->layer_count; i++)
        if (plan->layers[i].kind == IC_PLAN_DENSE)
            both_or_none(plan, plan->layers[i].job.dense.own);
    plan->early[0] = aligned_alloc(64, most[0] + most[1]);
    plan->early[1] = plan->early[0] == NULL ? NULL : (char *)plan->early[0] + most[0];
}

void ic_plan_free(ic_plan *plan) {
    free(plan->layers);
    free(plan->parameters);
    free(plan->early[0]);
    free(plan->workspace.memory);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static ic_plan_end run(ic_plan *plan, size_t *at, size_t end, double seconds) {
    const double until = now() + seconds;
    while (*at < end) {
        const int late = now() > until;
        const ic_plan_end how = take(plan, *at, late || *at + 1 == end);
        if (how != IC_PLAN_DONE)
            return how;
        ++*at;
        if (late)
            return IC_PLAN_TIME;
    }
    return IC_PLAN_DONE;
}

ic_plan_end ic_plan_run(ic_plan *plan, size_t *at, size_t end, double seconds) {
    const ic_fpenv saved = ic_fpenv_enter();
    ic_workspace_lend(&plan->workspace);
    const ic_plan_end how = run(plan, at, end, seconds);
    ic_workspace_lend(NULL);
    ic_fpenv_leave(saved);
    return how;
}

ic_plan_end ic_plan_update(ic_plan *plan, size_t step) {
    const ic_fpenv saved = ic_fpenv_enter();
    ic_workspace_lend(&plan->workspace);
    const int status = update(plan, step, 0);
    ic_workspace_lend(NULL);
    ic_fpenv_leave(saved);
    return status ? IC_PLAN_NO_MEMORY : IC_PLAN_DONE;
}

static int outputs(const ic_plan *plan, void *out, void *a, void *b, const void *x, size_t rows) {
    size_t last = plan->layer_count - 1;
    while (plan->layers[last].kind != IC_PLAN_DENSE)
        last--;
    for (size_t i = 0; i <= last; i++) {
        if (plan->layers[i].kind != IC_PLAN_DENSE)
            continue;
        void *const y = i == last ? out : x == a ? b : a;
        ic_dense_forward job = plan->layers[i].job.dense.forward;
        job.batch = rows;
        job.x = (ic_matrix){(void *)x, (ptrdiff_t)job.n_in, 1};
        job.y = (ic_matrix){y, (ptrdiff_t)job.n_out, 1};
        job.z.data = NULL;
        if (ic_dense_forward_run(plan->dtype, &job))
            return -1;
        x = y;
    }
    return 0;
}

int ic_plan_outputs(ic_plan *plan, void *out, void *a, void *b, const void *x, size_t rows) {
    const ic_fpenv saved = ic_fpenv_enter();
    ic_workspace_lend(&plan->workspace);
    const int status = outputs(plan, out, a, b, x, rows);
    ic_workspace_lend(NULL);
    ic_fpenv_leave(saved);
    return status;
}

static size_t leading(uint64_t word, int bits) {
    return bits == 0 ? 0 : (size_t)(word >> (64 - bits));
}

void ic_order(int64_t *order, const uint64_t *words, size_t n, uint64_t *buckets) {
    /* n buckets by the leading bits, about one word in each; then each is sorted by insertion */
    memset(buckets, 0, (n + 2) * sizeof *buckets);
    int bits = 0;
    while (bits < 32 && ((size_t)1 << (bits + 1)) <= n)
        bits++;
    for (size_t i = 0; i < n; i++)
        buckets[leading(words[i], bits) + 2]++;
    for (size_t b = 2; b < n + 2; b++)
        buckets[b] += buckets[b - 1];
    for (size_t i = 0; i < n; i++)
        order[buckets[leading(words[i], bits) + 1]++] = (int64_t)i;
    for (size_t i = 1; i < n; i++) {
        const int64_t place = order[i];
        size_t at = i;
        for (; at > 0 && words[order[at - 1]] > words[place]; at--)
            order[at] = order[at - 1];
        order[at] = place;
    }
}
