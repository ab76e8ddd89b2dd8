#include "initcore/dense.h"

#include <stdatomic.h>

#include "initcore/cut.h"
#include "initcore/dispatch.h"
#include "initcore/pool.h"
#include "initcore/workspace.h"

enum {
    FLOPS_PER_THREAD = 4000000, /* below this a second thread costs more than it gives */
    PIECES_PER_THREAD = 3,      /* so that a thread that starts late or is taken away is no loss */
    PACKING_SHARE = 800,        /* more pieces may pack one element for so many of c: some 2.5 % */
};
#define LONGEST 4e9 /* operations of a piece in float64: between two a call can be interrupted */

/* The kernels of one type. */
typedef struct dense_kernels {
    size_t size; /* bytes of an element */
    ic_kernel_product *product;
    ic_kernel_product_needs *product_needs;
    ic_kernel_activation_forward *activation_forward;
    ic_kernel_activation_backward *activation_backward;
    ic_kernel_column_sums *column_sums;
    ic_kernel_sgd *sgd;
} dense_kernels;

#define DENSE_KERNELS(k, T, type)                                                                  \
    (dense_kernels) {                                                                              \
        .size = sizeof(type), .product = k->product_##T, .product_needs = k->product_needs_##T,    \
        .activation_forward = k->activation_forward_##T,                                           \
        .activation_backward = k->activation_backward_##T, .column_sums = k->column_sums_##T,      \
        .sgd = k->sgd_##T,                                                                         \
    }

static dense_kernels dense_kernels_of(ic_dtype dtype) {
    const ic_kernels *const k = ic_kernels_in_use();
    return dtype == IC_F32 ? DENSE_KERNELS(k, f32, float) : DENSE_KERNELS(k, f64, double);
}

/* A product cut into a grid of pieces of equal size, but for the last row and column. */
typedef struct grid {
    ic_product job;
    size_t rows, columns;             /* of c */
    size_t piece_rows, piece_columns; /* of a piece */
    size_t across, pieces;
} grid;

/* How many pieces lie side by side, and what elements of a and b all of them pack per step of k:
 * those above each other pack the same part of b again, those side by side the same part of a. */
typedef struct layout {
    size_t pieces, across, packed;
} layout;

/* The layout of so many pieces, at most tiles * panels, that packs least. */
static layout layout_of(size_t pieces, const grid *g, size_t tiles, size_t panels) {
    pieces = least(pieces, tiles * panels);
    layout best = {.packed = SIZE_MAX};
    for (size_t down = 1; down <= least(pieces, tiles); down++) {
        const size_t across = pieces_of(pieces, down);
        const size_t packed = across * g->rows + down * g->columns;
        if (across <= panels && packed < best.packed)
            best = (layout){pieces, across, packed};
    }
    return best;
}

static double flops(size_t a, size_t b, size_t c) {
    return 2.0 * (double)a * (double)b * (double)c;
}

/* Returns the bytes of workspace that a piece needs. */
static size_t cut_grid(grid *g, const dense_kernels *of, int threads) {
    ic_product_needs needs;
    of->product_needs(&needs, &g->job, g->rows, g->columns);
    const size_t panels = pieces_of(g->columns, needs.tile_columns);
    const size_t tiles = pieces_of(g->rows, needs.tile_rows);
    if (panels == 0 || tiles == 0) {
        g->pieces = 0;
        return 0;
    }
    const double work =
        flops(g->rows, g->columns, g->job.k) * (double)of->size / (double)sizeof(double);
    const size_t least_pieces = (size_t)(work / LONGEST) + 1;
    if (threads == 1 && least_pieces == 1) {
        g->piece_rows = g->rows;
        g->piece_columns = g->columns;
        g->across = g->pieces = 1;
        return needs.workspace;
    }
    layout chosen = layout_of((size_t)threads, g, tiles, panels);
    const size_t most = chosen.packed + g->rows * g->columns / PACKING_SHARE;
    for (int each = PIECES_PER_THREAD; each > 1; each--) {
        const layout finer = layout_of((size_t)(threads * each), g, tiles, panels);
        if (finer.packed <= most) {
            chosen = finer;
            break;
        }
    }
    if (chosen.pieces < least_pieces)
        chosen = layout_of(least_pieces, g, tiles, panels);
    g->piece_columns = pieces_of(panels, chosen.across) * needs.tile_columns;
    g->across = pieces_of(g->columns, g->piece_columns);
    const size_t down = least(tiles, pieces_of(chosen.pieces, g->across));
    g->piece_rows = pieces_of(tiles, down) * needs.tile_rows;
    g->pieces = g->across * pieces_of(g->rows, g->piece_rows);
    of->product_needs(&needs, &g->job, least(g->piece_rows, g->rows),
                      least(g->piece_columns, g->columns));
    return needs.workspace;
}

