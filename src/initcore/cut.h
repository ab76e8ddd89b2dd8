/* How drivers cut element-wise work into pieces, and how many threads it is worth. */
#ifndef INITCORE_CUT_H
#define INITCORE_CUT_H

#include <stddef.h>

#include "initcore/pool.h"
#include "initcore/sizes.h"

enum {
    ELEMENTS_PER_THREAD = 1 << 16, /* less is done before a second thread has woken up */
    AWAKE_SHARE = 4,               /* of such a bound, for a thread that is awake */
};

static inline size_t pieces_of(size_t n, size_t each) {
    return (n + each - 1) / each;
}

/* As many threads as the work feeds, at least 1, at most what the caller may use. */
static inline int threads_for(double work, double per_thread) {
    const int threads = ic_threads();
    if (threads == 1) {
        return 1;
    }
    const double most = work / (ic_pool_awake() ? per_thread / AWAKE_SHARE : per_thread);
    return most < 1 ? 1 : most < threads ? (int)most : threads;
}

#endif
