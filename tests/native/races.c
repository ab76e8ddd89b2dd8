/* Several threads fill arrays at once, each through the pool, and meanwhile the process forks and
 * its children fill, too: for ThreadSanitizer. Exits with 1 if two of them disagree on a byte. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "initcore/fill.h"
#include "initcore/pool.h"

enum { CALLERS = 4, ROUNDS = 20, FORKS = 5, N = 1 << 20 };

static float data[CALLERS][N], expected[N];

static void *caller(void *out) {
    const int64_t shape = N, step = sizeof(float), index = 1;
    const ic_fill_target target = {
        .data = out, .dimensions = 1, .shape = &shape, .step = &step, .index = &index};
    const ic_stream stream = {{1, 2}, {3, 4}};
    ic_fill_law law;
    ic_fill_law_uniform(&law, 0, 0, 1);
    for (int round = 0; round < ROUNDS; ++round) {
        const double seconds =
            round % 2 == 0 ? 1e-4 : IC_POOL_TO_THE_END; /* in parts, or at once */
        size_t piece = 0;
        while (piece != IC_FILL_DONE) {
            piece = ic_fill_from(piece, &target, &stream, &law, seconds);
        }
    }
    return NULL;
}

/* 0 if a child, forked while other threads fill, starts threads of its own and fills alike. */
static int fork_and_fill(void) {
    const pid_t child = fork();
    if (child == 0) {
        static float own[N];
        caller(own);
        _exit(memcmp(own, expected, sizeof own) != 0);
    }
    int status = 1;
    return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

int main(void) {
    pthread_t threads[CALLERS];
    ic_threads_set(4);
    caller(expected);
    for (int i = 0; i < CALLERS; ++i) {
        if (pthread_create(&threads[i], NULL, caller, data[i]) != 0) {
            return 2;
        }
    }
    int failed = 0;
    for (int i = 0; i < FORKS; ++i) {
        failed += fork_and_fill();
    }
    for (int i = 0; i < CALLERS; ++i) {
        pthread_join(threads[i], NULL);
    }
    if (failed > 0) {
        fprintf(stderr, "races: %d of %d forked children failed\n", failed, FORKS);
        return 1;
    }
    for (int i = 0; i < CALLERS; ++i) {
        if (memcmp(expected, data[i], sizeof expected) != 0) {
            fputs("races: two callers disagree\n", stderr);
            return 1;
        }
    }
    return 0;
}
