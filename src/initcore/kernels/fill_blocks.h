/* Blocks of a stream by whole vectors, and the fills that consist of them, for AVX2 and AVX-512.
 *
 * A tile is LANES blocks: what they hold makes four vectors of words, and these 16 LANES bytes of
 * numbers. It takes a long chain of operations; so that two of them are under way at any time, the
 * words of a tile are made while the numbers of the one before are. */
#ifndef INITCORE_KERNELS_FILL_BLOCKS_H
#define INITCORE_KERNELS_FILL_BLOCKS_H

#include <string.h>

#include "initcore/kernels/fill_lanes.h"
#include "initcore/philox.h"
#include "initcore/stream.h"

enum { PART = LANES / 4, TILE_BYTES = 16 * LANES };

/* Philox of consecutive blocks, whose counters differ in c0 alone: what the first three rounds
 * make of c1, c2 and c3 is worked out once. */
typedef struct block_run {
    vu64 product[2]; /* M0 c0 of the blocks in even and in odd lanes */
    uint32_t c2_first, c0_second, c2_second, c2_third;
    uint32_t key[2][IC_PHILOX_ROUNDS];
} block_run;

IC_LANES_INLINE uint32_t high_word(uint64_t x) {
    return (uint32_t)(x >> 32);
}

/* Lane i of `even` is block (i mod 2) PART + i / 2, and `odd` is 2 PART further on: the order that
 * the interleaving at the end of a tile turns into the natural one. */
IC_LANES_INLINE void begin_run(block_run *run, uint64_t block, const ic_stream *stream) {
    vu64 even;
    for (unsigned i = 0; i < LANES / 2; ++i) {
        even[i] = i % 2 * PART + i / 2;
    }
    const uint32_t low = (uint32_t)block;
    run->product[0] = multiply(even + low, all_wides(IC_PHILOX_M0));
    run->product[1] = multiply(even + low + 2 * PART, all_wides(IC_PHILOX_M0));
    for (unsigned round = 0; round < IC_PHILOX_ROUNDS; ++round) {
        run->key[0][round] = stream->key[0] + round * IC_PHILOX_W0;
        run->key[1][round] = stream->key[1] + round * IC_PHILOX_W1;
    }
    const uint64_t p1 = (uint64_t)IC_PHILOX_M1 * stream->id[0];
    const uint32_t c0 = high_word(p1) ^ high_word(block) ^ run->key[0][0];
    const uint64_t p0 = (uint64_t)IC_PHILOX_M0 * c0;
    run->c2_first = stream->id[1] ^ run->key[1][0];
    run->c0_second = (uint32_t)p1 ^ run->key[0][1];
    run->c2_second = high_word(p0) ^ run->key[1][1];
    run->c2_third = (uint32_t)p0 ^ run->key[1][2];
}

typedef struct counters {
    vu64 c[4];
} counters;

/* The first three rounds; moves on to the next tile. */
IC_LANES_INLINE counters three_rounds(block_run *run, int odd) {
    const vu64 m0 = all_wides(IC_PHILOX_M0), m1 = all_wides(IC_PHILOX_M1);
    const vu64 first = run->product[odd];
    run->product[odd] = first + (uint64_t)LANES * IC_PHILOX_M0;
    const vu64 second = multiply((first >> 32) ^ (vu64)all_words(run->c2_first), m1);
    const vu64 p0 = multiply((second >> 32) ^ (vu64)all_words(run->c0_second), m0);
    const vu64 p1 = multiply(first ^ (vu64)all_words(run->c2_second), m1);
    return (counters){{xor3(p1 >> 32, second, (vu64)all_words(run->key[0][2])), p1,
                       (p0 >> 32) ^ (vu64)all_words(run->c2_third), p0}};
}

IC_LANES_INLINE counters one_round(counters x, const block_run *run, int round) {
    const vu64 p0 = multiply(x.c[0], all_wides(IC_PHILOX_M0));
    const vu64 p1 = multiply(x.c[2], all_wides(IC_PHILOX_M1));
    return (counters){{xor3(p1 >> 32, x.c[1], (vu64)all_words(run->key[0][round])), p1,
                       xor3(p0 >> 32, x.c[3], (vu64)all_words(run->key[1][round])), p0}};
}

