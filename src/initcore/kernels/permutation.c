/* The swap-or-not shuffle on 0 .. n - 1, for as many columns at once as fill the vectors.
 *
 * Source: Hoang, Morris, Rogaway, "An enciphering scheme based on a card shuffle", CRYPTO 2012. */
#include "initcore/kernels/kernels.h"

enum { ROUNDS = IC_PERMUTATION_ROUNDS, COLUMNS = IC_PERMUTATION_COLUMNS };

/* Round q of column c has block ROUNDS c + q of the stream. */
void IC_FN(permutation_keys)(ic_permutation_keys *keys, const uint64_t *columns, uint32_t n,
                             const ic_stream *stream) {
    const uint32_t id0 = stream->id[0], id1 = stream->id[1];
    const uint32_t key[2] = {stream->key[0], stream->key[1]};
    for (uint64_t round = 0; round < ROUNDS; ++round) {
        for (size_t lane = 0; lane < COLUMNS; ++lane) {
            const uint64_t block = columns[lane] * ROUNDS + round;
            const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), id0, id1};
            uint32_t words[4];
            ic_philox4x32(words, counter, key);
            keys->sum[round][lane] = (uint32_t)((uint64_t)words[0] * n >> 32);
            keys->factor[round][lane] = words[1];
            keys->offset[round][lane] = words[2];
        }
    }
}

/* places[c] = where column c's permutation puts the row; 0 <= row < n < 2^31. */
void IC_FN(permutation_places)(uint32_t *places, const ic_permutation_keys *keys, uint32_t row,
                               uint32_t n) {
    uint32_t x[COLUMNS];
    for (size_t lane = 0; lane < COLUMNS; ++lane) {
        x[lane] = row;
    }
    for (size_t round = 0; round < ROUNDS; ++round) {
        for (size_t lane = 0; lane < COLUMNS; ++lane) {
            const uint32_t apart = keys->sum[round][lane] - x[lane];
            /* below 0 it is above 2^31 as an unsigned number, and adding n makes it less */
            const uint32_t partner = apart < apart + n ? apart : apart + n;
            const uint32_t larger = partner > x[lane] ? partner : x[lane];
            const uint32_t coin = keys->factor[round][lane] * larger + keys->offset[round][lane];
            x[lane] = coin >> 31 ? partner : x[lane];
        }
    }
    for (size_t lane = 0; lane < COLUMNS; ++lane) {
        places[lane] = x[lane];
    }
}
