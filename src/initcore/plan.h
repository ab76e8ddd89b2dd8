/* Training as a flat plan: whole runs of steps without the interpreter.
 *
 * A step gathers its rows, goes forward through the layers in their order, takes the loss, goes
 * backward through them and moves every parameter. The plan points into arrays that its maker
 * owns, laid out for a full batch; nothing but the number of rows changes from step to step.
 *
 * A layer of kernels of layers.h is a row of ops, which python/initcore/lowering.py lists. To add
 * another kind of layer, or a loss: its kind and its job here, a case in the two switches of plan.c
 * that are about it, a method of bindings/plan.pxi that fills the job, and its call. A rule of an
 * optimizer needs nothing: its kernel reads an ic_step, whose numbers Python says ahead for each
 * step. */
#ifndef INITCORE_PLAN_H
#define INITCORE_PLAN_H

#include "initcore/layers.h"
#include "initcore/optimizers.h"
#include "initcore/workspace.h"

typedef enum ic_plan_layer_kind {
    IC_PLAN_DENSE,
    IC_PLAN_OP,   /* one kernel of layers.h, forward or backward */
    IC_PLAN_MASK, /* the mask of a layer of dropout, forward */
    IC_PLAN_PROBE,
} ic_plan_layer_kind;

typedef struct ic_plan_dense {
    ic_dense_forward forward;
    ic_dense_backward backward;
    ic_matrix probed_z; /* where z goes in a recorded step; NULL data: where it always goes */
    size_t own[2];      /* its w and b among the parameters: see ic_plan_pair */
} ic_plan_dense;

/* A layer that is not dense is several of these: the kernels of its forward pass in their order,
 * those of its backward pass in the opposite one, for the list is gone through from its end. */
typedef struct ic_plan_op {
    ic_layer_kernel kernel;
    int backward;
    ic_layer job;
    size_t each; /* rows of the job for each row of the batch; 0: the job's own */
} ic_plan_op;

typedef struct ic_plan_mask {
    uint8_t *mask;
    size_t each; /* elements for each row of the batch */
    ic_stream stream;
    double p;
} ic_plan_mask;

/* Records what goes through y = phi(z), arrays (rows, n), in the layer before this one. */
typedef struct ic_plan_probe {
    ic_phi phi;
    const void *z, *y, *dy;
    void *dz;         /* room for it; NULL: it is dy */
    size_t n, each;   /* rows for each row of the batch */
    double low, high; /* y beyond them lies on a flat end of phi; NaN: phi has none */
    size_t at;        /* of IC_PLAN_LAYER_FACTS numbers in the record of a step */
} ic_plan_probe;

enum {
    IC_PLAN_LAYER_FACTS = 8,     /* mean and rms of z, y and dz; shares dead and saturated */
    IC_PLAN_PARAMETER_FACTS = 3, /* mean and rms of the gradient; |step| / |parameter| */
};

typedef union ic_plan_layer_job {
    ic_plan_dense dense;
    ic_plan_op op;
    ic_plan_mask mask;
    ic_plan_probe probe;
} ic_plan_layer_job;

typedef struct ic_plan_layer {
    ic_plan_layer_kind kind;
    ic_plan_layer_job job;
} ic_plan_layer;

typedef enum ic_plan_loss_kind {
    IC_PLAN_SOFTMAX, /* the cross-entropy under labels alone */
    IC_PLAN_CROSS_ENTROPY,
    IC_PLAN_SQUARED,
    IC_PLAN_ERRORS,
} ic_plan_loss_kind;

typedef union ic_plan_loss_job {
    ic_cross_entropy entropy;
    ic_errors errors;
} ic_plan_loss_job;

typedef struct ic_plan_loss {
    ic_plan_loss_kind kind;
    ic_matrix y, dy, t; /* outputs, their gradient, targets: contiguous */
    const int64_t *labels;
    size_t columns;
    ic_plan_loss_job job;
} ic_plan_loss;

