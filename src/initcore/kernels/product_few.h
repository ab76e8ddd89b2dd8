/* Products of few rows, which would not pay for packing b: see ic_product in kernels/dense.h.
 *
 * One row: b is read once, where it is. Thin, up to THIN_ROWS rows: the tile computes c^T = b^T a^T
 * with b^T in the place of a, read as it lies, and a^T packed in the place of b; fma(a, b, s) is
 * fma(b, a, s). The block sums wait in a scratch of c^T, which is transposed at the end. */

enum {
    TYPED(ONE_ROW_VECTORS) = 8 /* sums at a time, enough to hide the latency of an fma */
};

/* c (columns) = a (k) b, rows of b contiguous. */
static void TYPED(one_row_across)(const ic_product *job, real *c, const real *b, size_t columns) {
    const real *const a = job->a;
    const size_t most = TYPED(ONE_ROW_VECTORS) * LANES;
    for (size_t column = 0; column < columns;) {
        const size_t left = columns - column;
        const int wide = left >= most;
        const size_t now = wide ? most : left < LANES ? left : LANES;
        size_t k0 = 0;
        do {
            const size_t end = job->k - k0 < IC_BLOCK ? job->k : k0 + IC_BLOCK;
            const int assign = k0 == 0 && !job->accumulate;
            vreal sum[TYPED(ONE_ROW_VECTORS)];
            for (int v = 0; v < TYPED(ONE_ROW_VECTORS); v++)
                sum[v] = V(set)(0);
            const real *from = b + column + (ptrdiff_t)k0 * job->b_k;
            for (; k0 < end; k0++, from += job->b_k) {
                const vreal as = V(set)(a[(ptrdiff_t)k0 * job->a_k]);
                if (wide)
                    for (int v = 0; v < TYPED(ONE_ROW_VECTORS); v++)
                        sum[v] = V(fma)(as, V(load)(from + v * LANES), sum[v]);
                else
                    sum[0] = V(fma)(as, V(load_n)(from, now), sum[0]);
            }
            real *const to = c + column;
            if (wide)
                for (int v = 0; v < TYPED(ONE_ROW_VECTORS); v++)
                    V(store)(to + v * LANES,
                             assign ? sum[v] : V(add)(V(load)(to + v * LANES), sum[v]));
            else
                V(store_n)(to, assign ? sum[0] : V(add)(V(load_n)(to, now), sum[0]), now);
        } while (k0 < job->k);
        column += now;
    }
}

/* c (columns) = a (k) b, columns of b contiguous: squares of b are transposed on the way. */
static void TYPED(one_row_down)(const ic_product *job, real *c, const real *b, size_t columns) {
    const real *const a = job->a;
    for (size_t column = 0; column < columns; column += LANES) {
        const size_t have = columns - column < LANES ? columns - column : LANES;
        const real *const lines = b + (ptrdiff_t)column * job->b_column;
        vreal total = have == LANES ? V(load)(c + column) : V(load_n)(c + column, have);
        size_t k0 = 0;
        do {
            const size_t end = job->k - k0 < IC_BLOCK ? job->k : k0 + IC_BLOCK;
            const int assign = k0 == 0 && !job->accumulate;
            vreal sum = V(set)(0);
            while (k0 < end) {
                const size_t depth = end - k0 < LANES ? end - k0 : LANES;
                vreal square[LANES];
                for (size_t line = 0; line < LANES; line++) {
                    const real *from = lines + (ptrdiff_t)line * job->b_column + k0;
                    square[line] = line >= have     ? V(set)(0)
                                   : depth == LANES ? V(load)(from)
                                                    : V(load_n)(from, depth);
                }
                V(transpose)(square);
                for (size_t i = 0; i < depth; i++)
                    sum = V(fma)(V(set)(a[(ptrdiff_t)(k0 + i) * job->a_k]), square[i], sum);
                k0 += depth;
            }
            total = assign ? sum : V(add)(total, sum);
        } while (k0 < job->k);
        V(store_n)(c + column, total, have);
    }
}

/* c (rows, columns) = a (rows) b (columns), k = 1; rows of b contiguous. */
static void TYPED(outer_product)(const ic_product *job, const ic_piece *piece) {
    const real *const b = (const real *)job->b + piece->column;
    for (size_t row = piece->row; row < piece->row + piece->rows; row++) {
        real *const c = (real *)job->c + (ptrdiff_t)row * job->c_row + piece->column;
        const vreal as = V(set)(((const real *)job->a)[(ptrdiff_t)row * job->a_row]);
        for (size_t column = 0; column < piece->columns; column += LANES) {
            const size_t left = piece->columns - column;
            real *const to = c + column;
            if (left >= LANES) {
                const vreal sum = V(fma)(as, V(load)(b + column), V(set)(0));
                V(store)(to, job->accumulate ? V(add)(V(load)(to), sum) : sum);
            } else {
                const vreal sum = V(fma)(as, V(load_n)(b + column, left), V(set)(0));
                V(store_n)(to, job->accumulate ? V(add)(V(load_n)(to, left), sum) : sum, left);
            }
        }
    }
}

