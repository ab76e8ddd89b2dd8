/* Products whose b fits in the first-level cache beside what else they need, or is read only once
 * because there are few rows: see ic_product in kernels/dense.h.
 *
 * A tile is as wide as the registers allow, so that a row of c has few panels; b is read where it
 * lies, if its rows are contiguous, and else packed once; a is always read where it lies. Rows are
 * shared out evenly, so that no tile has too few sums to keep the multipliers busy. One block of k
 * at most: a tile's sums are whole. */

#define SMALL_FEW 32   /* rows that do not pay for copying b to where lines begin */
#define SMALL_GROUP 64 /* rows after which phi is taken, while they are in the cache */

/* Rows of a tile of so many vectors. */
IC_INLINE size_t TYPED(small_rows)(size_t vectors) {
    return vectors > TILE_VECTORS ? SMALL_WIDE_ROWS : 6;
}

/* Whether rows so far apart fall into few sets of the first-level cache. */
IC_INLINE int TYPED(small_collide)(ptrdiff_t stride) {
    return SMALL_COLLIDING > 0 && stride * (ptrdiff_t)sizeof(real) % SMALL_COLLIDING == 0;
}

/* Whether k rows so far apart stay in the first-level cache, no vector across two of its lines. */
IC_INLINE int TYPED(small_b_stays)(const real *b, ptrdiff_t b_k, size_t k) {
    const size_t row = (size_t)b_k * sizeof(real);
    return ((uintptr_t)b | row) % sizeof(vreal) == 0 && row * k <= SMALL_SPAN;
}

static int TYPED(is_small)(const ic_product *job, size_t rows, size_t columns) {
    if (rows <= SMALL_FEW && TYPED(is_thin)(job, rows, columns))
        return 0;
    return job->k > 0 && job->k <= IC_BLOCK &&
           (rows <= SMALL_ROUND || job->k * columns * sizeof(real) <= SMALL_B) &&
           columns >= SMALL_COLUMNS && (job->b_column == 1 || job->b_k == 1) &&
           (job->a_k == 1 || job->a_row == 1) &&
           !(TYPED(small_collide)(job->a_k) || TYPED(small_collide)(job->b_k) ||
             TYPED(small_collide)(job->c_row));
}

/* A panel of b, the rows of a that it is multiplied with, and where the products go. */
typedef struct TYPED(small) {
    const real *a, *b;
    real *c;
    ptrdiff_t a_row, a_k, b_k, c_row;
    size_t k, columns;
    int assign;
} TYPED(small);

/* So many tiles of one height below each other. */
IC_INLINE void TYPED(small_tiles)(const int rows, const int vectors, size_t tiles,
                                  TYPED(small) * at, ptrdiff_t a_row, ptrdiff_t a_k) {
    const int whole = at->columns == (size_t)vectors * LANES;
    for (; tiles > 0; tiles--) {
        vreal sum[TILE_ROWS][WIDEST];
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] = V(set)(0);
        TYPED(tile_steps)(rows, vectors, 0, sum, at->k, at->a, a_row, a_k, at->b, at->b_k, NULL);
        if (whole && at->assign)
            TYPED(tile_end)(rows, vectors, 1, 1, sum, at->c, at->c_row, at->columns);
        else
            TYPED(tile_end)(rows, vectors, 0, at->assign, sum, at->c, at->c_row, at->columns);
        at->a += rows * at->a_row;
        at->c += rows * at->c_row;
    }
}

IC_INLINE void TYPED(small_of_width)(size_t rows, const int vectors, size_t tiles,
                                     TYPED(small) * at) {
#define SMALL_CASE(n)                                                                              \
    case n:                                                                                        \
        if (n <= TYPED(small_rows)(vectors) && at->a_row == 1)                                     \
            TYPED(small_tiles)(n, vectors, tiles, at, 1, at->a_k);                                 \
        else if (n <= TYPED(small_rows)(vectors))                                                  \
            TYPED(small_tiles)(n, vectors, tiles, at, at->a_row, 1);                               \
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

static void TYPED(small_of_height)(size_t rows, size_t vectors, size_t tiles, TYPED(small) * at) {
    if (tiles == 0)
        return;
    switch (vectors) {
    case 1:
        TYPED(small_of_width)(rows, 1, tiles, at);
        return;
    case 2:
        TYPED(small_of_width)(rows, 2, tiles, at);
        return;
    default:
        TYPED(small_of_width)(rows, WIDEST, tiles, at);
    }
}

/* `rows` rows of one panel, in tiles of two heights that differ by one. */
static void TYPED(small_panel)(TYPED(small) at, size_t rows) {
    const size_t vectors = (at.columns + LANES - 1) / LANES, most = TYPED(small_rows)(vectors);
    const size_t tiles = (rows + most - 1) / most, height = rows / tiles, higher = rows % tiles;
    TYPED(small_of_height)(height + 1, vectors, higher, &at);
    TYPED(small_of_height)(height, vectors, tiles - higher, &at);
}

/* Columns of the next panel, where so many are left. */
IC_INLINE size_t TYPED(small_width)(size_t left) {
    if (!SMALL_WIDE_PANELS)
        return least(left, TYPED(panel_of)(left));
    return left >= WIDEST * LANES ? WIDEST * LANES : least(left, TILE_COLUMNS);
}

static void TYPED(product_small)(const ic_product *job, const ic_piece *piece, real *workspace) {
    const size_t end = piece->column + piece->columns;
    for (size_t column = piece->column, columns; column < end; column += columns) {
        columns = TYPED(small_width)(end - column);
        TYPED(small)
        panel = {.b = (const real *)job->b + (ptrdiff_t)column * job->b_column,
                 .a_row = job->a_row,
                 .a_k = job->a_k,
                 .b_k = job->b_k,
                 .c_row = job->c_row,
                 .k = job->k,
                 .columns = columns,
                 .assign = !job->accumulate};
        if (job->b_column != 1 || columns % LANES != 0 ||
            (piece->rows > SMALL_FEW && !TYPED(small_b_stays)(panel.b, job->b_k, job->k))) {
            TYPED(pack)(workspace, TYPED(panel_width)(columns), panel.b, job->b_column, job->b_k,
                        columns, job->k);
            panel.b = workspace;
            panel.b_k = (ptrdiff_t)TYPED(panel_width)(columns);
        }
        for (size_t row = 0, rows; row < piece->rows; row += rows) {
            rows = least(piece->rows - row, SMALL_GROUP);
            const ptrdiff_t at = (ptrdiff_t)(piece->row + row);
            panel.a = (const real *)job->a + at * job->a_row;
            panel.c = (real *)job->c + at * job->c_row + column;
            TYPED(small_panel)(panel, rows);
            TYPED(finish_part)(job, panel.c, rows, column, columns);
        }
    }
}
