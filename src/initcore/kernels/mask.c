/* Masks: out[j] = 1 if the 32-bit word first + j of the stream is below the threshold, else 0.
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

void IC_FN(fill_mask)(uint8_t *out, uint64_t first, size_t n, const ic_stream *stream,
                      uint64_t threshold) {
    if (threshold == 0) {
        memset(out, 0, n);
        return;
    }
    const uint32_t last = (uint32_t)(threshold - 1);
    uint64_t block = first / 4;
    size_t skip = (size_t)(first % 4);
    for (size_t done = 0; done < n; block += LANES) {
        ic_stream_tile words;
        uint8_t whole[SIZE];
        const size_t count = n - done < SIZE - skip ? n - done : SIZE - skip;
        ic_stream_words(&words, block, stream);
        mask_tile(whole, &words, last);
        memcpy(out + done, whole + skip, count);
        done += count;
        skip = 0;
    }
}
