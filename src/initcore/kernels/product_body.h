/* c = phi(a b + bias) for one type: see ic_product in kernels/dense.h.
 *
 * The piece of c is cut into column chunks of CHUNK_COLUMNS, k into blocks of IC_BLOCK, the rows
 * into chunks of CHUNK_ROWS. A block of b is packed once into panels of TILE_COLUMNS, each of which
 * stays in the first-level cache while the rows of a chunk pass; a chunk of a stays in the second
 * level. It is read in place where its rows or columns are contiguous. Partial sums pass through c,
 * which changes nothing: they are rounded to its type already. */
#include "initcore/kernels/phi.h"
#if IC_BITS == 32 && defined(IC_SIMD_FMA_EMULATED)
#include "initcore/kernels/product_tile_exact.h"
#else
#include "initcore/kernels/product_tile.h"
#endif

#undef CHUNK_ROWS
#undef CHUNK_COLUMNS
#define CHUNK_ROWS (96 / TILE_ROWS * TILE_ROWS)
#define CHUNK_COLUMNS (CHUNK_BYTES / IC_BLOCK / sizeof(real) / TILE_COLUMNS * TILE_COLUMNS)

IC_INLINE size_t TYPED(ic_least)(size_t a, size_t b) {
    return a < b ? a : b;
}

