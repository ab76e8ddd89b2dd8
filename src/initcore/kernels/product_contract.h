/* What product_body.h asks of the register tile of one type. product_tile.h and
 * product_tile_exact.h include it behind the two facts in which packed operands differ,
 *
 *      typedef ... TYPED(packed)          an element of a packed operand
 *      enum { TYPED(PANEL_HEAD) = ... }   elements that stand before a packed panel
 *
 * and define all of the functions that are declared here. */
#define TILE_COLUMNS (TILE_VECTORS * LANES)

/* Elements of a packed panel of `lines` lines and k steps. */
IC_INLINE size_t TYPED(panel_size)(size_t lines, size_t k) {
    return TYPED(PANEL_HEAD) + lines * k;
}

/* Distance of the steps of a packed panel of b: its columns, padded to whole vectors. */
IC_INLINE size_t TYPED(panel_width)(size_t columns) {
    return (columns + LANES - 1) / LANES * LANES;
}

/* A panel of b: at most TILE_COLUMNS columns of k steps. */
typedef struct TYPED(panel) {
    const real *b; /* where it lies */
    ptrdiff_t b_k, b_column;
    size_t columns, k;
    size_t rows;  /* of c, over which it passes */
    size_t place; /* among the panels of its chunk */
    size_t whole; /* panels of TILE_COLUMNS columns from this one on, in its chunk */
} TYPED(panel);

/* Whether k steps of a are read where they lie by a product of so many columns; else they are
 * packed. */
IC_INLINE int TYPED(reads_a)(const ic_product *job, size_t k, size_t columns);

/* Whether a panel of b is read where it lies; else it is packed by its first tile. */
IC_INLINE int TYPED(reads_b)(const TYPED(panel) * of);

/* Packs `rows` rows of a, panel by panel: each of TILE_ROWS rows, the last of those left. */
static void TYPED(pack_rows)(TYPED(packed) * out, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,
                             size_t rows, size_t k);

/* c (rows, columns) = or += a (rows, k) b (k, columns), k > 0:
 *
 *      a   row i of step k at a[i * a_row + k * a_k], in place, or packed: a_row = 1, a_k = rows
 *      b   one panel, step k at b + k * b_k: packed, with lanes of zeros behind it, or in place
 *      c   rows at distance c_row; only the first `columns` of the panel are read and written
 *
 * next: c of the tile that follows. Every element is a chain sum = fma(a, b, sum) from +0 in k
 * order: the block sum of docs/compute-v1.md. It is assigned to c, or added to it once. */
static void TYPED(tile)(size_t rows, size_t k, const TYPED(packed) * a, ptrdiff_t a_row,
                        ptrdiff_t a_k, const TYPED(packed) * b, ptrdiff_t b_k, real *c,
                        const real *next, ptrdiff_t c_row, size_t columns, int assign);

/* The first tile to which a panel of b comes: packs it to `home`, and may pack those beside it. */
static void TYPED(first_tile)(TYPED(packed) * home, const TYPED(panel) * of, size_t rows,
                              const TYPED(packed) * a, ptrdiff_t a_row, ptrdiff_t a_k, real *c,
                              const real *next, ptrdiff_t c_row, int assign);
