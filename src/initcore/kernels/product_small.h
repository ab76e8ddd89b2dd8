/* Products whose b fits in the first-level cache beside what else they need: see ic_product in
 * kernels/dense.h.
 *
 * A tile has SMALL_VECTORS vectors of a row, so that a row of a layer of 64 is one panel; b is read
 * where it lies, if its rows are contiguous, and else packed once; a is always read where it lies.
 * Rows are shared out evenly, so that no tile has too few sums to keep the multipliers busy. One
 * block of k at most: a tile's sums are whole. */

#undef SMALL_B
#undef SMALL_FEW
#undef SMALL_GROUP
#undef SMALL_ROWS
#undef SMALL_VECTORS
#define SMALL_B (32 << 10) /* bytes of b */
#define SMALL_FEW 32       /* rows that do not pay for copying b to where lines begin */
#define SMALL_GROUP 64     /* rows after which phi is taken, while they are in the cache */
#define SMALL_ROWS 6       /* with 4 vectors: 24 sums, 4 of b, 1 of a: 29 of 32 registers */
#define SMALL_VECTORS 4

/* Whether no vector of rows so far apart lies across two lines of the cache. */
IC_INLINE int TYPED(is_aligned)(const real *b, ptrdiff_t b_k) {
    return ((uintptr_t)b | (uintptr_t)b_k * sizeof(real)) % sizeof(vreal) == 0;
}

static int TYPED(is_small)(const ic_product *job, size_t rows, size_t columns) {
    if (rows <= SMALL_FEW && TYPED(is_thin)(job, rows, columns))
        return 0;
    return job->k <= IC_BLOCK && job->k * columns * sizeof(real) <= SMALL_B &&
           columns >= SMALL_VECTORS * LANES && (job->b_column == 1 || job->b_k == 1) &&
           (job->a_k == 1 || job->a_row == 1);
}

/* c (rows, SMALL_VECTORS vectors) = or += a b. */
IC_INLINE void TYPED(small_tile)(const int rows, size_t k, const real *a, ptrdiff_t a_row,
                                 ptrdiff_t a_k, const real *b, ptrdiff_t b_k, real *c,
                                 ptrdiff_t c_row, int assign) {
    vreal sum[TILE_ROWS][WIDEST];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < SMALL_VECTORS; v++)
            sum[i][v] = V(set)(0);
    TYPED(tile_steps)(rows, SMALL_VECTORS, 0, sum, k, a, a_row, a_k, b, b_k, NULL);
    for (int i = 0; i < rows; i++, c += c_row)
        for (int v = 0; v < SMALL_VECTORS; v++) {
            real *const to = c + v * LANES;
            V(store)(to, assign ? sum[i][v] : V(add)(V(load)(to), sum[i][v]));
        }
}

IC_INLINE void TYPED(small_tile_rows)(size_t rows, size_t k, const real *a, ptrdiff_t a_row,
                                      ptrdiff_t a_k, const real *b, ptrdiff_t b_k, real *c,
                                      ptrdiff_t c_row, int assign) {
#define SMALL_CASE(n)                                                                              \
    case n:                                                                                        \
        TYPED(small_tile)(n, k, a, a_row, a_k, b, b_k, c, c_row, assign);                          \
        return;
    switch (rows) {
        SMALL_CASE(1)
        SMALL_CASE(2)
        SMALL_CASE(3)
        SMALL_CASE(4)
        SMALL_CASE(5)
        SMALL_CASE(6)
    }
#undef SMALL_CASE
}

/* `rows` rows of one panel of b, in tiles of nearly equal height. */
static void TYPED(small_panel)(size_t rows, size_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,
                               const real *b, ptrdiff_t b_k, real *c, ptrdiff_t c_row,
                               size_t columns, int assign) {
    const int wide = columns > TILE_COLUMNS;
    const size_t most = wide ? SMALL_ROWS : TILE_ROWS;
    for (size_t tiles = (rows + most - 1) / most; tiles > 0; tiles--) {
        const size_t now = (rows + tiles - 1) / tiles;
        if (wide && a_row == 1)
            TYPED(small_tile_rows)(now, k, a, 1, a_k, b, b_k, c, c_row, assign);
        else if (wide)
            TYPED(small_tile_rows)(now, k, a, a_row, 1, b, b_k, c, c_row, assign);
        else
            TYPED(tile)(now, k, a, a_row, a_k, b, b_k, c, c + (ptrdiff_t)now * c_row, c_row,
                        columns, assign);
        a += (ptrdiff_t)now * a_row;
        c += (ptrdiff_t)now * c_row;
        rows -= now;
    }
}

static void TYPED(product_small)(const ic_product *job, const ic_piece *piece, real *workspace) {
    const size_t k = job->k, widest = SMALL_VECTORS * LANES;
    const size_t end = piece->column + piece->columns;
    for (size_t column = piece->column, columns; column < end; column += columns) {
        const size_t left = end - column;
        columns = left >= widest ? widest : left < TILE_COLUMNS ? left : TILE_COLUMNS;
        const real *b = (const real *)job->b + (ptrdiff_t)column * job->b_column;
        ptrdiff_t b_k = job->b_k;
        if (job->b_column != 1 || columns % LANES != 0 ||
            (piece->rows > SMALL_FEW && !TYPED(is_aligned)(b, b_k))) {
            TYPED(pack)(workspace, PANEL_WIDTH(columns), b, job->b_column, b_k, columns, k);
            b = workspace;
            b_k = (ptrdiff_t)PANEL_WIDTH(columns);
        }
        for (size_t row = 0, rows; row < piece->rows; row += rows) {
            rows = TYPED(ic_least)(piece->rows - row, SMALL_GROUP);
            const ptrdiff_t at = (ptrdiff_t)(piece->row + row);
            real *const c = (real *)job->c + at * job->c_row + column;
            TYPED(small_panel)(rows, k, (const real *)job->a + at * job->a_row, job->a_row,
                               job->a_k, b, b_k, c, job->c_row, columns, !job->accumulate);
            TYPED(finish_part)(job, c, rows, column, columns);
        }
    }
}
