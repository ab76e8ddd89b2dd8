/* Where the cycles of a product go: its kernel, included as it is, in parts.
 *
 * "Ideal" is the time that as many fused multiply-adds take in independent chains, measured right
 * before and after, at the clock that the core has while its vectors work; it is so many cycles
 * with two vectors a cycle. All figures are percent of it, medians over pairs.
 *
 *     resident  one tile over and over: a, b and c in the first-level cache
 *     tiles     all tiles of the product, from packed operands, each to its place in c
 *     at rest   the same, all of them to one place that stays in the first-level cache
 *     a, b      packing, as often as the product does
 *     whole     the product
 *
 * phases [PAIRS]: 15 unless told otherwise. The operands of a phase wait in the third-level cache.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/peak_body.h"
#include "initcore/kernels/product_body.h"

enum { MOST_PAIRS = 1000, HUGE_PAGE = 2 << 20, SWEPT = 32 << 20 };

typedef struct subject {
    ic_product job;
    ic_piece piece;
    char *workspace;
    float *spare; /* where c does not matter */
} subject;

typedef void (*phase)(const subject *);

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *memory(size_t bytes) {
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *const all = aligned_alloc(HUGE_PAGE, bytes);
    if (all == NULL || madvise(all, bytes, MADV_HUGEPAGE) != 0) {
        perror("memory");
        exit(1);
    }
    memset(all, 0, bytes);
    return all;
}

/* As NumPy lays large arrays out: 16 bytes after a multiple of 64. */
static float *array(size_t n) {
    return (float *)memory(n * sizeof(float) + 64) + 4;
}

static void chunks(const subject *of, void (*each)(const chunk_f32 *, const void *)) {
    for_each_chunk_f32(&of->job, &of->piece, of->workspace, each, of);
}

static void chunk_packs_a(const chunk_f32 *at, const void *of) {
    (void)of;
    if (packs_a_f32(at))
        pack_a_f32(at);
}

static void chunk_packs_b(const chunk_f32 *at, const void *of) {
    (void)of;
    if (at->row > 0)
        return;
    for (size_t column = 0; column < at->columns; column += TILE_COLUMNS) {
        const panel_f32 panel = panel_at_f32(at, column);
        pack_b_f32(home_of_f32(at, column), &panel);
    }
}

static void chunk_tiles(const chunk_f32 *at, const subject *of, int at_rest) {
    const ptrdiff_t c_row = at_rest ? TILE_COLUMNS : at->job->c_row;
    for (place_f32 p = {0, 0}; p.row < at->rows && p.column < at->columns;
         p = next_place_f32(p, at)) {
        const size_t rows = least(at->rows - p.row, TILE_ROWS);
        const size_t columns = least(at->columns - p.column, TILE_COLUMNS);
        float *const c = at_rest ? of->spare : c_at_f32(at, p);
        float *const next = at_rest ? of->spare : c_at_f32(at, next_place_f32(p, at));
        tile_f32(rows, at->k, at->packed_a + p.row / TILE_ROWS * panel_size_f32(TILE_ROWS, at->k),
                 1, (ptrdiff_t)rows, home_of_f32(at, p.column), (ptrdiff_t)panel_width_f32(columns),
                 c, next, c_row, columns, 0);
    }
}

static void chunk_to_c(const chunk_f32 *at, const void *of) {
    chunk_tiles(at, of, 0);
}

static void chunk_to_rest(const chunk_f32 *at, const void *of) {
    chunk_tiles(at, of, 1);
}

static void packing_of_a(const subject *of) {
    chunks(of, chunk_packs_a);
}

static void packing_of_b(const subject *of) {
    chunks(of, chunk_packs_b);
}

static void tiles(const subject *of) {
    chunks(of, chunk_to_c);
}

static void tiles_at_rest(const subject *of) {
    chunks(of, chunk_to_rest);
}

static void resident(const subject *of) {
    const ic_product *const job = &of->job;
    const float *const a = (const float *)(const void *)of->workspace;
    const float *const b = a + panel_size_f32(TILE_ROWS, IC_BLOCK);
    const double flops = (double)of->piece.rows * (double)of->piece.columns * (double)job->k;
    for (double left = flops; left > 0; left -= (double)TILE_ROWS * TILE_COLUMNS * IC_BLOCK)
        tile_f32(TILE_ROWS, IC_BLOCK, a, 1, TILE_ROWS, b, TILE_COLUMNS, of->spare, of->spare,
                 TILE_COLUMNS, TILE_COLUMNS, 0);
}