static ic_piece piece_of(const grid *g, size_t index) {
    ic_piece piece = {.row = index / g->across * g->piece_rows,
                      .column = index % g->across * g->piece_columns};
    piece.rows = least(g->piece_rows, g->rows - piece.row);
    piece.columns = least(g->piece_columns, g->columns - piece.column);
    return piece;
}

static void run_piece(const grid *g, const dense_kernels *of, size_t index, void *workspace) {
    const ic_piece piece = piece_of(g, index);
    of->product(&g->job, &piece, workspace);
}

/* Slots of workspace: as many as threads, each claimed for the length of a piece. */
typedef struct slots {
    char *memory;
    size_t bytes; /* of each */
    size_t count;
    atomic_uchar busy[IC_MAX_THREADS];
} slots;

static size_t claim_slot(slots *s) {
    for (size_t slot = 0;; slot = slot + 1 < s->count ? slot + 1 : 0)
        if (!atomic_exchange_explicit(&s->busy[slot], 1, memory_order_acquire))
            return slot;
}

static void yield_slot(slots *s, size_t slot) {
    atomic_store_explicit(&s->busy[slot], 0, memory_order_release);
}

typedef struct forward {
    dense_kernels of;
    const ic_dense_forward *layer;
    int fused; /* whether the product finishes with phi */
    grid z;    /* or y, where the product finishes with phi */
    slots slots;
} forward;

/* y = phi(z) on the piece that the product has just left in the cache. */
static void activate_piece(const forward *f, size_t index) {
    const ic_piece piece = piece_of(&f->z, index);
    const ic_dense_forward *const layer = f->layer;
    const size_t size = f->of.size;
    const ic_matrix z = {(char *)f->z.job.c + piece.column * size, f->z.job.c_row, 1};
    char *const y = (char *)layer->y.data + (ptrdiff_t)piece.row * layer->y.row * (ptrdiff_t)size +
                    piece.column * size;
    f->of.activation_forward(y, layer->y.row, &z, piece.row, piece.rows, piece.columns,
                             &layer->phi);
}

static void forward_task(void *context, size_t index) {
    forward *const f = context;
    const size_t slot = claim_slot(&f->slots);
    run_piece(&f->z, &f->of, index, f->slots.memory + slot * f->slots.bytes);
    yield_slot(&f->slots, slot);
    if (!f->fused)
        activate_piece(f, index);
}

int ic_dense_forward_run(ic_dtype dtype, const ic_dense_forward *layer) {
    const int fused = layer->phi.name <= IC_LAST_FUSED && layer->z.data == NULL;
    const ic_matrix *const c = layer->z.data != NULL ? &layer->z : &layer->y;
    forward f = {
        .of = dense_kernels_of(dtype),
        .layer = layer,
        .fused = fused,
        .z = {.job = {.c = c->data,
                      .c_row = c->row,
                      .a = layer->x.data,
                      .a_row = layer->x.row,
                      .a_k = layer->x.column,
                      .b = layer->w.data,
                      .b_k = layer->w.column,
                      .b_column = layer->w.row,
                      .k = layer->n_in,
                      .bias = layer->b,
                      .bias_stride = layer->b_stride,
                      .phi = fused ? layer->phi : (ic_phi){.name = IC_IDENTITY}},
              .rows = layer->batch,
              .columns = layer->n_out},
    };
    const int threads =
        threads_for(flops(layer->batch, layer->n_in, layer->n_out), FLOPS_PER_THREAD);
    f.slots.count = (size_t)threads;
    f.slots.bytes = cut_grid(&f.z, &f.of, threads);
    if (f.z.pieces == 0)
        return 0;
    f.slots.memory = ic_workspace_take(f.slots.bytes * f.slots.count + 64);
    if (f.slots.memory == NULL)
        return -1;
    ic_pool_for(f.z.pieces, forward_task, &f, threads);
    ic_workspace_release(f.slots.memory);
    return 0;
}

