/* Where element i of a stream finds its words.
 *
 *   counter:  c0 c1 = block index, low word first     c2 c3 = stream id, low word first
 *   key:      k0 k1 = seed, low word first
 *   32-bit elements:  element i = word i & 3 of block i >> 2
 *   64-bit elements:  element i = words 2 (i & 1), low, and 2 (i & 1) + 1, high, of block i >> 1 */
#ifndef INITCORE_STREAM_H
#define INITCORE_STREAM_H

#include "initcore/base.h"
#include "initcore/philox.h"

/* A stream: the Philox key (the seed's halves, low first) and the upper counter words (the
 * stream id's halves, low first). */
typedef struct ic_stream {
    uint32_t key[2];
    uint32_t id[2];
} ic_stream;

/* Elements that a kernel makes: `count` runs of n consecutive ones each. Run r begins with element
 * first + r * index, and is written step * r bytes behind the first. */
typedef struct ic_runs {
    uint64_t first;
    size_t n, count;
    uint64_t index;
    ptrdiff_t step;
} ic_runs;

/* Runs of whole blocks that lie across the memory: element j of run r belongs to block
 * `block` + r * apart + j / (elements of a block), and is written j * step bytes behind the first,
 * with those of all runs side by side. Their blocks do not differ in c1. */
typedef struct ic_across {
    uint64_t block, apart;
    size_t runs, blocks; /* and of each run */
    ptrdiff_t step;
} ic_across;

enum { IC_ACROSS_RUNS = 128 /* at most */ };

/* Blocks are made and turned into numbers this many at a time, so that whatever the instruction
 * set is, its vectors are full. The number changes no byte. */
enum { IC_STREAM_LANES = 32 };

/* Word w of block first_block + lane, as word[w][lane]. */
typedef struct ic_stream_tile {
    uint32_t word[4][IC_STREAM_LANES];
} ic_stream_tile;

static inline void ic_stream_words_of(ic_stream_tile *restrict tile, uint32_t lane, uint32_t c0,
                                      uint32_t c1, const ic_stream *restrict stream) {
    const uint32_t counter[4] = {c0, c1, stream->id[0], stream->id[1]};
    uint32_t words[4];
    ic_philox4x32(words, counter, stream->key);
    tile->word[0][lane] = words[0];
    tile->word[1][lane] = words[1];
    tile->word[2][lane] = words[2];
    tile->word[3][lane] = words[3];
}

static inline void ic_stream_words(ic_stream_tile *restrict tile, uint64_t first_block,
                                   const ic_stream *restrict stream) {
    const uint32_t low = (uint32_t)first_block, high = (uint32_t)(first_block >> 32);
    const ic_stream own = *stream;
    for (uint32_t lane = 0; lane < IC_STREAM_LANES; ++lane) {
        const uint32_t c0 = low + lane;
        ic_stream_words_of(tile, lane, c0, high + (c0 < low), &own);
    }
}

/* The same of blocks so far apart, with one c1. */
static inline void ic_stream_words_apart(ic_stream_tile *restrict tile, uint64_t first_block,
                                         uint64_t apart, const ic_stream *restrict stream) {
    const uint32_t low = (uint32_t)first_block, high = (uint32_t)(first_block >> 32);
    const ic_stream own = *stream;
    for (uint32_t lane = 0; lane < IC_STREAM_LANES; ++lane) {
        ic_stream_words_of(tile, lane, low + lane * (uint32_t)apart, high, &own);
    }
}

#endif