static void whole(const subject *of) {
    IC_FN(product_f32)(&of->job, &of->piece, of->workspace);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Takes the second-level cache away from what was last used. */
static void sweep(void) {
    static volatile char *all;
    if (all == NULL)
        all = memory(SWEPT);
    for (size_t i = 0; i < SWEPT; i += 64)
        all[i] = (char)i;
}

/* Seconds of as many multiplications and additions in independent chains. */
static double ideal(double flops) {
    static _Alignas(64) char ends[IC_PEAK_CHAINS * 64];
    double done;
    const double start = now();
    IC_FN(fma_chains_f32)(ends, &done, (size_t)(flops / (2.0 * IC_PEAK_CHAINS * LANES)));
    return (now() - start) * flops / done;
}

static double percent(phase run, const subject *of, int pairs) {
    const double flops =
        2.0 * (double)of->piece.rows * (double)of->piece.columns * (double)of->job.k;
    double found[MOST_PAIRS];
    run(of);
    for (int i = 0; i < pairs; i++) {
        sweep();
        const double before = ideal(flops / 2), start = now();
        run(of);
        found[i] = 100 * (now() - start) / (before + ideal(flops / 2));
    }
    qsort(found, (size_t)pairs, sizeof found[0], ascending);
    return found[pairs / 2];
}

int main(int count, char **arguments) {
    const long pairs = count > 1 ? strtol(arguments[1], NULL, 10) : 15;
    if (count > 2 || pairs < 1 || pairs > MOST_PAIRS) {
        fprintf(stderr, "usage: phases [PAIRS], 1 to %d\n", MOST_PAIRS);
        return 2;
    }
    static const size_t shapes[][3] = {
        {128, 784, 256}, {256, 512, 512}, {512, 1024, 1024}, {1024, 2048, 2048}, {64, 4096, 1024}};
    static const phase phases[] = {resident,     tiles_at_rest, tiles,
                                   packing_of_a, packing_of_b,  whole};
    float *const spare = memory(HUGE_PAGE);
    printf("batch\tn_in\tn_out\tproduct\tresident\tat rest\ttiles\ta\tb\twhole\n");
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const size_t batch = shapes[s][0], n_in = shapes[s][1], n_out = shapes[s][2];
        float *const x = array(batch * n_in), *const w = array(n_out * n_in);
        float *const dz = array(batch * n_out), *const c = array((batch + n_out) * (n_in + n_out));
        const ic_product jobs[] = {{.c = c,
                                    .c_row = (ptrdiff_t)n_out,
                                    .a = x,
                                    .a_row = (ptrdiff_t)n_in,
                                    .a_k = 1,
                                    .b = w,
                                    .b_k = 1,
                                    .b_column = (ptrdiff_t)n_in,
                                    .k = n_in},
                                   {.c = c,
                                    .c_row = (ptrdiff_t)n_in,
                                    .a = dz,
                                    .a_row = (ptrdiff_t)n_out,
                                    .a_k = 1,
                                    .b = w,
                                    .b_k = (ptrdiff_t)n_in,
                                    .b_column = 1,
                                    .k = n_out},
                                   {.c = c,
                                    .c_row = (ptrdiff_t)n_in,
                                    .a = dz,
                                    .a_row = 1,
                                    .a_k = (ptrdiff_t)n_out,
                                    .b = x,
                                    .b_k = (ptrdiff_t)n_in,
                                    .b_column = 1,
                                    .k = batch}};
        static const char *const names[] = {"y", "dx", "dw"};
        for (int j = 0; j < 3; j++) {
            subject of = {.job = jobs[j],
                          .piece = {0, j == 2 ? n_out : batch, 0, j == 0 ? n_out : n_in},
                          .spare = spare};
            ic_product_needs needs;
            IC_FN(product_needs_f32)(&needs, &of.job, of.piece.rows, of.piece.columns);
            of.workspace = memory(needs.workspace);
            printf("%zu\t%zu\t%zu\t%s", batch, n_in, n_out, names[j]);
            for (size_t p = 0; p < sizeof phases / sizeof phases[0]; p++)
                printf("\t%.1f", percent(phases[p], &of, (int)pairs));
            printf("\n");
            fflush(stdout);
            free(of.workspace);
        }
        free(x - 4), free(w - 4), free(dz - 4), free(c - 4);
    }
    return 0;
}
