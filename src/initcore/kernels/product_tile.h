/* The register tile of a product, for all but float32 without fused multiply-adds: what
 * product_contract.h declares, with packed operands of the same type. Tuned by product_tuning.h. */
typedef real TYPED(packed);
enum { TYPED(PANEL_HEAD) = 0 };
#include "initcore/kernels/product_contract.h"

/* Whether k steps so many bytes apart do not stay in the first-level cache. */
IC_INLINE int TYPED(steps_collide)(ptrdiff_t bytes, size_t k) {
    return bytes % COLLIDING == 0 || (COLLIDING_SPAN > 0 && bytes * (ptrdiff_t)k >= COLLIDING_SPAN);
}

IC_INLINE int TYPED(reads_a)(const ic_product *job, size_t k, size_t columns) {
    const ptrdiff_t row = job->a_row * (ptrdiff_t)sizeof(real);
    return (job->a_k == 1 && row % 2048 != 0 && columns < A_PACKED_FROM) ||
           (job->a_row == 1 && !TYPED(steps_collide)(job->a_k * (ptrdiff_t)sizeof(real), k));
}

/* Whether a panel is one of TILE_COLUMNS columns whose rows are contiguous. */
IC_INLINE int TYPED(is_whole)(const TYPED(panel) * of) {
    return of->columns == TILE_COLUMNS && of->b_column == 1;
}

/* A whole panel is not worth packing when few tiles pass over it, or when the block it is a part of
 * stays in the first-level cache as it is. */
IC_INLINE int TYPED(reads_b)(const TYPED(panel) * of) {
    return TYPED(is_whole)(of) && of->b_k * (ptrdiff_t)sizeof(real) % 4096 != 0 &&
           (of->rows <= 3 * TILE_ROWS || of->b_k * (ptrdiff_t)(of->k * sizeof(real)) <= 16384);
}

/* LANES lines of k contiguous elements, transposed a square at a time; `lines` of them are there,
 * and `write` of each column are written. Where all lines begin at one place of a cache line the
 * first square ends with it: lines that lie pages apart do not stay until they are read again. */
IC_INLINE void TYPED(pack_square_rows)(real *out, size_t width, const real *in, ptrdiff_t in_line,
                                       size_t lines, size_t write, size_t k) {
    const size_t past = (uintptr_t)in / sizeof(real) % LANES;
    size_t depth = in_line % LANES == 0 ? LANES - past : LANES;
    for (size_t step = 0; step < k; step += depth, depth = LANES) {
        if (depth > k - step)
            depth = k - step;
        vreal square[LANES];
        for (size_t line = 0; line < LANES; line++) {
            if (line >= lines) {
                square[line] = V(set)(0);
                continue;
            }
            const real *from = in + (ptrdiff_t)line * in_line + step;
            square[line] = depth == LANES ? V(load)(from) : V(load_n)(from, depth);
        }
        V(transpose)(square);
        for (size_t i = 0; i < depth; i++) {
            real *to = out + (step + i) * width;
            if (write == LANES)
                V(store)(to, square[i]);
            else
                V(store_n)(to, square[i], write);
        }
    }
}

#if PACK_BLOCKS
/* A panel of whole vectors of contiguous lines, transposed in blocks of as many steps as a line of
 * the cache has: it is read and written at once. The first block ends with one, like the first
 * square above. */
IC_INLINE void TYPED(pack_blocks)(real *out, const size_t width, const real *in, ptrdiff_t in_line,
                                  size_t k) {
    enum { DEPTH = 64 / sizeof(real) };
    const size_t past = (uintptr_t)in / sizeof(real) % DEPTH;
    size_t depth = in_line % DEPTH == 0 ? DEPTH - past : DEPTH;
    for (size_t step = 0; step < k; step += depth, depth = DEPTH) {
        if (depth > k - step)
            depth = k - step;
        for (size_t line = 0; line < width; line += LANES) {
            const real *const from = in + (ptrdiff_t)line * in_line + step;
            real *const to = out + step * width + line;
            if (depth < DEPTH) {
                TYPED(pack_square_rows)(to, width, from, in_line, LANES, LANES, depth);
                continue;
            }
            for (size_t at = 0; at < DEPTH; at += LANES) {
                vreal square[LANES];
                V(load_square)(square, from + at, in_line);
                for (size_t i = 0; i < LANES; i++)
                    V(store)(to + (at + i) * width, square[i]);
            }
        }
    }
}
#endif

