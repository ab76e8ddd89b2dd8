/* The register tile of a float32 product where there is no FMA: exact, in double.
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

#undef packed
#undef TILE_ROWS
#undef TILE_VECTORS
#undef TILE_COLUMNS
#undef PANEL_SIZE
#undef PANEL_WIDTH
#undef A_IN_PLACE
#undef CHUNK_BYTES
#undef A_STAYS
#undef CALLED_FROM
#undef B_IN_PLACE
#undef B_COPIED
#undef A_BY_STEPS
#undef PACK_PANELS
#undef PACK_BESIDE
#undef PANELS_BESIDE
#undef B_BESIDE
#undef THIN_ROWS
#undef TILE_AND_PACK
#undef BY_ROWS
#undef GROUP_TILES
#undef FINISH_COLUMNS
#define packed double
#define TILE_ROWS 4
#define TILE_COLUMNS 4
#define PANEL_HEAD 2 /* the least magnitude that is not zero, and a gap for alignment */
#define TILE_AND_PACK(...) ((void)0)
#define A_BY_STEPS(a_row) 0
#define PACK_PANELS(...) ((void)0)
#define PACK_BESIDE(...) ((void)0)
#define PANELS_BESIDE 1
#define B_BESIDE(rows, columns, b_k, b_column) 0
#define PANEL_SIZE(tile, k) (PANEL_HEAD + (tile) * (k))
#define PANEL_WIDTH(columns) ((void)(columns), (size_t)TILE_COLUMNS)
#define A_IN_PLACE(a_row, a_k, k, columns) 0
#define CHUNK_BYTES (4 << 20)
#define A_STAYS ((size_t)0)
#define CALLED_FROM SIZE_MAX
#define BY_ROWS 0
#define GROUP_TILES 1
#define FINISH_COLUMNS TILE_COLUMNS
#define B_IN_PLACE(rows, columns, k, b_k, b_column) 0
#define B_COPIED(rows, columns, b_column) 0

/* Panel of `lines` lines padded to `width`, as double, behind its least magnitude. */
static void TYPED(pack)(double *out, size_t width, const float *in, ptrdiff_t in_line,
                        ptrdiff_t in_k, size_t lines, size_t k) {
    double least = INFINITY;
    double *const data = out + PANEL_HEAD;
    for (size_t line = 0; line < lines; line++) {
        const float *from = in + (ptrdiff_t)line * in_line;
        for (size_t step = 0; step < k; step++) {
            const double value = from[(ptrdiff_t)step * in_k];
            const double size = fabs(value);
            data[step * width + line] = value;
            least = size < least && size > 0 ? size : least;
        }
    }
    for (size_t line = lines; line < width; line++)
        for (size_t step = 0; step < k; step++)
            data[step * width + line] = 0;
    out[0] = least;
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
    (void)a_row; /* both are always packed */
    (void)a_k;
    (void)b_k;
    (void)next; /* there is time enough */
    const int small = a[0] * b[0] < 0x1p-131;
    a += PANEL_HEAD;
    b += PANEL_HEAD;
    if (small || ic_exact_tile_fast(rows, k, a, b, c, c_row, columns, assign))
        ic_exact_tile_slow(rows, k, a, b, c, c_row, columns, assign);
}
