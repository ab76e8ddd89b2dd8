/* Blocks of a stream by whole vectors, and the fills that consist of them, for AVX2 and AVX-512.
 *
 * A tile is LANES blocks: what they hold makes four vectors of words, and these 16 LANES bytes of
 * numbers. */
#ifndef INITCORE_KERNELS_FILL_BLOCKS_H
#define INITCORE_KERNELS_FILL_BLOCKS_H

#include <string.h>

#include "initcore/kernels/fill_lanes.h"
#include "initcore/philox.h"
#include "initcore/stream.h"

enum { PART = LANES / 4, TILE_BYTES = 16 * LANES };

/* Philox of consecutive blocks, whose counters differ in c0 alone: what the first three rounds
 * make of c1, c2 and c3 is worked out once, and what does not depend on c1 once for a stream. */
typedef struct block_run {
    vu64 product[2];  /* M0 c0 of the blocks in even and in odd lanes */
    uint64_t advance; /* from one tile to the next */
    uint32_t c0_first, c2_first, c0_second, c2_second, c2_third;
    uint32_t key[2][IC_PHILOX_ROUNDS];
} block_run;

IC_LANES_INLINE uint32_t high_word(uint64_t x) {
    return (uint32_t)(x >> 32);
}

/* blocks: from one tile of a run to the next. */
IC_LANES_INLINE void begin_stream(block_run *run, const ic_stream *stream, uint64_t blocks) {
    run->advance = blocks * IC_PHILOX_M0;
    for (unsigned round = 0; round < IC_PHILOX_ROUNDS; ++round) {
        run->key[0][round] = stream->key[0] + round * IC_PHILOX_W0;
        run->key[1][round] = stream->key[1] + round * IC_PHILOX_W1;
    }
    const uint64_t p1 = (uint64_t)IC_PHILOX_M1 * stream->id[0];
    run->c0_first = high_word(p1) ^ run->key[0][0];
    run->c2_first = stream->id[1] ^ run->key[1][0];
    run->c0_second = (uint32_t)p1 ^ run->key[0][1];
}

IC_LANES_INLINE void set_c1(block_run *run, uint32_t c1) {
    const uint64_t p0 = (uint64_t)IC_PHILOX_M0 * (run->c0_first ^ c1);
    run->c2_second = high_word(p0) ^ run->key[1][1];
    run->c2_third = (uint32_t)p0 ^ run->key[1][2];
}

/* Lane i of `even` is block (i mod 2) PART + i / 2, and `odd` is 2 PART further on: the order that
 * the interleaving at the end of a tile turns into the natural one. */
IC_LANES_INLINE void begin_run(block_run *run, uint64_t block) {
    vu64 even;
    for (unsigned i = 0; i < LANES / 2; ++i) {
        even[i] = i % 2 * PART + i / 2;
    }
    const uint32_t low = (uint32_t)block;
    run->product[0] = multiply_words(even + low, all_wides(IC_PHILOX_M0));
    run->product[1] = multiply_words(even + low + 2 * PART, all_wides(IC_PHILOX_M0));
    set_c1(run, high_word(block));
}

typedef struct counters {
    vu64 c[4];
} counters;

/* The first three rounds; moves on to the next tile. */
IC_LANES_INLINE counters three_rounds(block_run *run, int odd) {
    const vu64 m0 = all_wides(IC_PHILOX_M0), m1 = all_wides(IC_PHILOX_M1);
    const vu64 first = run->product[odd];
    run->product[odd] = first + run->advance;
    const vu64 second = multiply_words((first >> 32) ^ (vu64)all_words(run->c2_first), m1);
    const vu64 p0 = multiply_words((second >> 32) ^ (vu64)all_words(run->c0_second), m0);
    const vu64 p1 = multiply_words(first ^ (vu64)all_words(run->c2_second), m1);
    return (counters){{xor3(p1 >> 32, second, (vu64)all_words(run->key[0][2])), p1,
                       (p0 >> 32) ^ (vu64)all_words(run->c2_third), p0}};
}

