/* Philox4x32-10: (counter, key) -> 4 words, a pure function.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. */
#ifndef INITCORE_PHILOX_H
#define INITCORE_PHILOX_H

#include "initcore/base.h"

enum { IC_PHILOX_ROUNDS = 10 };
#define IC_PHILOX_M0 UINT32_C(0xD2511F53)
#define IC_PHILOX_M1 UINT32_C(0xCD9E8D57)
#define IC_PHILOX_W0 UINT32_C(0x9E3779B9) /* golden ratio */
#define IC_PHILOX_W1 UINT32_C(0xBB67AE85) /* sqrt(3) - 1 */

static inline void ic_philox4x32(uint32_t words[4], const uint32_t counter[4],
                                 const uint32_t key[2]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < IC_PHILOX_ROUNDS; ++round) {
        const uint64_t p0 = (uint64_t)IC_PHILOX_M0 * c0;
        const uint64_t p1 = (uint64_t)IC_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += IC_PHILOX_W0;
        k1 += IC_PHILOX_W1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

#endif
