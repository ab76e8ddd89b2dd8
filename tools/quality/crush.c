/* Feeds words of streams to one part of a battery of TestU01: crush BATTERY ORDER PART.
 *
 *   stream      words 0, 1, ... of one stream
 *   reversed    the same, the bits of each word in reverse
 *   seeds       word 0 of one stream under the seeds 0, 1, ...
 *   streams     element 0 of 2^20 streams, then element 1 of them, ...; their ids come on standard
 *               input, 8 bytes each
 *   normals     float32 normal numbers of one stream through Phi: the upper 16 bits of two of them
 *               make a word (the lower ones are those of a float32, not of a uniform number)
 *
 * A part is one of the battery's numbered tests. Part k begins at word k 2^40, so that parts may
 * run in any order, on any machine, and no word is used twice. Prints a line for each statistic,
 * name, tab, p-value, and then how many words were used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <TestU01.h>

#include "initcore/philox.h"
#include "initcore/transforms.h"

static const uint64_t SEED = UINT64_C(0x0123456789ABCDEF), ID = UINT64_C(0xDEADBEEF0BADCAFE);
enum { STREAMS = 1 << 20, MOST_PARTS = 200 };
static uint64_t ids[STREAMS];
static uint64_t used;

static void block(uint32_t words[4], uint64_t index, uint64_t id, uint64_t seed) {
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)id,
                                 (uint32_t)(id >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    ic_philox4x32(words, counter, key);
}

static unsigned int of_stream(void) {
    static uint32_t words[4];
    if (used % 4 == 0) {
        block(words, used / 4, ID, SEED);
    }
    return words[used++ % 4];
}

static unsigned int of_stream_reversed(void) {
    uint32_t x = of_stream(), reversed = 0;
    for (int bit = 0; bit < 32; ++bit, x >>= 1) {
        reversed = reversed << 1 | (x & 1);
    }
    return reversed;
}

static unsigned int of_seeds(void) {
    uint32_t words[4];
    block(words, 0, ID, used++);
    return words[0];
}

static unsigned int of_streams(void) {
    uint32_t words[4];
    const uint64_t element = used / STREAMS;
    block(words, element / 4, ids[used % STREAMS], SEED);
    used++;
    return words[element % 4];
}

static uint32_t upper_bits_of_phi(float x) {
    const double tail = ic_normal_tail(x < 0 ? -(double)x : (double)x);
    const uint32_t bits = (uint32_t)((x < 0 ? tail : 1.0 - tail) * 65536.0);
    return bits < 65535 ? bits : 65535;
}

static unsigned int of_normals(void) {
    static float pairs[2][2];
    if (used % 2 == 0) {
        ic_normal_f32 law;
        uint32_t words[4];
        ic_normal_f32_prepare(&law, 0.0, 1.0);
        block(words, used / 2, ID, SEED);
        ic_normal_f32_pair(pairs[0], words[0], words[1], &law);
        ic_normal_f32_pair(pairs[1], words[2], words[3], &law);
    }
    const float *const pair = pairs[used++ % 2];
    return upper_bits_of_phi(pair[0]) << 16 | upper_bits_of_phi(pair[1]);
}

static const struct {
    const char *name;
    void (*run)(unif01_Gen *, int[]);
} BATTERIES[] = {{"SmallCrush", bbattery_RepeatSmallCrush},
                 {"Crush", bbattery_RepeatCrush},
                 {"BigCrush", bbattery_RepeatBigCrush}};

static const struct {
    const char *name;
    unsigned int (*next)(void);
} ORDERS[] = {{"stream", of_stream},
              {"reversed", of_stream_reversed},
              {"seeds", of_seeds},
              {"streams", of_streams},
              {"normals", of_normals}};

enum {
    BATTERY_COUNT = sizeof BATTERIES / sizeof BATTERIES[0],
    ORDER_COUNT = sizeof ORDERS / sizeof ORDERS[0],
};

int main(int count, char **arguments) {
    size_t battery = 0, order = 0;
    const long part = count == 4 ? strtol(arguments[3], NULL, 10) : 0;
    if (count == 4) {
        while (battery < BATTERY_COUNT && strcmp(BATTERIES[battery].name, arguments[1]) != 0) {
            ++battery;
        }
        while (order < ORDER_COUNT && strcmp(ORDERS[order].name, arguments[2]) != 0) {
            ++order;
        }
    }
    if (battery == BATTERY_COUNT || order == ORDER_COUNT || part < 1 || part >= MOST_PARTS) {
        fprintf(stderr, "usage: crush BATTERY ORDER PART\n");
        return 2;
    }
    if (ORDERS[order].next == of_streams && fread(ids, sizeof ids[0], STREAMS, stdin) != STREAMS) {
        fprintf(stderr, "standard input must hold %d stream ids\n", STREAMS);
        return 2;
    }
    /* the library's own report goes to standard error */
    FILE *const results = fdopen(dup(STDOUT_FILENO), "w");
    if (results == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        return 1;
    }
    const uint64_t start = (uint64_t)part << 40;
    used = start;
    int wanted[MOST_PARTS] = {0};
    wanted[part] = 1;
    unif01_Gen *const generator = unif01_CreateExternGenBits(arguments[2], ORDERS[order].next);
    swrite_Basic = FALSE;
    BATTERIES[battery].run(generator, wanted);
    unif01_DeleteExternGenBits(generator);
    for (int i = 0; i < bbattery_NTests; ++i) {
        fprintf(results, "%s\t%.6g\n", bbattery_TestNames[i], bbattery_pVal[i]);
    }
    fprintf(results, "words\t%llu\n", (unsigned long long)(used - start));
    return fclose(results) == 0 ? 0 : 1;
}
