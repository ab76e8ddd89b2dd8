/* The register tile of a float32 product where there is no FMA: product_contract.h, exact, in
 * double; both operands are always packed.
 *
 * p = a b of two floats is exact in double. s = p + c, rounded to 53 bits and then to 24, is the
 * fma unless the first rounding lands on a tie of the second: the low 29 bits of s are then
 * 0x10000000. A tile runs as if that did not happen, remembers whether it was seen, and is then
 * computed again with the sum rounded to odd, which is right always (simd.h).
 *
 * Below the least normal float the tie sits in other bits. But s is exact there whenever
 * |p| >= 2^-131 or p = 0: p is then a multiple of 2^-178, c of 2^-149, and |s| < 2^-126 fits in
 * 53 bits. So each panel carries its least magnitude, and a pair of panels whose least product is
 * smaller is computed the slow way at once. */

typedef double TYPED(packed);
enum { TYPED(PANEL_HEAD) = 2 }; /* the least magnitude that is not zero, and a gap for alignment */
#include "initcore/kernels/product_contract.h"

IC_INLINE int TYPED(reads_a)(const ic_product *job, size_t k, size_t columns) {
    (void)job;
    (void)k;
    (void)columns;
    return 0;
}

IC_INLINE int TYPED(reads_b)(const TYPED(panel) * of) {
    (void)of;
    return 0;
}

/* Panel of `lines` lines padded to `width`, as double, behind its least magnitude. */
static void TYPED(pack)(double *out, size_t width, const float *in, ptrdiff_t in_line,
                        ptrdiff_t in_k, size_t lines, size_t k) {
    double smallest = INFINITY;
    double *const data = out + TYPED(PANEL_HEAD);
    for (size_t line = 0; line < lines; line++) {
        const float *from = in + (ptrdiff_t)line * in_line;
        for (size_t step = 0; step < k; step++) {
            const double value = from[(ptrdiff_t)step * in_k];
            const double size = fabs(value);
            data[step * width + line] = value;
            smallest = size < smallest && size > 0 ? size : smallest;
        }
    }
    for (size_t line = lines; line < width; line++)
        for (size_t step = 0; step < k; step++)
            data[step * width + line] = 0;
    out[0] = smallest;
}

static void TYPED(pack_rows)(double *out, const float *a, ptrdiff_t a_row, ptrdiff_t a_k,
                             size_t rows, size_t k) {
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        const size_t lines = least(rows - row, TILE_ROWS);
        TYPED(pack)(out + row / TILE_ROWS * TYPED(panel_size)(TILE_ROWS, k), lines,
                    a + (ptrdiff_t)row * a_row, a_row, a_k, lines, k);
    }
}