/* Rows of the data that go along with a sample: its features, label, target or weight. */
typedef struct ic_plan_gather {
    char *to;
    const char *source;
    size_t bytes;   /* of a row */
    uint64_t limit; /* of int64: what each must be below, from 0 on; UINT64_MAX: nothing is asked */
} ic_plan_gather;

/* An index that was gathered and is beyond its limit. */
typedef struct ic_plan_outside {
    int64_t sample, index;
    uint64_t limit;
} ic_plan_outside;

typedef struct ic_plan_parameter {
    void *p;
    const void *g;
    void *first, *second; /* what the rule keeps, or NULL */
    size_t n;
    size_t numbers; /* which of a step's ic_step is its own */
    int early;      /* whether it may be moved as soon as its gradient is there */
    double squares; /* the sum of those of its gradient, once it was moved so */
} ic_plan_parameter;

enum { IC_PLAN_GATHERS = 4 };

typedef struct ic_plan {
    ic_dtype dtype;
    size_t samples, batch;
    ic_plan_gather gathers[IC_PLAN_GATHERS];
    size_t gather_count, layer_count, parameter_count;
    ic_plan_layer *layers;
    ic_plan_loss loss;
    const int64_t *classes; /* of the rows of the batch; NULL where none are counted */
    int count_sides;        /* count outputs on the side of 0 on which t is of 1/2; errors alone */
    ic_plan_parameter *parameters;
    void *early[2];   /* room for w's and b's gradient of any one layer; NULL: none */
    double clip_norm; /* the norm of all gradients is brought down to it; infinity: never */

    uint64_t steps_before;      /* steps of the run before this epoch */
    const int64_t *order;       /* of the samples in this epoch */
    const ic_step *numbers;     /* of step `first`, then of the steps after it */
    size_t first, numbers_step; /* how many further the next step's lie; 0: all have the same */

    size_t probe_every;    /* steps of the run from one that is recorded to the next; 0: none is */
    double *record;        /* of this epoch's steps: a row for each that is recorded */
    size_t record_columns; /* the layers' numbers, then those of each parameter */
    void *before;          /* room for the largest parameter */

    ic_workspace workspace; /* of all its steps: after the first they allocate nothing */

    double *losses; /* of each step of the epoch: the mean over its rows */
    size_t right;   /* of this epoch so far: rows whose largest output is that of their class, or
                       outputs on the right side */
    double norm;    /* of all gradients of the epoch's first step */
    ic_plan_outside outside; /* where IC_PLAN_OUTSIDE was the end */
} ic_plan;

typedef enum ic_plan_end {
    IC_PLAN_DONE,
    IC_PLAN_TIME,       /* `seconds` have passed */
    IC_PLAN_NOT_FINITE, /* the loss of step *at is not finite; its gradients are there */
    IC_PLAN_OUTSIDE,    /* step *at is not begun: a sample of it has an index beyond its limit */
    IC_PLAN_NO_MEMORY,
} ic_plan_end;

/* Finds the parameters of dense layers, once all are there. One that shares no memory with another
 * is read by its layer alone, and is moved where its gradient is still in the cache. */
void ic_plan_pair(ic_plan *plan);
void ic_plan_free(ic_plan *plan);

/* Steps *at .. end - 1 of the epoch, as far as it goes; *at is then the first that is not done.
 * Gradients of a step that another one follows at once may be gone. */
ic_plan_end ic_plan_run(ic_plan *plan, size_t *at, size_t end, double seconds);
/* The last part of a step, after its gradients. */
ic_plan_end ic_plan_update(ic_plan *plan, size_t step);

/* The outputs of a plan that has nothing but dense layers, for `rows` samples at x, contiguous like
 * out. `a` and `b` have room for as many rows of the widest layer. 0, or -1 when there is no memory
 * for the workspace. */
int ic_plan_outputs(ic_plan *plan, void *out, void *a, void *b, const void *x, size_t rows);

/* order = the places 0 .. n - 1 in the order of their words, smallest first, those with equal words
 * in their own. Fast for words that are uniform; `buckets` has room for n + 2 numbers. */
void ic_order(int64_t *order, const uint64_t *words, size_t n, uint64_t *buckets);

#endif