IC_LANES_INLINE counters one_round(counters x, const block_run *run, int round) {
    const vu64 p0 = multiply_words(x.c[0], all_wides(IC_PHILOX_M0));
    const vu64 p1 = multiply_words(x.c[2], all_wides(IC_PHILOX_M1));
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

/* The next tile of a run: its words; what is worked out of them before, its draft; and its numbers,
 * from the draft, or from the words where a law has none. */
enum { DRAFT = 8 };
typedef void (*word_maker)(vu64 w[4], block_run *run);
typedef void (*draft_maker)(vu64 draft[DRAFT], const vu64 w[4], const void *law);
typedef void (*number_maker)(vu64 x[4], const vu64 *from, const void *law);
/* Writes the numbers of consecutive blocks. */
typedef void (*tile_writer)(void *out, const vu64 x[4]);

typedef struct makers {
    word_maker words;
    draft_maker draft; /* may be NULL */
    number_maker numbers;
    tile_writer put;
} makers;

/* Tiles under way: a chain of operations is long, and so each tile is only one step on while the
 * one before is finished and the one behind begun. */
typedef struct tiles {
    vu64 words[4], draft[DRAFT];
} tiles;

IC_LANES_INLINE void copy_vectors(vu64 *to, const vu64 *from, int n) {
    for (int i = 0; i < n; ++i) {
        to[i] = from[i];
    }
}

/* The numbers of one tile; the others move up, the words of another behind them. */
IC_LANES_INLINE void advance_tiles(vu64 x[4], tiles *t, const vu64 words[4], const void *law,
                                   makers make) {
    if (make.draft != NULL) {
        vu64 draft[DRAFT];
        make.draft(draft, t->words, law);
        make.numbers(x, t->draft, law);
        copy_vectors(t->draft, draft, DRAFT);
    } else {
        make.numbers(x, t->words, law);
    }
    copy_vectors(t->words, words, 4);
}

/* Consecutive elements among whose blocks c0 does not pass 2^32. */
typedef struct part {
    char *to;
    uint64_t block;
    size_t skip, rest; /* bytes of the first block that come before, and bytes to write */
    size_t left;       /* bytes of the run behind this part */
    size_t runs;       /* that have begun */
} part;

IC_LANES_INLINE void begin_part(part *p, uint64_t block, size_t skip, size_t bytes) {
    const uint64_t room = ((UINT64_C(1) << 32) - (uint32_t)block) * 16 - skip;
    p->block = block;
    p->skip = skip;
    p->rest = bytes < room ? bytes : (size_t)room;
    p->left = bytes - p->rest;
}

/* On to what follows a part; 0 if that was the last. */
IC_LANES_INLINE int next_part(part *p, void *out, unsigned per_block, const ic_runs *runs) {
    if (p->left > 0) {
        begin_part(p, (p->block | UINT32_MAX) + 1, 0, p->left);
        return 1;
    }
    if (p->runs == runs->count) {
        return 0;
    }
    const size_t item = 16 / per_block;
    const uint64_t first = runs->first + p->runs * runs->index;
    p->to = (char *)out + (ptrdiff_t)p->runs * runs->step;
    begin_part(p, first / per_block, (size_t)(first % per_block) * item, runs->n * item);
    ++p->runs;
    return 1;
}

/* Where words are made, some tiles ahead of the numbers. */
typedef struct lead {
    part at;
    size_t tiles; /* of the part, for which words are still to be made */
    block_run blocks;
} lead;

IC_LANES_INLINE void begin_lead(lead *l) {
    begin_run(&l->blocks, l->at.block);
    l->tiles = (l->at.skip + l->at.rest + TILE_BYTES - 1) / TILE_BYTES;
}

/* Out of tiles: on to the next part. Behind the last one words go on, of which none is used. */
IC_LANES_INLINE void lead_on(lead *l, void *out, unsigned per_block, const ic_runs *runs) {
    if (next_part(&l->at, out, per_block, runs)) {
        begin_lead(l);
    } else {
        l->tiles = SIZE_MAX;
    }
}

/* The elements of `runs`, of which each block holds `per_block`. A tile that the beginning or the
 * end of a run cuts goes through a buffer; where c0 passes 2^32 begins a part of its own. */
IC_LANES_INLINE void fill_by_tiles(void *out, unsigned per_block, const ic_runs *runs,
                                   const ic_stream *stream, const void *law, makers make) {
    part here = {.left = 0};
    if (runs->n == 0 || !next_part(&here, out, per_block, runs)) {
        return;
    }
    lead ahead = {.at = here};
    begin_stream(&ahead.blocks, stream, LANES);
    begin_lead(&ahead);
    tiles t = {0};
    make.words(t.words, &ahead.blocks);
    --ahead.tiles;
    if (make.draft != NULL) {
        if (ahead.tiles == 0) {
            lead_on(&ahead, out, per_block, runs);
        }
        make.draft(t.draft, t.words, law);
        make.words(t.words, &ahead.blocks);
        --ahead.tiles;
    }
    _Alignas(64) char whole[TILE_BYTES];
    do {
        while (here.rest > 0) {
            if (ahead.tiles == 0) {
                lead_on(&ahead, out, per_block, runs);
            }
            const int cut = here.skip > 0 || here.rest < TILE_BYTES;
            size_t count = cut ? 1 : here.rest / TILE_BYTES;
            if (count > ahead.tiles) {
                count = ahead.tiles;
            }
            ahead.tiles -= count;
            char *to = cut ? whole : here.to;
            for (; count > 0; --count, to += TILE_BYTES) {
                vu64 words[4], x[4];
                make.words(words, &ahead.blocks);
                advance_tiles(x, &t, words, law, make);
                make.put(to, x);
            }
            if (!cut) {
                here.rest -= (size_t)(to - here.to);
                here.to = to;
                continue;
            }
            const size_t room = TILE_BYTES - here.skip;
            const size_t some = here.rest < room ? here.rest : room;
            memcpy(here.to, whole + here.skip, some);
            here.to += some;
            here.rest -= some;
            here.skip = 0;
        }
    } while (next_part(&here, out, per_block, runs));
}

#endif