/* Panel of `lines` lines padded to `width`: out[k * width + line] = in[line * in_line + k * in_k].
 */
static void TYPED(pack)(real *out, size_t width, const real *in, ptrdiff_t in_line, ptrdiff_t in_k,
                        size_t lines, size_t k) {
    if (in_line == 1 && lines == TILE_COLUMNS) {
        for (size_t step = 0; step < k; step++, in += in_k, out += width)
            for (size_t line = 0; line < TILE_COLUMNS; line += LANES)
                V(store)(out + line, V(load)(in + line));
        return;
    }
    if (in_line == 1) {
        for (size_t line = 0; line < width; line += LANES) {
            const size_t have = lines - line < LANES ? lines - line : LANES;
            const size_t write = width - line < LANES ? width - line : LANES;
            const real *from = in + line;
            real *to = out + line;
            if (have == LANES)
                for (size_t step = 0; step < k; step++, from += in_k, to += width)
                    V(store)(to, V(load)(from));
            else
                for (size_t step = 0; step < k; step++, from += in_k, to += width)
                    V(store_n)(to, V(load_n)(from, have), write);
        }
        return;
    }
#if PACK_BLOCKS
    if (in_k == 1 && lines == TILE_COLUMNS) {
        TYPED(pack_blocks)(out, TILE_COLUMNS, in, in_line, k);
        return;
    }
    if (in_k == 1 && lines == WIDEST * LANES) {
        TYPED(pack_blocks)(out, WIDEST * LANES, in, in_line, k);
        return;
    }
#endif
    if (in_k == 1) {
        for (size_t line = 0; line < width; line += LANES) {
            const size_t have = lines - line < LANES ? lines - line : LANES;
            const size_t write = width - line < LANES ? width - line : LANES;
            TYPED(pack_square_rows)(out + line, width, in + (ptrdiff_t)line * in_line, in_line,
                                    have, write, k);
        }
        return;
    }
    for (size_t line = 0; line < lines; line++) {
        const real *from = in + (ptrdiff_t)line * in_line;
        for (size_t step = 0; step < k; step++)
            out[step * width + line] = from[(ptrdiff_t)step * in_k];
    }
    for (size_t line = lines; line < width; line++)
        for (size_t step = 0; step < k; step++)
            out[step * width + line] = 0;
}

/* How many steps ahead a panel of b is called for, one that is packed or one that is being copied;
 * and the rows of a, where they are too large to stay in the first-level cache beside it. */
enum {
    TYPED(PANEL_AHEAD) = 40,
    TYPED(COPY_AHEAD) = 16,
    TYPED(A_AHEAD) = 16,
    TYPED(A_PASSES) = TILE_ROWS * IC_BLOCK * sizeof(real) > 16384,
};

/* How far the operands of a tile are away: in the first-level cache or about to be copied there; b
 * in the second level; and so many steps that there is time to call for c a row at a time. */
enum { TYPED(NEAR), TYPED(FAR), TYPED(LONG) };

/* sum += a b over k > 0 steps. far: whether b is called for, a constant. copy: where the panel of b
 * goes, or NULL, a constant. */