IC_INLINE size_t TYPED(ic_greatest)(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Bytes of a packed chunk of `lines` rows of a or columns of b, in panels of at most `tile`. */
static size_t TYPED(chunk_bytes)(size_t lines, size_t tile, size_t k) {
    const size_t panels = (lines + tile - 1) / tile;
    return (panels * PANEL_SIZE(tile, k) * sizeof(packed) + 63) / 64 * 64;
}

/* c = phi(c + bias) on one tile: z is rounded once after the one addition of the bias. */
IC_INLINE void TYPED(finish_with)(const ic_activation name, real *c, ptrdiff_t c_row, size_t rows,
                                  size_t columns, const real *bias, ptrdiff_t bias_stride,
                                  double slope) {
    const vreal slopes = V(set)((real)slope);
    for (size_t column = 0; column < columns; column += LANES) {
        const size_t left = TYPED(ic_least)(columns - column, LANES);
        vreal add = V(set)(0);
        if (bias != NULL && bias_stride == 1) {
            add = left == LANES ? V(load)(bias + column) : V(load_n)(bias + column, left);
        } else if (bias != NULL) {
            real gathered[LANES] = {0};
            for (size_t lane = 0; lane < left; lane++)
                gathered[lane] = bias[(ptrdiff_t)(column + lane) * bias_stride];
            add = V(load)(gathered);
        }
        for (size_t row = 0; row < rows; row++) {
            real *out = c + (ptrdiff_t)row * c_row + column;
            vreal z = left == LANES ? V(load)(out) : V(load_n)(out, left);
            if (bias != NULL)
                z = V(add)(z, add);
            z = TYPED(ic_phi)(name, slopes, z);
            if (left == LANES)
                V(store)(out, z);
            else
                V(store_n)(out, z, left);
        }
    }
}

static void TYPED(finish)(ic_phi phi, real *c, ptrdiff_t c_row, size_t rows, size_t columns,
                          const real *bias, ptrdiff_t bias_stride) {
#define FINISH_CASE(name)                                                                          \
    case name:                                                                                     \
        TYPED(finish_with)(name, c, c_row, rows, columns, bias, bias_stride, phi.a);               \
        return;
    switch (phi.name) {
    case IC_IDENTITY:
        if (bias == NULL)
            return;
        TYPED(finish_with)(IC_IDENTITY, c, c_row, rows, columns, bias, bias_stride, 0);
        return;
        FINISH_CASE(IC_RELU)
        FINISH_CASE(IC_LEAKY_RELU)
        FINISH_CASE(IC_TANH)
        FINISH_CASE(IC_SIGMOID)
    default: /* the driver maps the others over what a product gives */
        return;
    }
#undef FINISH_CASE
}

#include "initcore/kernels/product_few.h"

void IC_FN(TYPED(product_needs))(ic_product_needs *needs, const ic_product *job, size_t rows,
                                 size_t columns) {
    const size_t depth = TYPED(ic_least)(job->k, IC_BLOCK);
    needs->tile_rows = TILE_ROWS;
    needs->tile_columns = TILE_COLUMNS;
    needs->workspace =
        TYPED(chunk_bytes)(TYPED(ic_least)(columns, CHUNK_COLUMNS), TILE_COLUMNS, depth) +
        TYPED(chunk_bytes)(TYPED(ic_least)(rows, CHUNK_ROWS), TILE_ROWS, depth);
#if defined(THIN_ROWS)
    if (TYPED(is_thin)(job, rows, columns)) {
        needs->tile_rows = THIN_ROWS; /* a piece has all of them */
        needs->workspace =
            TYPED(ic_greatest)(needs->workspace, TYPED(thin_bytes)(rows, columns, depth));
    }
#endif
}

void IC_FN(TYPED(product))(const ic_product *job, const ic_piece *piece, void *workspace) {
    if (TYPED(product_of_one)(job, piece))
        return;
#if defined(THIN_ROWS)
    if (TYPED(is_thin)(job, piece->rows, piece->columns)) {
        TYPED(product_thin)(job, piece, workspace);
        return;
    }
#endif
    const size_t width = TYPED(ic_least)(piece->columns, CHUNK_COLUMNS);
    const size_t depth = TYPED(ic_least)(job->k, IC_BLOCK);
    packed *const packed_b = workspace;
    packed *const packed_a =
        (packed *)((char *)workspace + TYPED(chunk_bytes)(width, TILE_COLUMNS, depth));
    const size_t row_end = piece->row + piece->rows, column_end = piece->column + piece->columns;

    for (size_t chunk = piece->column; chunk < column_end; chunk += CHUNK_COLUMNS) {
        const size_t chunk_end = TYPED(ic_least)(chunk + CHUNK_COLUMNS, column_end);
        size_t k0 = 0;
        do { /* once for k = 0: one empty block */
            const size_t k = TYPED(ic_least)(job->k - k0, IC_BLOCK);
            const int last = k0 + k == job->k;
            const int assign = k0 == 0 && !job->accumulate;
            const real *const b0 = (const real *)job->b + (ptrdiff_t)k0 * job->b_k;
            for (size_t row0 = piece->row; row0 < row_end; row0 += CHUNK_ROWS) {
                const size_t rows0 = TYPED(ic_least)(row_end - row0, CHUNK_ROWS);
                const real *const a0 =
                    (const real *)job->a + (ptrdiff_t)row0 * job->a_row + (ptrdiff_t)k0 * job->a_k;
                const int in_place = A_IN_PLACE(job->a_row, job->a_k, k, chunk_end - chunk);
                if (!in_place && A_BY_STEPS(job->a_row))
                    PACK_PANELS(packed_a, a0, job->a_k, rows0, k);
                else if (!in_place)
                    for (size_t row = 0; row < rows0; row += TILE_ROWS) {
                        const size_t rows = TYPED(ic_least)(rows0 - row, TILE_ROWS);
                        TYPED(pack)(packed_a + row / TILE_ROWS * PANEL_SIZE(TILE_ROWS, k), rows,
                                    a0 + (ptrdiff_t)row * job->a_row, job->a_row, job->a_k, rows,
                                    k);
                    }
                for (size_t column = chunk; column < chunk_end; column += TILE_COLUMNS) {
                    const size_t columns = TYPED(ic_least)(chunk_end - column, TILE_COLUMNS);
                    const real *const b1 = b0 + (ptrdiff_t)column * job->b_column;
                    const real *const bias =
                        job->bias == NULL
                            ? NULL
                            : (const real *)job->bias + (ptrdiff_t)column * job->bias_stride;
                    const packed *panel = (const void *)b1;
                    ptrdiff_t panel_k = job->b_k;
                    packed *copy = NULL; /* where the first tile copies the panel to */
                    if (!B_IN_PLACE(piece->rows, columns, k, job->b_k, job->b_column)) {
                        const size_t at = (column - chunk) / TILE_COLUMNS;
                        packed *const home = packed_b + at * PANEL_SIZE(TILE_COLUMNS, k);
                        const int first = row0 == piece->row;
                        const int beside = B_BESIDE(piece->rows, columns, job->b_k, job->b_column);
                        if (first && !beside && B_COPIED(rows0, columns, job->b_column)) {
                            copy = home;
                        } else {
                            panel = home;
                            panel_k = (ptrdiff_t)PANEL_WIDTH(columns);
                            if (first && !beside)
                                TYPED(pack)(home, PANEL_WIDTH(columns), b1, job->b_column, job->b_k,
                                            columns, k);
                            else if (first && at % PANELS_BESIDE == 0)
                                PACK_BESIDE(home, b1, job->b_k,
                                            TYPED(ic_least)((chunk_end - column) / TILE_COLUMNS,
                                                            PANELS_BESIDE),
                                            k);
                        }
                    }
                    for (size_t row = 0; row < rows0; row += TILE_ROWS) {
                        const size_t rows = TYPED(ic_least)(rows0 - row, TILE_ROWS);
                        real *const c =
                            (real *)job->c + (ptrdiff_t)(row0 + row) * job->c_row + column;
                        const packed *a = packed_a + row / TILE_ROWS * PANEL_SIZE(TILE_ROWS, k);
                        ptrdiff_t a_row = 1, a_k = (ptrdiff_t)rows;
                        if (in_place) {
                            a = (const void *)(a0 + (ptrdiff_t)row * job->a_row);
                            a_row = job->a_row;
                            a_k = job->a_k;
                        }
                        if (copy == NULL) {
                            TYPED(tile)(rows, k, a, a_row, a_k, panel, panel_k, c, job->c_row,
                                        columns, assign);
                        } else {
                            TILE_AND_PACK(copy, k, a, a_row, a_k, panel, panel_k, c, job->c_row,
                                          assign);
                            panel = copy;
                            panel_k = TILE_COLUMNS;
                            copy = NULL;
                        }
                        if (last)
                            TYPED(finish)(job->phi, c, job->c_row, rows, columns, bias,
                                          job->bias_stride);
                    }
                }
            }
            k0 += k;
        } while (k0 < job->k);
    }
}