/* k = 0: the one block sum, which is empty, is +0. */
static void TYPED(product_of_nothing)(const ic_product *job, const ic_piece *piece) {
    for (size_t row = piece->row; row < piece->row + piece->rows; row++) {
        real *const c = (real *)job->c + (ptrdiff_t)row * job->c_row + piece->column;
        for (size_t column = 0; column < piece->columns; column++)
            c[column] = job->accumulate ? c[column] + 0 : 0;
        TYPED(finish_part)(job, c, 1, piece->column, piece->columns);
    }
}

/* Whether a piece of one row, or of k = 1 or 0, was computed; then nothing is left of it to do. */
static int TYPED(product_of_one)(const ic_product *job, const ic_piece *piece) {
    if (job->k == 0) {
        TYPED(product_of_nothing)(job, piece);
        return 1;
    }
    if (job->k == 1 && job->b_column == 1 && job->bias == NULL && job->phi.name == IC_IDENTITY) {
        TYPED(outer_product)(job, piece);
        return 1;
    }
    if (piece->rows != 1 || (job->b_column != 1 && job->b_k != 1))
        return 0;
    ic_product row = *job;
    row.a = (const real *)job->a + (ptrdiff_t)piece->row * job->a_row;
    real *const c = (real *)job->c + (ptrdiff_t)piece->row * job->c_row + piece->column;
    const real *const b = (const real *)job->b + (ptrdiff_t)piece->column * job->b_column;
    if (job->b_column == 1)
        TYPED(one_row_across)(&row, c, b, piece->columns);
    else
        TYPED(one_row_down)(&row, c, b, piece->columns);
    TYPED(finish_part)(job, c, 1, piece->column, piece->columns);
    return 1;
}

#if THIN_ROWS > 0
/* Columns of c whose sums wait in the scratch, and those that pass over all of a while their
 * columns of b are in the first-level cache: a multiple of the rows of every tile below. */
#define THIN_CHUNK 1024
#define THIN_GROUP 24

static int TYPED(is_thin)(const ic_product *job, size_t rows, size_t columns) {
    return rows > 8 && rows <= THIN_ROWS && columns >= TILE_COLUMNS && job->k >= THIN_K &&
           job->b_k == 1 && !job->accumulate;
}

/* Elements of a scratch row: the rows of c, padded to whole vectors. */
static size_t TYPED(thin_width)(size_t rows) {
    return (rows + LANES - 1) / LANES * LANES;
}

/* Columns of the next panel where so many are left: whole vectors, at most WIDEST, and no panel of
 * one vector where the last two panels can share theirs. */
IC_INLINE size_t TYPED(panel_of)(size_t left) {
    const size_t vectors = (left + LANES - 1) / LANES;
    return (vectors == WIDEST + 1 ? WIDEST - 1 : least(vectors, WIDEST)) * LANES;
}

/* The same for the columns of c^T: THIN_PAIRS where a wider panel and the columns of b that pass
 * over it do not fit in the first-level cache. */
IC_INLINE size_t TYPED(thin_panel_of)(size_t left) {
    return THIN_PAIRS && left % (2 * LANES) == 0 ? 2 * LANES : TYPED(panel_of)(left);
}

/* Bytes: the packed block of a, and the scratch with rows to fill its last square. */
static size_t TYPED(thin_bytes)(size_t rows, size_t columns, size_t k) {
    const size_t chunk = columns < THIN_CHUNK ? columns : THIN_CHUNK;
    return TYPED(thin_width)(rows) * (k + chunk + LANES) * sizeof(real);
}

/* Columns of b and the panel of a^T that passes over them, and where their sums go; next: where
 * those that follow begin, of which each tile calls for `ahead` elements of as many, or NULL. */
typedef struct TYPED(thin) {
    const real *b, *panel, *next;
    real *out;
    ptrdiff_t b_column, out_row;
    size_t lines, k, ahead;
    int assign;
} TYPED(thin);

IC_INLINE void TYPED(thin_tile)(const int rows, const int vectors, TYPED(thin) * at) {
    if (at->next != NULL) {
        for (int i = 0; i < rows; i++)
            TYPED(call_ahead)(at->next + i * at->b_column, at->ahead);
        at->next += rows * at->b_column;
    }
    real *const following = at->out + rows * at->out_row;
    TYPED(tile_of)(rows, vectors, TYPED(NEAR), at->k, at->b, at->b_column, 1, at->panel,
                   vectors * LANES, at->out, following, at->out_row, (size_t)vectors * LANES,
                   at->assign, NULL);
    at->b += rows * at->b_column;
    at->out = following;
    at->lines -= (size_t)rows;
}

