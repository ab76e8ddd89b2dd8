/* Fills of every instruction set: runs of consecutive elements of a stream, each contiguous.
 *
 * A tile is IC_STREAM_LANES whole blocks: their words first, word by word, then the elements, in
 * natural order. The tile that the beginning of a run cuts, and the one that its end cuts, go
 * through a buffer. Everything is inlined into a kernel: sizes and the tile's function are
 * constants there. */
#ifndef INITCORE_KERNELS_FILL_PLAIN_H
#define INITCORE_KERNELS_FILL_PLAIN_H

#include <string.h>

#include "initcore/simd.h"
#include "initcore/stream.h"

enum {
    BLOCKS = IC_STREAM_LANES,
    NUMBERS = 16, /* bytes of the numbers of a block */
};

/* Writes the elements of the blocks of a tile, at least of its first `blocks`. */
typedef void (*plain_tile)(void *restrict out, const ic_stream_tile *restrict words, size_t blocks,
                           const void *law);

static inline uint64_t joined(uint32_t low, uint32_t high) {
    return (uint64_t)high << 32 | low;
}

/* The elements of `runs`, each of so many bytes, of which a block holds `per_block`. whole: room
 * for a tile. */
IC_INLINE void fill_plain(void *out, size_t item, size_t per_block, char *whole,
                          const ic_runs *runs, const ic_stream *stream, const void *law,
                          plain_tile tile) {
    const size_t size = per_block * BLOCKS;
    for (size_t r = 0; r < runs->count; ++r) {
        char *const run = (char *)out + (ptrdiff_t)r * runs->step;
        const uint64_t first = runs->first + r * runs->index;
        const size_t n = runs->n;
        uint64_t block = first / per_block;
        size_t skip = (size_t)(first % per_block);
        for (size_t done = 0; done < n; block += BLOCKS) {
            ic_stream_tile words;
            ic_stream_words(&words, block, stream);
            if (skip == 0 && n - done >= size) {
                tile(run + done * item, &words, BLOCKS, law);
                done += size;
            } else {
                const size_t count = n - done < size - skip ? n - done : size - skip;
                tile(whole, &words, (skip + count + per_block - 1) / per_block, law);
                memcpy(run + done * item, whole + skip * item, count * item);
                done += count;
                skip = 0;
            }
        }
    }
}

/* Numbers, of which a block holds `per_block`. */
IC_INLINE void fill_plain_numbers(void *out, unsigned per_block, const ic_runs *runs,
                                  const ic_stream *stream, const void *law, plain_tile tile) {
    _Alignas(16) char whole[NUMBERS * BLOCKS];
    fill_plain(out, NUMBERS / per_block, per_block, whole, runs, stream, law, tile);
}

/* The same of runs that lie across the memory: BLOCKS of them make a tile, of one block each. */
IC_INLINE void across_plain_numbers(void *out, unsigned per_block, const ic_across *across,
                                    const ic_stream *stream, const void *law, plain_tile tile) {
    const size_t item = NUMBERS / per_block;
    /* copies: stores of bytes could change the originals, for all that the compiler knows */
    const ic_across own = *across;
    const ic_stream words_of = *stream;
    char *row = out;
    for (size_t block = 0; block < own.blocks; ++block, row += per_block * own.step) {
        for (size_t run = 0; run < own.runs; run += BLOCKS) {
            const uint64_t first = own.block + block + run * own.apart;
            const size_t left = own.runs - run, some = left < BLOCKS ? left : BLOCKS;
            ic_stream_tile words;
            ic_stream_words_apart(&words, first, own.apart, &words_of);
            _Alignas(16) char whole[NUMBERS * BLOCKS];
            tile(whole, &words, BLOCKS, law);
            for (size_t j = 0; j < per_block; ++j) {
                char *const to = row + (ptrdiff_t)j * own.step + run * item;
                for (size_t lane = 0; lane < some; ++lane) {
                    memcpy(to + lane * item, whole + (lane * per_block + j) * item, item);
                }
            }
        }
    }
}

#endif
