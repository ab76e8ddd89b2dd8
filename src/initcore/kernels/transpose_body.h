/* The transpose of a small array, for one type: squares of LANES x LANES in registers. */
#include "initcore/kernels/dense.h"
#include "initcore/simd.h"
#include "initcore/typed.h"

/* The `high` x `wide` elements at `from`, neither above LANES. */
IC_INLINE void TYPED(transpose_square)(char *to, ptrdiff_t to_row, const char *from,
                                       ptrdiff_t from_row, size_t high, size_t wide) {
    vreal x[LANES];
    for (size_t i = 0; i < LANES; i++, from += from_row) {
        const real *const row = (const real *)from;
        x[i] = i >= high ? V(set)(0) : wide == LANES ? V(load)(row) : V(load_n)(row, wide);
    }
    V(transpose)(x);
    for (size_t j = 0; j < LANES; j++, to += to_row) {
        real *const row = (real *)to;
        if (j < wide && high == LANES)
            V(store)(row, x[j]);
        else if (j < wide)
            V(store_n)(row, x[j], high);
    }
}

/* Out of line, because the compiler would work out the addresses of all rows before the loop, for
 * which there are too few registers. */
static __attribute__((noinline)) void
TYPED(transpose_whole_square)(char *to, ptrdiff_t to_row, const char *from, ptrdiff_t from_row) {
    TYPED(transpose_square)(to, to_row, from, from_row, LANES, LANES);
}

/* to[j][i] = from[i][j] for i < rows, j < columns; rows lie to_row or from_row bytes apart. The
 * arrays share no memory. */
void IC_FN(TYPED(transpose))(void *to_, ptrdiff_t to_row, const void *from_, ptrdiff_t from_row,
                             size_t rows, size_t columns) {
    for (size_t j = 0; j < columns; j += LANES) {
        const size_t wide = columns - j < LANES ? columns - j : LANES;
        for (size_t i = 0; i < rows; i += LANES) {
            const size_t high = rows - i < LANES ? rows - i : LANES;
            char *const to = (char *)to_ + (ptrdiff_t)j * to_row + i * sizeof(real);
            const char *const from =
                (const char *)from_ + (ptrdiff_t)i * from_row + j * sizeof(real);
            if (high == LANES && wide == LANES)
                TYPED(transpose_whole_square)(to, to_row, from, from_row);
            else
                TYPED(transpose_square)(to, to_row, from, from_row, high, wide);
        }
    }
}