IC_INLINE void TYPED(tile_steps)(const int rows, const int vectors, const int far,
                                 vreal sum[TILE_ROWS][WIDEST], size_t k, const real *a,
                                 ptrdiff_t a_row, ptrdiff_t a_k, const real *b, ptrdiff_t b_k,
                                 real *copy) {
    const ptrdiff_t ahead = copy != NULL ? TYPED(COPY_AHEAD) : TYPED(PANEL_AHEAD);
#if UNROLL_STEPS
#pragma GCC unroll 4
#endif
    do {
        vreal bs[WIDEST];
        for (int v = 0; v < vectors; v++)
            bs[v] = V(load)(b + v * LANES);
        if (far && TYPED(A_PASSES))
            for (int i = 0; i < rows; i += 64 / (int)sizeof(real))
                __builtin_prefetch(a + TYPED(A_AHEAD) * a_k + i);
        if (far || copy != NULL)
            for (int v = 0; v < vectors; v++)
                __builtin_prefetch(b + ahead * b_k + v * LANES);
        if (copy != NULL) {
            for (int v = 0; v < vectors; v++)
                V(store)(copy + v * LANES, bs[v]);
            copy += vectors * LANES;
        }
        for (int i = 0; i < rows; i++) {
            const vreal as = V(set)(a[i * a_row]);
            for (int v = 0; v < vectors; v++)
                sum[i][v] = V(fma)(as, bs[v], sum[i][v]);
        }
        a += a_k;
        b += b_k;
    } while (--k > 0);
}

/* Calls for a row of c, with the line into which its last vector reaches where c is not aligned. */
IC_INLINE void TYPED(call_for)(const int vectors, const real *row) {
    for (int v = 0; v <= vectors; v++)
        __builtin_prefetch(row + v * LANES - (v == vectors), 1);
}

/* whole: whether all lanes of the last vector are columns of c, a constant. */
IC_INLINE void TYPED(tile_end)(const int rows, const int vectors, const int whole, const int assign,
                               vreal sum[TILE_ROWS][WIDEST], real *c, ptrdiff_t c_row,
                               size_t columns) {
    const size_t last = columns - (size_t)(vectors - 1) * LANES;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            real *const out = c + i * c_row + v * LANES;
            if (whole || v < vectors - 1)
                V(store)(out, assign ? sum[i][v] : V(add)(V(load)(out), sum[i][v]));
            else
                V(store_n)(out, assign ? sum[i][v] : V(add)(V(load_n)(out, last), sum[i][v]), last);
        }
}

/* k > 0. next: c of the tile that follows. Only constants decide what runs before the sums are
 * written, so that they stay in registers. */
IC_INLINE void TYPED(tile_of)(const int rows, const int vectors, const int distance, size_t k,
                              const real *a, ptrdiff_t a_row, ptrdiff_t a_k, const real *b,
                              ptrdiff_t b_k, real *c, const real *next, ptrdiff_t c_row,
                              size_t columns, int assign, real *copy) {
    vreal sum[TILE_ROWS][WIDEST];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = V(set)(0);
    for (int i = 0; i < rows; i++) {
        TYPED(call_for)(vectors, next + i * c_row);
        if (distance == TYPED(LONG)) {
            TYPED(tile_steps)(rows, vectors, 1, sum, SPREAD, a, a_row, a_k, b, b_k, NULL);
            a += SPREAD * a_k;
            b += SPREAD * b_k;
            k -= SPREAD;
        }
    }
    TYPED(tile_steps)(rows, vectors, distance != TYPED(NEAR), sum, k, a, a_row, a_k, b, b_k, copy);
    if (columns == (size_t)vectors * LANES && assign)
        TYPED(tile_end)(rows, vectors, 1, 1, sum, c, c_row, columns);
    else if (columns == (size_t)vectors * LANES)
        TYPED(tile_end)(rows, vectors, 1, 0, sum, c, c_row, columns);
    else
        TYPED(tile_end)(rows, vectors, 0, assign, sum, c, c_row, columns);
}

/* How many steps ahead of packing what it reads is called for. */
enum { TYPED(PACK_AHEAD) = 8 };

/* pack_rows for rows that lie side by side, as lines of the panels. Some panels at a time are
 * written step by step, because steps may be a page apart. A store of whole vectors reaches into
 * the panel's next step, which is written later. */
