/* Masks: an element is 1 if its 32-bit word of the stream is below the threshold, else 0.
 * The threshold is at most 2^32. */
#include <string.h>

#include "initcore/kernels/kernels.h"

enum { LANES = IC_STREAM_LANES, SIZE = 4 * LANES };

/* `last` is the largest word that stays. */
static inline void mask_tile(uint8_t *restrict out, const ic_stream_tile *restrict words,
                             uint32_t last) {
    for (size_t lane = 0; lane < LANES; ++lane) {
        out[4 * lane] = words->word[0][lane] <= last;
        out[4 * lane + 1] = words->word[1][lane] <= last;
        out[4 * lane + 2] = words->word[2][lane] <= last;
        out[4 * lane + 3] = words->word[3][lane] <= last;
    }
}

void IC_FN(fill_mask)(uint8_t *out, const ic_runs *runs, const ic_stream *stream,
                      uint64_t threshold) {
    const size_t n = runs->n;
    for (size_t r = 0; r < runs->count; ++r) {
        uint8_t *const run = out + (ptrdiff_t)r * runs->step;
        if (threshold == 0) {
            memset(run, 0, n);
            continue;
        }
        const uint32_t last = (uint32_t)(threshold - 1);
        const uint64_t first = runs->first + r * runs->index;
        uint64_t block = first / 4;
        size_t skip = (size_t)(first % 4);
        for (size_t done = 0; done < n; block += LANES) {
            ic_stream_tile words;
            uint8_t whole[SIZE];
            const size_t count = n - done < SIZE - skip ? n - done : SIZE - skip;
            ic_stream_words(&words, block, stream);
            mask_tile(whole, &words, last);
            memcpy(run + done, whole + skip, count);
            done += count;
            skip = 0;
        }
    }
}
