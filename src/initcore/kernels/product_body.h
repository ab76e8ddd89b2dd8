/* c = phi(a b + bias) for one type: see ic_product in kernels/dense.h.
 *
 * The piece of c is cut into column chunks of CHUNK_COLUMNS, k into blocks of IC_BLOCK, the rows
 * into chunks of CHUNK_ROWS. A block of b is packed once into panels of TILE_COLUMNS. A chunk of a
 * is read in place where its rows or columns are contiguous. One operand of a tile stays in the
 * first-level cache while the other one's panels pass from the second (BY_ROWS). Where a block of k
 * of all rows fits there too (A_STAYS), it is packed once, and b in parts of PART_COLUMNS beside
 * it. Partial sums pass through c, which changes nothing: they are rounded to its type already. */
#include "initcore/kernels/phi.h"
#include "initcore/kernels/product_tuning.h"
#include "initcore/sizes.h"
#if IC_BITS == 32 && defined(IC_SIMD_FMA_EMULATED)
#include "initcore/kernels/product_tile_exact.h"
#else
#include "initcore/kernels/product_tile.h"
#endif

#define CHUNK_ROWS (96 / TILE_ROWS * TILE_ROWS)
/* Rows of the tiles that one panel of b meets before the next passes. */
#define GROUP_ROWS (BY_ROWS ? GROUP_TILES * TILE_ROWS : CHUNK_ROWS)
#define CHUNK_COLUMNS (CHUNK_BYTES / IC_BLOCK / sizeof(real) / TILE_COLUMNS * TILE_COLUMNS)
#define PART_COLUMNS (PANELS_BESIDE * TILE_COLUMNS)
#define FINISH_COLUMNS (FINISH_TILES * TILE_COLUMNS)

/* Bytes of a packed chunk of `lines` rows of a or columns of b, in panels of at most `tile`. */
static size_t TYPED(chunk_bytes)(size_t lines, size_t tile, size_t k) {
    const size_t panels = (lines + tile - 1) / tile;
    return (panels * TYPED(panel_size)(tile, k) * sizeof(TYPED(packed)) + 63) / 64 * 64;
}

/* c = phi(c + bias) on some tiles: z is rounded once after the one addition of the bias. */
IC_INLINE void TYPED(finish_with)(const ic_activation name, real *c, ptrdiff_t c_row, size_t rows,
                                  size_t columns, const real *bias, ptrdiff_t bias_stride,
                                  double slope) {
    const vreal slopes = V(set)((real)slope);
    for (size_t column = 0; column < columns; column += LANES) {
        const size_t left = least(columns - column, LANES);
        vreal add = V(set)((real)-0.0); /* which changes nothing, not even a zero's sign */
        if (bias != NULL && bias_stride == 1) {
            add = left == LANES ? V(load)(bias + column) : V(load_n)(bias + column, left);
        } else if (bias != NULL) {
            real gathered[LANES] = {0};
            for (size_t lane = 0; lane < left; lane++)
                gathered[lane] = bias[(ptrdiff_t)(column + lane) * bias_stride];
            add = V(load)(gathered);
        }
        real *out = c + column;
        if (left == LANES)
            for (size_t row = 0; row < rows; row++, out += c_row)
                V(store)(out, TYPED(ic_phi)(name, slopes, V(add)(V(load)(out), add)));
        else
            for (size_t row = 0; row < rows; row++, out += c_row) {
                const vreal z = V(add)(V(load_n)(out, left), add);
                V(store_n)(out, TYPED(ic_phi)(name, slopes, z), left);
            }
    }
}