static void TYPED(pack_panels)(real *out, const real *in, ptrdiff_t in_k, size_t lines, size_t k) {
    enum { REACH = (TILE_ROWS + LANES - 1) / LANES * LANES, GROUP = PANELS_BESIDE * TILE_ROWS };
    for (size_t group = 0; group < lines; group += GROUP) {
        const size_t end = lines - group < GROUP ? lines : group + GROUP;
        const real *from = in;
        for (size_t step = 0; step < k; step++, from += in_k) {
            size_t line = group;
            for (size_t ahead = group; ahead < end; ahead += 64 / sizeof(real))
                __builtin_prefetch(from + TYPED(PACK_AHEAD) * in_k + ahead);
            if (step + 1 < k)
                for (; line < end && line + REACH <= lines; line += TILE_ROWS)
                    for (size_t i = 0; i < TILE_ROWS; i += LANES)
                        V(store)(out + line * k + step * TILE_ROWS + i, V(load)(from + line + i));
            for (; line < end; line += TILE_ROWS) {
                const size_t width = lines - line < TILE_ROWS ? lines - line : TILE_ROWS;
                for (size_t i = 0; i < width; i += LANES) {
                    const size_t n = width - i < LANES ? width - i : LANES;
                    V(store_n)(out + line * k + step * width + i, V(load_n)(from + line + i, n), n);
                }
            }
        }
    }
}

/* As many whole panels of TILE_COLUMNS lines as asked for, which lie side by side. */
static void TYPED(pack_beside)(real *out, const real *in, ptrdiff_t in_k, size_t panels, size_t k) {
    for (size_t step = 0; step < k; step++, in += in_k)
        for (size_t panel = 0; panel < panels; panel++) {
            const real *const from = in + panel * TILE_COLUMNS;
            real *const to = out + panel * TYPED(panel_size)(TILE_COLUMNS, k) + step * TILE_COLUMNS;
            for (size_t i = 0; i < TILE_COLUMNS; i += 64 / sizeof(real))
                __builtin_prefetch(from + TYPED(PACK_AHEAD) * in_k + i);
            for (size_t i = 0; i < TILE_COLUMNS; i += LANES)
                V(store)(to + i, V(load)(from + i));
        }
}

IC_INLINE void TYPED(tile_rows)(size_t rows, const int vectors, size_t k, const real *a,
                                ptrdiff_t a_row, ptrdiff_t a_k, const real *b, ptrdiff_t b_k,
                                real *c, const real *next, ptrdiff_t c_row, size_t columns,
                                int assign) {
#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        TYPED(tile_of)(n, vectors, TYPED(NEAR), k, a, a_row, a_k, b, b_k, c, next, c_row, columns, \
                       assign, NULL);                                                              \
        return;
    switch (rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
#if TILE_ROWS >= 6
        TILE_CASE(5)
        TILE_CASE(6)
#endif
#if TILE_ROWS >= 8
        TILE_CASE(7)
        TILE_CASE(8)
#endif
#if TILE_ROWS >= 12
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
        TILE_CASE(12)
#endif
    }
#undef TILE_CASE
}

/* A whole tile over a packed panel of b: its stride is a constant, like that of packed a. */
static void TYPED(tile_whole)(size_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,
                              const real *b, real *c, const real *next, ptrdiff_t c_row,
                              int assign) {
#define WHOLE_CASE(a_row, a_k)                                                                     \
    TYPED(tile_of)(TILE_ROWS, TILE_VECTORS, TYPED(NEAR), k, a, a_row, a_k, b, TILE_COLUMNS, c,     \
                   next, c_row, TILE_COLUMNS, assign, NULL)
    if (a_row != 1)
        WHOLE_CASE(a_row, 1);
    else if (a_k == TILE_ROWS)
        WHOLE_CASE(1, TILE_ROWS);
    else
        WHOLE_CASE(1, a_k);
#undef WHOLE_CASE
}