/* Rows of the scratch, in tiles of `most` rows and then of fewer. */
IC_INLINE void TYPED(thin_lines)(const int most, const int vectors, TYPED(thin) at) {
    while (at.lines >= (size_t)most)
        TYPED(thin_tile)(most, vectors, &at);
    while (at.lines >= 4)
        TYPED(thin_tile)(4, vectors, &at);
    while (at.lines > 0)
        TYPED(thin_tile)(1, vectors, &at);
}

/* Rows that start at multiples of a half page fall into few sets of the first-level cache, which
 * has eight ways: no more than eight of them at a time then. */
static void TYPED(thin_panel)(size_t vectors, const TYPED(thin) * at) {
#define THIN_CASE(most, vectors)                                                                   \
    TYPED(thin_lines)(most, vectors, *at);                                                         \
    return;
    switch (vectors) {
#if WIDEST >= 4
    case 4:
        THIN_CASE(6, 4)
#endif
#if TILE_ROWS >= 8
    case 3:
        THIN_CASE(8, 3)
#else
    case 3:
        THIN_CASE(4, 3)
#endif
#if TILE_ROWS >= 12
    case 2:
        if (at->b_column * (ptrdiff_t)sizeof(real) % 2048 != 0) {
            THIN_CASE(12, 2)
        }
        THIN_CASE(6, 2)
    case 1:
        if (at->b_column * (ptrdiff_t)sizeof(real) % 2048 != 0) {
            THIN_CASE(12, 1)
        }
        THIN_CASE(6, 1)
#else
    case 2:
        THIN_CASE(6, 2)
    case 1:
        THIN_CASE(6, 1)
#endif
    }
#undef THIN_CASE
}

/* c of `rows` and `columns` from the scratch, then the epilogue. */
static void TYPED(thin_finish)(const ic_product *job, const ic_piece *piece, size_t column,
                               size_t columns, const real *scratch, size_t width) {
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t have = columns - j < LANES ? columns - j : LANES;
        real *const c = (real *)job->c + (ptrdiff_t)piece->row * job->c_row + column + j;
        for (size_t row = 0; row < piece->rows; row += LANES) {
            vreal square[LANES];
            for (size_t line = 0; line < LANES; line++)
                square[line] = V(load)(scratch + (j + line) * width + row);
            V(transpose)(square);
            for (size_t i = 0; i < LANES && row + i < piece->rows; i++) {
                real *const to = c + (ptrdiff_t)(row + i) * job->c_row;
                if (have == LANES)
                    V(store)(to, square[i]);
                else
                    V(store_n)(to, square[i], have);
            }
        }
        TYPED(finish_part)(job, c, piece->rows, column + j, have);
    }
}

static void TYPED(product_thin)(const ic_product *job, const ic_piece *piece, real *workspace) {
    const size_t width = TYPED(thin_width)(piece->rows);
    const size_t depth = job->k < IC_BLOCK ? job->k : IC_BLOCK;
    real *const panels = workspace, *const scratch = workspace + width * depth;
    const size_t column_end = piece->column + piece->columns;
    const int calls = TYPED(is_called)(job, piece->columns);
    for (size_t chunk = piece->column; chunk < column_end; chunk += THIN_CHUNK) {
        const size_t columns = column_end - chunk < THIN_CHUNK ? column_end - chunk : THIN_CHUNK;
        /* the rest of the last square is read, and thrown away */
        for (size_t i = columns * width; i < (columns + LANES) * width; i++)
            scratch[i] = 0;
        for (size_t k0 = 0; k0 < job->k; k0 += IC_BLOCK) {
            const size_t k = job->k - k0 < IC_BLOCK ? job->k - k0 : IC_BLOCK;
            const real *const a = (const real *)job->a + (ptrdiff_t)piece->row * job->a_row +
                                  (ptrdiff_t)k0 * job->a_k;
            for (size_t row = 0, panel; row < width; row += panel) {
                panel = TYPED(thin_panel_of)(width - row);
                TYPED(pack)(panels + row * k, panel, a + (ptrdiff_t)row * job->a_row, job->a_row,
                            job->a_k, least(piece->rows - row, panel), k);
            }
            for (size_t column = 0; column < columns; column += THIN_GROUP) {
                TYPED(thin)
                at = {.b = (const real *)job->b + (ptrdiff_t)(chunk + column) * job->b_column + k0,
                      .b_column = job->b_column,
                      .lines = least(columns - column, THIN_GROUP),
                      .k = k,
                      .out_row = (ptrdiff_t)width,
                      .assign = k0 == 0};
                const int follow = calls && columns - column >= 2 * THIN_GROUP;
                for (size_t row = 0, panel; row < width; row += panel) {
                    panel = TYPED(thin_panel_of)(width - row);
                    at.panel = panels + row * k;
                    at.out = scratch + column * width + row;
                    if (follow) { /* every panel calls for its share of them */
                        at.next = at.b + THIN_GROUP * job->b_column + k * row / width;
                        at.ahead = k * panel / width;
                    }
                    TYPED(thin_panel)(panel / LANES, &at);
                }
            }
        }
        TYPED(thin_finish)(job, piece, chunk, columns, scratch, width);
    }
}
#endif