enum { DZ_ELEMENTS = 4096, DB_COLUMNS = 512 }; /* of a piece */

/* The distance of dz's rows. A KiB or a multiple apart they fall into few sets of the first-level
 * cache: products pack them or fetch them again and again. A line more spares that, while dz fits
 * in the second level; rows from further away are better packed. */
static size_t dz_distance(size_t batch, size_t n_out, size_t size) {
    enum { COLLIDING = 1024, LINE = 64, MOST = 512 << 10 };
    const int apart = n_out * size % COLLIDING == 0 && batch * n_out * size <= MOST;
    return apart ? n_out + LINE / size : n_out;
}

typedef struct backward {
    dense_kernels of;
    const ic_dense_backward *layer;
    char *dz;
    ptrdiff_t dz_row;
    size_t dz_rows; /* of a piece */
    grid dx, dw;
    size_t db_pieces;
    slots slots;
} backward;

static void dz_task(void *context, size_t index) {
    const backward *const b = context;
    const ic_dense_backward *const layer = b->layer;
    const size_t row = index * b->dz_rows;
    b->of.activation_backward(b->dz + row * (size_t)b->dz_row * b->of.size, b->dz_row, &layer->dy,
                              &layer->saved, row, least(b->dz_rows, layer->batch - row),
                              layer->n_out, &layer->phi);
}

static void backward_task(void *context, size_t index) {
    backward *const b = context;
    const ic_dense_backward *const layer = b->layer;
    if (index < b->dw.pieces + b->dx.pieces) {
        const size_t slot = claim_slot(&b->slots);
        void *const workspace = b->slots.memory + slot * b->slots.bytes;
        if (index < b->dw.pieces)
            run_piece(&b->dw, &b->of, index, workspace);
        else
            run_piece(&b->dx, &b->of, index - b->dw.pieces, workspace);
        yield_slot(&b->slots, slot);
        return;
    }
    const size_t column = (index - b->dw.pieces - b->dx.pieces) * DB_COLUMNS;
    b->of.column_sums(layer->db, layer->db_stride, b->dz, b->dz_row, layer->batch, column,
                      least(DB_COLUMNS, layer->n_out - column), layer->accumulate);
}

