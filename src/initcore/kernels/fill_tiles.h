/* How the kernels of fills are built: runs of consecutive elements of a stream, each contiguous.
 *
 * The plain loops are for every instruction set; fill_vector_f32.h and fill_vector_f64.h have laws
 * by hand for those whose compiled loops lost to them.
 *
 * A tile is IC_STREAM_LANES whole blocks: their words first, word by word, then the numbers, in
 * natural order. The tile that `first` cuts, and the one that the end cuts, go through a buffer. */
#ifndef INITCORE_KERNELS_FILL_TILES_H
#define INITCORE_KERNELS_FILL_TILES_H

#include <string.h>

#include "initcore/stream.h"
#include "initcore/transforms.h"

#if defined(IC_ISA_AVX2) || defined(IC_ISA_AVX512)
#include "initcore/kernels/fill_across.h"
#include "initcore/kernels/fill_vector_f32.h"
#include "initcore/kernels/fill_vector_f64.h"
#define VECTOR_FILLS
#endif

enum { BLOCKS = IC_STREAM_LANES };

/* The elements of `runs`. TILE(out, tile, law) writes one tile's elements, PER_BLOCK of them from
 * each block. */
#define IC_FILL(TYPE, PER_BLOCK, TILE, LAW)                                                        \
    enum { SIZE = (PER_BLOCK) * BLOCKS };                                                          \
    for (size_t r = 0; r < runs->count; ++r) {                                                     \
        TYPE *const run = (TYPE *)((char *)out + (ptrdiff_t)r * runs->step);                       \
        const uint64_t first = runs->first + r * runs->index;                                      \
        const size_t n = runs->n;                                                                  \
        uint64_t block = first / (PER_BLOCK);                                                      \
        size_t skip = (size_t)(first % (PER_BLOCK));                                               \
        for (size_t done = 0; done < n; block += BLOCKS) {                                         \
            ic_stream_tile words;                                                                  \
            ic_stream_words(&words, block, stream);                                                \
            if (skip == 0 && n - done >= SIZE) {                                                   \
                TILE(run + done, &words, LAW);                                                     \
                done += SIZE;                                                                      \
            } else {                                                                               \
                TYPE whole[SIZE];                                                                  \
                const size_t count = n - done < SIZE - skip ? n - done : SIZE - skip;              \
                TILE(whole, &words, LAW);                                                          \
                memcpy(run + done, whole + skip, count * sizeof(TYPE));                            \
                done += count;                                                                     \
                skip = 0;                                                                          \
            }                                                                                      \
        }                                                                                          \
    }

/* The elements of runs that lie across the memory: BLOCKS of them make a tile, of one block each.
 */
#define IC_ACROSS(TYPE, PER_BLOCK, TILE, LAW)                                                      \
    char *row = (char *)out;                                                                       \
    for (size_t block = 0; block < across->blocks; ++block, row += (PER_BLOCK) * across->step) {   \
        for (size_t run = 0; run < across->runs; run += BLOCKS) {                                  \
            const uint64_t first = across->block + block + run * across->apart;                    \
            const size_t left = across->runs - run, some = left < BLOCKS ? left : BLOCKS;          \
            ic_stream_tile words;                                                                  \
            ic_stream_words_apart(&words, first, across->apart, stream);                           \
            TYPE whole[(PER_BLOCK) * BLOCKS];                                                      \
            TILE(whole, &words, LAW);                                                              \
            for (size_t j = 0; j < (PER_BLOCK); ++j) {                                             \
                TYPE *const to = (TYPE *)(row + (ptrdiff_t)j * across->step) + run;                \
                for (size_t lane = 0; lane < some; ++lane) {                                       \
                    to[lane] = whole[lane * (PER_BLOCK) + j];                                      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

static inline uint64_t joined(uint32_t low, uint32_t high) {
    return (uint64_t)high << 32 | low;
}

#endif