/* Where a_row or a_k is 1 the compiler is told so. */
static void TYPED(tile)(size_t rows, size_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,
                        const real *b, ptrdiff_t b_k, real *c, const real *next, ptrdiff_t c_row,
                        size_t columns, int assign) {
    const size_t vectors = (columns + LANES - 1) / LANES;
    if (k > FAR_FROM && rows == TILE_ROWS && vectors == TILE_VECTORS && a_row == 1) {
        if (k > TILE_ROWS * SPREAD)
            TYPED(tile_of)(TILE_ROWS, TILE_VECTORS, TYPED(LONG), k, a, 1, a_k, b, b_k, c, next,
                           c_row, columns, assign, NULL);
        else
            TYPED(tile_of)(TILE_ROWS, TILE_VECTORS, TYPED(FAR), k, a, 1, a_k, b, b_k, c, next,
                           c_row, columns, assign, NULL);
        return;
    }
    if (FIXED_STRIDES && rows == TILE_ROWS && columns == TILE_COLUMNS && b_k == TILE_COLUMNS) {
        TYPED(tile_whole)(k, a, a_row, a_k, b, c, next, c_row, assign);
        return;
    }
#define TILE_VECTOR_CASE(n)                                                                        \
    case n:                                                                                        \
        if (a_row == 1)                                                                            \
            TYPED(tile_rows)(rows, n, k, a, 1, a_k, b, b_k, c, next, c_row, columns, assign);      \
        else                                                                                       \
            TYPED(tile_rows)(rows, n, k, a, a_row, 1, b, b_k, c, next, c_row, columns, assign);    \
        return;
    switch (vectors) {
        TILE_VECTOR_CASE(1)
        TILE_VECTOR_CASE(2)
#if TILE_VECTORS >= 3
        TILE_VECTOR_CASE(3)
#endif
    }
#undef TILE_VECTOR_CASE
}

/* A whole tile that also packs its panel of b. */
static void TYPED(tile_and_pack)(real *packed_b, size_t k, const real *a, ptrdiff_t a_row,
                                 ptrdiff_t a_k, const real *b, ptrdiff_t b_k, real *c,
                                 const real *next, ptrdiff_t c_row, int assign) {
    if (a_row == 1)
        TYPED(tile_of)(TILE_ROWS, TILE_VECTORS, TYPED(NEAR), k, a, 1, a_k, b, b_k, c, next, c_row,
                       TILE_COLUMNS, assign, packed_b);
    else
        TYPED(tile_of)(TILE_ROWS, TILE_VECTORS, TYPED(NEAR), k, a, a_row, 1, b, b_k, c, next, c_row,
                       TILE_COLUMNS, assign, packed_b);
}

static void TYPED(pack_rows)(TYPED(packed) * out, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,
                             size_t rows, size_t k) {
    if (a_row == 1) {
        TYPED(pack_panels)(out, a, a_k, rows, k);
        return;
    }
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        const size_t lines = least(rows - row, TILE_ROWS);
        TYPED(pack)(out + row / TILE_ROWS * TYPED(panel_size)(TILE_ROWS, k), lines,
                    a + (ptrdiff_t)row * a_row, a_row, a_k, lines, k);
    }
}

/* Whether whole panels are packed several at once, because their steps lie pages apart. */
IC_INLINE int TYPED(lie_beside)(const TYPED(panel) * of) {
    return TYPED(is_whole)(of) && of->rows > 3 * TILE_ROWS &&
           of->b_k * (ptrdiff_t)sizeof(real) >= BESIDE_FROM;
}

/* Packs a panel of b, or with each PANELS_BESIDE-th one all of those that lie beside it. */
static void TYPED(pack_b)(TYPED(packed) * home, const TYPED(panel) * of) {
    if (!TYPED(lie_beside)(of))
        TYPED(pack)(home, TYPED(panel_width)(of->columns), of->b, of->b_column, of->b_k,
                    of->columns, of->k);
    else if (of->place % PANELS_BESIDE == 0)
        TYPED(pack_beside)(home, of->b, of->b_k, least(of->whole, PANELS_BESIDE), of->k);
}

/* A whole tile over a whole panel copies what it reads. */
static void TYPED(first_tile)(TYPED(packed) * home, const TYPED(panel) * of, size_t rows,
                              const TYPED(packed) * a, ptrdiff_t a_row, ptrdiff_t a_k, real *c,
                              const real *next, ptrdiff_t c_row, int assign) {
    if (rows == TILE_ROWS && TYPED(is_whole)(of) && !TYPED(lie_beside)(of)) {
        TYPED(tile_and_pack)(home, of->k, a, a_row, a_k, of->b, of->b_k, c, next, c_row, assign);
        return;
    }
    TYPED(pack_b)(home, of);
    TYPED(tile)(rows, of->k, a, a_row, a_k, home, (ptrdiff_t)TYPED(panel_width)(of->columns), c,
                next, c_row, of->columns, assign);
}