int ic_dense_backward_run(ic_dtype dtype, const ic_dense_backward *layer) {
    const size_t batch = layer->batch, n_in = layer->n_in, n_out = layer->n_out;
    backward b = {.of = dense_kernels_of(dtype), .layer = layer};
    const int want_dx = layer->dx.data != NULL, want_dw = layer->dw.data != NULL;
    const double work = flops(batch, n_in, n_out) * (want_dx + want_dw);
    const int threads = threads_for(work, FLOPS_PER_THREAD);
    b.slots.count = (size_t)threads;

    /* dz is dy itself where nothing has to be computed and its rows can be read as they are */
    const int own_dz = layer->phi.name != IC_IDENTITY || layer->dy.column != 1;
    b.dz = layer->dy.data;
    b.dz_row = own_dz ? (ptrdiff_t)dz_distance(batch, n_out, b.of.size) : layer->dy.row;
    if (want_dx) {
        b.dx = (grid){.job = {.c = layer->dx.data,
                              .c_row = layer->dx.row,
                              .a_row = b.dz_row,
                              .a_k = 1,
                              .b = layer->w.data,
                              .b_k = layer->w.row,
                              .b_column = layer->w.column,
                              .k = n_out,
                              .accumulate = layer->accumulate},
                      .rows = batch,
                      .columns = n_in};
        b.slots.bytes = cut_grid(&b.dx, &b.of, threads);
    }
    if (want_dw) {
        b.dw = (grid){.job = {.c = layer->dw.data,
                              .c_row = layer->dw.row,
                              .a_row = 1,
                              .a_k = b.dz_row,
                              .b = layer->x.data,
                              .b_k = layer->x.row,
                              .b_column = layer->x.column,
                              .k = batch,
                              .accumulate = layer->accumulate},
                      .rows = n_out,
                      .columns = n_in};
        const size_t bytes = cut_grid(&b.dw, &b.of, threads);
        b.slots.bytes = bytes > b.slots.bytes ? bytes : b.slots.bytes;
    }
    b.db_pieces = layer->db == NULL ? 0 : pieces_of(n_out, DB_COLUMNS);
    const size_t pieces = b.dx.pieces + b.dw.pieces + b.db_pieces;
    if (pieces == 0)
        return 0;

    const size_t dz_bytes = own_dz ? (batch * (size_t)b.dz_row * b.of.size + 63) / 64 * 64 : 0;
    char *const workspace = ic_workspace_take(b.slots.bytes * b.slots.count + dz_bytes + 64);
    if (workspace == NULL)
        return -1;
    b.slots.memory = workspace + dz_bytes;
    if (own_dz) {
        b.dz = workspace;
        b.dz_rows = pieces_of(DZ_ELEMENTS, n_out > 0 ? n_out : 1);
        ic_pool_for(pieces_of(batch, b.dz_rows), dz_task, &b,
                    threads_for((double)batch * (double)n_out, ELEMENTS_PER_THREAD));
    }
    b.dx.job.a = b.dw.job.a = b.dz;
    ic_pool_for(pieces, backward_task, &b, threads);
    ic_workspace_release(workspace);
    return 0;
}

typedef struct step {
    dense_kernels of;
    const ic_matrix *p, *g, *v;
    size_t rows, columns, piece_rows, piece_columns, across;
    double lr, momentum;
} step;

static void sgd_task(void *context, size_t index) {
    const step *const s = context;
    const size_t row = index / s->across * s->piece_rows;
    const size_t column = index % s->across * s->piece_columns;
    ic_matrix p = *s->p, g = *s->g, v = *s->v;
    p.data = (char *)p.data + (ptrdiff_t)column * p.column * (ptrdiff_t)s->of.size;
    g.data = (char *)g.data + (ptrdiff_t)column * g.column * (ptrdiff_t)s->of.size;
    if (v.data != NULL)
        v.data = (char *)v.data + (ptrdiff_t)column * v.column * (ptrdiff_t)s->of.size;
    s->of.sgd(&p, &g, &v, row, least(s->piece_rows, s->rows - row),
              least(s->piece_columns, s->columns - column), s->lr, s->momentum);
}

void ic_sgd(ic_dtype dtype, const ic_matrix *p, const ic_matrix *g, const ic_matrix *v, size_t rows,
            size_t columns, double lr, double momentum) {
    if (rows == 0 || columns == 0)
        return;
    step s = {.of = dense_kernels_of(dtype),
              .p = p,
              .g = g,
              .v = v,
              .rows = rows,
              .columns = columns,
              .piece_columns = least(columns, ELEMENTS_PER_THREAD),
              .lr = lr,
              .momentum = momentum};
    s.across = pieces_of(columns, s.piece_columns);
    s.piece_rows = pieces_of(ELEMENTS_PER_THREAD, s.piece_columns);
    ic_pool_for(s.across * pieces_of(rows, s.piece_rows), sgd_task, &s,
                threads_for((double)rows * (double)columns, ELEMENTS_PER_THREAD));
}

double ic_fma_chains(ic_dtype dtype, size_t steps) {
    _Alignas(64) char ends[IC_PEAK_CHAINS * 64] = {0};
    const ic_kernels *const k = ic_kernels_in_use();
    double flops;
    (dtype == IC_F32 ? k->fma_chains_f32 : k->fma_chains_f64)(ends, &flops, steps);
    return flops;
}