static void TYPED(finish_block)(ic_phi phi, real *c, ptrdiff_t c_row, size_t rows, size_t columns,
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

/* The epilogue of a product on a part of its c, which begins at `column`. */
static void TYPED(finish_part)(const ic_product *job, real *c, size_t rows, size_t column,
                               size_t columns) {
    const real *bias = job->bias;
    if (bias != NULL)
        bias += (ptrdiff_t)column * job->bias_stride;
    TYPED(finish_block)(job->phi, c, job->c_row, rows, columns, bias, job->bias_stride);
}

/* Whether b, of so many columns, is called for a part ahead. */
IC_INLINE int TYPED(is_called)(const ic_product *job, size_t columns) {
    return job->k * columns * sizeof(real) > CALLED_FROM;
}

/* Calls for n contiguous elements to the second-level cache. */
IC_INLINE void TYPED(call_ahead)(const real *from, size_t n) {
    for (size_t i = 0; i < n; i += 64 / sizeof(real))
        __builtin_prefetch(from + i, 0, 2);
    if (n > 0)
        __builtin_prefetch(from + n - 1, 0, 2);
}

#include "initcore/kernels/product_few.h"
#if SMALL
#include "initcore/kernels/product_small.h"
#endif

void IC_FN(TYPED(product_needs))(ic_product_needs *needs, const ic_product *job, size_t rows,
                                 size_t columns) {
    const size_t depth = least(job->k, IC_BLOCK);
    needs->tile_rows = TILE_ROWS;
    needs->tile_columns = TILE_COLUMNS;
    needs->workspace = TYPED(chunk_bytes)(least(columns, CHUNK_COLUMNS), TILE_COLUMNS, depth) +
                       TYPED(chunk_bytes)(least(rows, CHUNK_ROWS), TILE_ROWS, depth);
    if (A_STAYS > 0) /* a piece may have fewer rows than are asked for */
        needs->workspace =
            greatest(needs->workspace,
                     TYPED(chunk_bytes)(least(columns, PART_COLUMNS), TILE_COLUMNS, depth) +
                         least(rows * depth * sizeof(TYPED(packed)), A_STAYS));
#if THIN_ROWS > 0
    if (TYPED(is_thin)(job, rows, columns)) {
        needs->tile_rows = THIN_ROWS; /* a piece has all of them */
        needs->workspace = greatest(needs->workspace, TYPED(thin_bytes)(rows, columns, depth));
    }
#endif
}

/* A chunk of a, the block of b that passes over it, and where both are packed. stays: A_STAYS. */
typedef struct TYPED(chunk) {
    const ic_product *job;
    const ic_piece *piece;
    size_t row, rows, column, columns, k0, k;
    TYPED(packed) * packed_a, *packed_b;
    int stays;
} TYPED(chunk);

/* A tile of a chunk: its first row and column, counted from those of the chunk. */
typedef struct TYPED(place) {
    size_t row, column;
} TYPED(place);

IC_INLINE TYPED(place) TYPED(next_place)(TYPED(place) at, const TYPED(chunk) * of) {
    const size_t group = at.row / GROUP_ROWS * GROUP_ROWS;
    at.row += TILE_ROWS;
    if (at.row < least(group + GROUP_ROWS, of->rows))
        return at;
    at.column += TILE_COLUMNS;
    return at.column < of->columns ? (TYPED(place)){group, at.column}
                                   : (TYPED(place)){group + GROUP_ROWS, 0};
}

IC_INLINE real *TYPED(c_at)(const TYPED(chunk) * of, TYPED(place) at) {
    return (real *)of->job->c + (ptrdiff_t)(of->row + at.row) * of->job->c_row + of->column +
           at.column;
}

static const real *TYPED(chunk_of_a)(const TYPED(chunk) * of) {
    return (const real *)of->job->a + (ptrdiff_t)of->row * of->job->a_row +
           (ptrdiff_t)of->k0 * of->job->a_k;
}

IC_INLINE int TYPED(a_in_place)(const TYPED(chunk) * of) {
    return TYPED(reads_a)(of->job, of->k, of->columns);
}

/* Where a stays the first part of b has packed it. */
IC_INLINE int TYPED(packs_a)(const TYPED(chunk) * of) {
    return !TYPED(a_in_place)(of) && !(of->stays && of->column > of->piece->column);
}

static void TYPED(pack_a)(const TYPED(chunk) * of) {
    TYPED(pack_rows)(of->packed_a, TYPED(chunk_of_a)(of), of->job->a_row, of->job->a_k, of->rows,
                     of->k);
}

/* The panel of b whose first column is so many behind that of the chunk. */
IC_INLINE TYPED(panel) TYPED(panel_at)(const TYPED(chunk) * of, size_t column) {
    const ic_product *const job = of->job;
    return (TYPED(panel)){.b = (const real *)job->b + (ptrdiff_t)of->k0 * job->b_k +
                               (ptrdiff_t)(of->column + column) * job->b_column,
                          .b_k = job->b_k,
                          .b_column = job->b_column,
                          .columns = least(of->columns - column, TILE_COLUMNS),
                          .k = of->k,
                          .rows = of->piece->rows,
                          .place = column / TILE_COLUMNS,
                          .whole = (of->columns - column) / TILE_COLUMNS};
}

/* Where it is packed. */
IC_INLINE TYPED(packed) * TYPED(home_of)(const TYPED(chunk) * of, size_t column) {
    return of->packed_b + column / TILE_COLUMNS * TYPED(panel_size)(TILE_COLUMNS, of->k);
}

/* One tile; the first one of a panel of b packs it, some of them also those beside it. */
static void TYPED(run_tile)(const TYPED(chunk) * of, TYPED(place) at, int a_in_place, int assign) {
    const ic_product *const job = of->job;
    const size_t k = of->k, rows = least(of->rows - at.row, TILE_ROWS);
    real *const c = TYPED(c_at)(of, at), *const next = TYPED(c_at)(of, TYPED(next_place)(at, of));

    const TYPED(packed) *a = of->packed_a + at.row / TILE_ROWS * TYPED(panel_size)(TILE_ROWS, k);
    ptrdiff_t a_row = 1, a_k = (ptrdiff_t)rows;
    if (a_in_place) {
        a = (const void *)(TYPED(chunk_of_a)(of) + (ptrdiff_t)at.row * job->a_row);
        a_row = job->a_row;
        a_k = job->a_k;
    }
    const TYPED(panel) panel = TYPED(panel_at)(of, at.column);
    TYPED(packed) *const home = TYPED(home_of)(of, at.column);
    if (TYPED(reads_b)(&panel))
        TYPED(tile)(rows, k, a, a_row, a_k, (const void *)panel.b, job->b_k, c, next, job->c_row,
                    panel.columns, assign);
    else if (of->row + at.row == of->piece->row)
        TYPED(first_tile)(home, &panel, rows, a, a_row, a_k, c, next, job->c_row, assign);
    else
        TYPED(tile)(rows, k, a, a_row, a_k, home, (ptrdiff_t)TYPED(panel_width)(panel.columns), c,
                    next, job->c_row, panel.columns, assign);
}

/* The epilogue of the tiles of a row from the last multiple of FINISH_COLUMNS on, if this one is
 * the last before the next or the last of all. */
static void TYPED(finish_tiles)(const TYPED(chunk) * of, TYPED(place) at) {
    const size_t end = least(at.column + TILE_COLUMNS, of->columns);
    if (end % FINISH_COLUMNS != 0 && end < of->columns)
        return;
    at.column = at.column / FINISH_COLUMNS * FINISH_COLUMNS;
    TYPED(finish_part)(of->job, TYPED(c_at)(of, at), least(of->rows - at.row, TILE_ROWS),
                       of->column + at.column, end - at.column);
}

/* While the part of b before it is multiplied, every tile calls for its share of the next one. */
static void TYPED(call_for_next)(const TYPED(chunk) * of, size_t tile, size_t tiles) {
    const ic_product *const job = of->job;
    const size_t column = of->column + of->columns;
    const size_t columns = least(of->piece->column + of->piece->columns - column, PART_COLUMNS);
    const int across = job->b_column == 1;
    const size_t lines = across ? of->k : columns, length = across ? columns : of->k;
    const ptrdiff_t stride = across ? job->b_k : job->b_column;
    const real *const next =
        (const real *)job->b + (ptrdiff_t)of->k0 * job->b_k + (ptrdiff_t)column * job->b_column;
    for (size_t line = lines * tile / tiles; line < lines * (tile + 1) / tiles; line++)
        TYPED(call_ahead)(next + (ptrdiff_t)line * stride, length);
}

static void TYPED(run_chunk)(const TYPED(chunk) * of, const void *none) {
    (void)none;
    const ic_product *const job = of->job;
    const int assign = of->k0 == 0 && !job->accumulate, last = of->k0 + of->k == job->k;
    const int a_in_place = TYPED(a_in_place)(of);
    if (TYPED(packs_a)(of))
        TYPED(pack_a)(of);
    const int calls =
        of->stays && of->row == of->piece->row && TYPED(is_called)(job, of->piece->columns);
    const size_t tiles =
        (of->rows + TILE_ROWS - 1) / TILE_ROWS * ((of->columns + TILE_COLUMNS - 1) / TILE_COLUMNS);
    size_t tile = 0;
    for (TYPED(place) at = {0, 0}; at.row < of->rows && at.column < of->columns;
         at = TYPED(next_place)(at, of), tile++) {
        if (calls)
            TYPED(call_for_next)(of, tile, tiles);
        TYPED(run_tile)(of, at, a_in_place, assign);
        if (last)
            TYPED(finish_tiles)(of, at);
    }
}

/* Rows of a that are packed at once, of those left: where tiles go along the rows of c and the rows
 * of a are transposed, those of one group, which find them in the first-level cache. The last two
 * tiles may share their rows (SHARED_LAST_ROWS). */
static size_t TYPED(chunk_rows)(const ic_product *job, size_t left, int stays) {
    const int by_groups = BY_ROWS && job->a_row != 1 && !stays;
    const size_t most = stays ? left : by_groups ? GROUP_ROWS : CHUNK_ROWS;
    if (SHARED_LAST_ROWS && (by_groups || stays) && left > TILE_ROWS) {
        const size_t rest = left % TILE_ROWS;
        if (left <= TILE_ROWS + 2)
            return (left + 1) / 2;
        if (left <= most + 2 && (rest == 1 || rest == 2))
            return left - rest - TILE_ROWS;
    }
    return least(left, most);
}

/* Calls `each` for the chunks of a product in their order. */
IC_INLINE void TYPED(for_each_chunk)(const ic_product *job, const ic_piece *piece, void *workspace,
                                     void (*each)(const TYPED(chunk) *, const void *),
                                     const void *context) {
    const size_t depth = least(job->k, IC_BLOCK);
    const int stays = piece->rows * depth * sizeof(TYPED(packed)) <= A_STAYS;
    const size_t chunk_columns = stays ? SIZE_MAX : CHUNK_COLUMNS;
    const size_t part_columns = stays ? PART_COLUMNS : CHUNK_COLUMNS;
    TYPED(packed) *const packed_b = workspace;
    TYPED(packed) *const packed_a =
        (void *)((char *)workspace +
                 TYPED(chunk_bytes)(least(piece->columns, part_columns), TILE_COLUMNS, depth));
    TYPED(chunk)
    chunk = {
        .job = job, .piece = piece, .packed_a = packed_a, .packed_b = packed_b, .stays = stays};
    const size_t row_end = piece->row + piece->rows, column_end = piece->column + piece->columns;
    for (size_t from = piece->column, end; from < column_end; from = end) {
        end = from + least(column_end - from, chunk_columns);
        for (chunk.k0 = 0; chunk.k0 < job->k; chunk.k0 += IC_BLOCK) {
            chunk.k = least(job->k - chunk.k0, IC_BLOCK);
            for (chunk.column = from; chunk.column < end; chunk.column += part_columns) {
                chunk.columns = least(end - chunk.column, part_columns);
                for (chunk.row = piece->row; chunk.row < row_end; chunk.row += chunk.rows) {
                    chunk.rows = TYPED(chunk_rows)(job, row_end - chunk.row, stays);
                    if (stays)
                        chunk.packed_a = packed_a + (chunk.row - piece->row) * chunk.k;
                    each(&chunk, context);
                }
            }
        }
    }
}

void IC_FN(TYPED(product))(const ic_product *job, const ic_piece *piece, void *workspace) {
    if (TYPED(product_of_one)(job, piece))
        return;
#if SMALL
    if (TYPED(is_small)(job, piece->rows, piece->columns)) {
        TYPED(product_small)(job, piece, workspace);
        return;
    }
#endif
#if THIN_ROWS > 0
    if (TYPED(is_thin)(job, piece->rows, piece->columns)) {
        TYPED(product_thin)(job, piece, workspace);
        return;
    }
#endif
    TYPED(for_each_chunk)(job, piece, workspace, TYPED(run_chunk), NULL);
}