/* Returns whether a sum may have been rounded wrongly; never when `odd`. */
IC_INLINE int ic_exact_tile_of(const int rows, const int odd, size_t k, const double *a,
                               const double *b, float *c, ptrdiff_t c_row, size_t columns,
                               int assign) {
    __m128d sum[TILE_ROWS][2];
    for (int i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = _mm_setzero_pd();
    __m128i ties = _mm_setzero_si128();
    const __m128i tie = _mm_set1_epi32(INT32_MIN);
    for (size_t step = 0; step < k; step++) {
        const __m128d b0 = _mm_loadu_pd(b), b1 = _mm_loadu_pd(b + 2);
        for (int i = 0; i < rows; i++) {
            const __m128d as = _mm_set1_pd(a[i]);
            const __m128d p0 = _mm_mul_pd(as, b0), p1 = _mm_mul_pd(as, b1);
            __m128d s0, s1;
            if (odd) {
                s0 = ic_add_to_odd(p0, sum[i][0]);
                s1 = ic_add_to_odd(p1, sum[i][1]);
            } else {
                s0 = _mm_add_pd(p0, sum[i][0]);
                s1 = _mm_add_pd(p1, sum[i][1]);
                /* the low words of four sums, their 29 bits moved to the top */
                const __m128i low = _mm_castps_si128(
                    _mm_shuffle_ps(_mm_castpd_ps(s0), _mm_castpd_ps(s1), _MM_SHUFFLE(2, 0, 2, 0)));
                ties = _mm_or_si128(ties, _mm_cmpeq_epi32(_mm_slli_epi32(low, 3), tie));
            }
            sum[i][0] = _mm_cvtps_pd(_mm_cvtpd_ps(s0));
            sum[i][1] = _mm_cvtps_pd(_mm_cvtpd_ps(s1));
        }
        a += rows;
        b += TILE_COLUMNS;
    }
    if (_mm_movemask_epi8(ties) != 0)
        return 1;
    for (int i = 0; i < rows; i++) {
        float *const out = c + i * c_row;
        const __m128 total = _mm_movelh_ps(_mm_cvtpd_ps(sum[i][0]), _mm_cvtpd_ps(sum[i][1]));
        if (columns == TILE_COLUMNS)
            _mm_storeu_ps(out, assign ? total : _mm_add_ps(_mm_loadu_ps(out), total));
        else
            ic_f32_store_n(out, assign ? total : _mm_add_ps(ic_f32_load_n(out, columns), total),
                           columns);
    }
    return 0;
}

static void ic_exact_tile_slow(size_t rows, size_t k, const double *a, const double *b, float *c,
                               ptrdiff_t c_row, size_t columns, int assign) {
    switch (rows) {
    case 1:
        (void)ic_exact_tile_of(1, 1, k, a, b, c, c_row, columns, assign);
        return;
    case 2:
        (void)ic_exact_tile_of(2, 1, k, a, b, c, c_row, columns, assign);
        return;
    case 3:
        (void)ic_exact_tile_of(3, 1, k, a, b, c, c_row, columns, assign);
        return;
    case 4:
        (void)ic_exact_tile_of(4, 1, k, a, b, c, c_row, columns, assign);
        return;
    }
}

static int ic_exact_tile_fast(size_t rows, size_t k, const double *a, const double *b, float *c,
                              ptrdiff_t c_row, size_t columns, int assign) {
    switch (rows) {
    case 1:
        return ic_exact_tile_of(1, 0, k, a, b, c, c_row, columns, assign);
    case 2:
        return ic_exact_tile_of(2, 0, k, a, b, c, c_row, columns, assign);
    case 3:
        return ic_exact_tile_of(3, 0, k, a, b, c, c_row, columns, assign);
    default:
        return ic_exact_tile_of(4, 0, k, a, b, c, c_row, columns, assign);
    }
}

static void TYPED(tile)(size_t rows, size_t k, const double *a, ptrdiff_t a_row, ptrdiff_t a_k,
                        const double *b, ptrdiff_t b_k, float *c, const float *next,
                        ptrdiff_t c_row, size_t columns, int assign) {
    (void)a_row; /* those of packed operands */
    (void)a_k;
    (void)b_k;
    (void)next; /* there is time enough */
    const int small = a[0] * b[0] < 0x1p-131;
    a += TYPED(PANEL_HEAD);
    b += TYPED(PANEL_HEAD);
    if (small || ic_exact_tile_fast(rows, k, a, b, c, c_row, columns, assign))
        ic_exact_tile_slow(rows, k, a, b, c, c_row, columns, assign);
}

static void TYPED(first_tile)(double *home, const TYPED(panel) * of, size_t rows, const double *a,
                              ptrdiff_t a_row, ptrdiff_t a_k, float *c, const float *next,
                              ptrdiff_t c_row, int assign) {
    TYPED(pack)(home, TILE_COLUMNS, of->b, of->b_column, of->b_k, of->columns, of->k);
    TYPED(tile)(rows, of->k, a, a_row, a_k, home, TILE_COLUMNS, c, next, c_row, of->columns,
                assign);
}
