/* Masks: an element is 1 if its 32-bit word of the stream is below the threshold, else 0.
 * The threshold is at most 2^32. */
#include "initcore/kernels/fill_plain.h"
#include "initcore/kernels/kernels.h"

/* law: the largest word that stays. */
IC_INLINE void mask_tile(void *restrict to, const ic_stream_tile *restrict words, size_t blocks,
                         const void *law) {
    uint8_t *const restrict out = to;
    const uint32_t last = *(const uint32_t *)law;
    (void)blocks;
    for (size_t lane = 0; lane < BLOCKS; ++lane) {
        out[4 * lane] = words->word[0][lane] <= last;
        out[4 * lane + 1] = words->word[1][lane] <= last;
        out[4 * lane + 2] = words->word[2][lane] <= last;
        out[4 * lane + 3] = words->word[3][lane] <= last;
    }
}

void IC_FN(fill_mask)(uint8_t *out, const ic_runs *runs, const ic_stream *stream,
                      uint64_t threshold) {
    if (threshold == 0) {
        for (size_t r = 0; r < runs->count; ++r) {
            memset(out + (ptrdiff_t)r * runs->step, 0, runs->n);
        }
        return;
    }
    const uint32_t last = (uint32_t)(threshold - 1);
    _Alignas(64) char whole[4 * BLOCKS];
    fill_plain(out, 1, 4, whole, runs, stream, &last, mask_tile);
}