/* The blocks before their last round. */
IC_LANES_INLINE counters nine_rounds(block_run *run, int odd) {
    counters x = three_rounds(run, odd);
    for (int round = 3; round < IC_PHILOX_ROUNDS - 1; ++round) {
        x = one_round(x, run, round);
    }
    return x;
}

/* The next tile of a run: its words, and its numbers from them. */
typedef void (*word_maker)(vu64 w[4], block_run *run);
typedef void (*tile_maker)(void *out, const vu64 w[4], const void *law);

/* Consecutive elements among whose blocks c0 does not pass 2^32. */
typedef struct part {
    char *to;
    uint64_t block;
    size_t skip, rest; /* bytes of the first block that come before, and bytes to write */
    size_t left;       /* bytes of the run behind this part */
} part;

IC_LANES_INLINE void begin_part(part *p, uint64_t block, size_t skip, size_t bytes) {
    const uint64_t room = ((UINT64_C(1) << 32) - (uint32_t)block) * 16 - skip;
    p->block = block;
    p->skip = skip;
    p->rest = bytes < room ? bytes : (size_t)room;
    p->left = bytes - p->rest;
}

/* On to what follows a part that is written; 0 if that was the last. */
IC_LANES_INLINE int next_part(part *p, size_t *run, void *out, unsigned per_block,
                              const ic_runs *runs) {
    if (p->left > 0) {
        begin_part(p, (p->block | UINT32_MAX) + 1, 0, p->left);
        return 1;
    }
    if (*run == runs->count) {
        return 0;
    }
    const size_t item = 16 / per_block;
    const uint64_t first = runs->first + *run * runs->index;
    p->to = (char *)out + (ptrdiff_t)*run * runs->step;
    begin_part(p, first / per_block, (size_t)(first % per_block) * item, runs->n * item);
    ++*run;
    return 1;
}

/* The elements of `runs`, of which each block holds `per_block`. A tile that the beginning or the
 * end of a run cuts goes through a buffer; where c0 passes 2^32 begins a part of its own. The first
 * words of a part are made while the last numbers of the one before are, if that ends with a whole
 * tile. */
IC_LANES_INLINE void fill_by_tiles(void *out, unsigned per_block, const ic_runs *runs,
                                   const ic_stream *stream, const void *law, word_maker next,
                                   tile_maker make) {
    part p = {.left = 0};
    size_t run = 0;
    if (runs->n == 0 || !next_part(&p, &run, out, per_block, runs)) {
        return;
    }
    block_run blocks;
    begin_run(&blocks, p.block, stream);
    vu64 w[4];
    next(w, &blocks);
    for (;;) {
        vu64 ahead[4];
        if (p.skip == 0) {
            for (; p.rest > TILE_BYTES; p.to += TILE_BYTES, p.rest -= TILE_BYTES) {
                next(ahead, &blocks);
                make(p.to, w, law);
                w[0] = ahead[0], w[1] = ahead[1], w[2] = ahead[2], w[3] = ahead[3];
            }
            if (p.rest == TILE_BYTES) {
                char *const to = p.to;
                p.to += TILE_BYTES;
                if (!next_part(&p, &run, out, per_block, runs)) {
                    make(to, w, law);
                    return;
                }
                begin_run(&blocks, p.block, stream);
                next(ahead, &blocks);
                make(to, w, law);
                w[0] = ahead[0], w[1] = ahead[1], w[2] = ahead[2], w[3] = ahead[3];
                continue;
            }
        }
        _Alignas(64) char whole[TILE_BYTES];
        make(whole, w, law);
        const size_t some = p.rest < TILE_BYTES - p.skip ? p.rest : TILE_BYTES - p.skip;
        memcpy(p.to, whole + p.skip, some);
        p.to += some;
        p.rest -= some;
        p.skip = 0;
        if (p.rest == 0) {
            if (!next_part(&p, &run, out, per_block, runs)) {
                return;
            }
            begin_run(&blocks, p.block, stream);
        }
        next(w, &blocks);
    }
}

#endif
