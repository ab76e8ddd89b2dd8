/* Runs that lie across the memory, by whole vectors: the blocks of a tile are those of neighboring
 * runs, so that a vector of their numbers is what lies side by side, and nothing is transposed. */
#ifndef INITCORE_KERNELS_FILL_ACROSS_H
#define INITCORE_KERNELS_FILL_ACROSS_H

#include <string.h>

#include "initcore/kernels/fill_blocks.h"

enum {
    ACROSS_AHEAD = 16, /* elements of each run ahead of which memory is called for */
    LINE = 64,         /* bytes of the cache; a wrong guess costs only time */
};

/* Tiles of LANES runs each, one after the other, and then the next block of all. */
typedef struct across_words {
    block_run blocks;
    vu64 product[IC_ACROSS_RUNS / LANES][2]; /* as in a block_run, of each tile */
    size_t tile, tiles;
} across_words;

/* The run of lane i, such that the words of a tile come out in the order of runs: the laws of 32
 * bits merge pairs of even and odd lanes, those of 64 keep them apart. */
IC_LANES_INLINE uint64_t run_of_lane(unsigned per_block, unsigned odd, unsigned i) {
    return per_block == 4 ? 4 * (i / 2) + i % 2 + 2 * odd : i + odd * (LANES / 2);
}

IC_LANES_INLINE void begin_across(across_words *a, unsigned per_block, const ic_across *across,
                                  const ic_stream *stream) {
    begin_stream(&a->blocks, stream, 1);
    set_c1(&a->blocks, high_word(across->block));
    a->tile = 0;
    a->tiles = (across->runs + LANES - 1) / LANES;
    for (size_t tile = 0; tile < a->tiles; ++tile) {
        for (unsigned odd = 0; odd < 2; ++odd) {
            vu64 c0;
            for (unsigned i = 0; i < LANES / 2; ++i) {
                const uint64_t run = tile * LANES + run_of_lane(per_block, odd, i);
                c0[i] = (uint32_t)(across->block + run * across->apart);
            }
            a->product[tile][odd] = multiply_words(c0, all_wides(IC_PHILOX_M0));
        }
    }
}

IC_LANES_INLINE void next_across(vu64 w[4], across_words *a, word_maker words) {
    vu64 *const product = a->product[a->tile];
    copy_vectors(a->blocks.product, product, 2);
    words(w, &a->blocks);
    copy_vectors(product, a->blocks.product, 2);
    a->tile = a->tile + 1 == a->tiles ? 0 : a->tile + 1;
}

/* Element j of each run of a tile to out + j * step. */
IC_LANES_INLINE void put_across(char *out, ptrdiff_t step, unsigned per_block, const vu64 x[4]) {
    const unsigned halves = 4 / per_block; /* vectors of one element of all runs */
    for (unsigned j = 0; j < per_block; ++j) {
        for (unsigned half = 0; half < halves; ++half) {
            memcpy(out + (ptrdiff_t)j * step + half * sizeof(vu64), &x[half * per_block + j],
                   sizeof(vu64));
        }
    }
}

/* The same for a tile of fewer runs. */
IC_LANES_INLINE void put_some_across(char *out, ptrdiff_t step, unsigned per_block, const vu64 x[4],
                                     size_t runs) {
    const size_t item = 16 / per_block;
    char whole[TILE_BYTES];
    put_across(whole, (ptrdiff_t)(LANES * item), per_block, x);
    for (unsigned j = 0; j < per_block; ++j) {
        memcpy(out + (ptrdiff_t)j * step, whole + j * LANES * item, runs * item);
    }
}

IC_LANES_INLINE void fill_across(void *to, unsigned per_block, const ic_across *across,
                                 const ic_stream *stream, const void *law, makers make) {
    const ptrdiff_t width = LANES * 16 / (ptrdiff_t)per_block; /* bytes of an element of a tile */
    across_words ahead;
    begin_across(&ahead, per_block, across, stream);
    tiles t = {0};
    next_across(t.words, &ahead, make.words);
    if (make.draft != NULL) {
        make.draft(t.draft, t.words, law);
        next_across(t.words, &ahead, make.words);
    }
    char *row = to;
    for (size_t block = 0; block < across->blocks; ++block, row += per_block * across->step) {
        char *out = row;
        for (size_t run = 0; run < across->runs; run += LANES, out += width) {
            vu64 words[4], x[4];
            next_across(words, &ahead, make.words);
            advance_tiles(x, &t, words, law, make);
            if (across->runs - run >= LANES) {
                put_across(out, across->step, per_block, x);
            } else {
                put_some_across(out, across->step, per_block, x, across->runs - run);
            }
            if ((out - row) % LINE == 0) {
                for (unsigned j = 0; j < per_block; ++j) {
                    __builtin_prefetch(out + (ptrdiff_t)(ACROSS_AHEAD + j) * across->step, 1);
                }
            }
        }
    }
}

#endif
