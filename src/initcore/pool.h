/* The threads: a small pool of our own, created when first needed.
 *
 * No OpenMP: its runtime hangs in a forked child and multiplies beside other libraries' copies. */
#ifndef INITCORE_POOL_H
#define INITCORE_POOL_H

#include <stddef.h>

enum { IC_MAX_THREADS = 256 };

typedef void (*ic_task)(void *context, size_t piece);

/* Runs task(context, piece) once for every piece in 0 .. pieces - 1 and returns when all are
 * done. The caller works too; pieces are claimed one at a time, so a helper that the system
 * does not schedule holds nothing up. With threads <= 1, or while another Python thread uses
 * the pool, the caller does every piece itself. Every piece runs in the floating-point
 * environment of fpenv.h. A task must not call ic_pool_for. */
void ic_pool_for(size_t pieces, ic_task task, void *context, int threads);

#define IC_POOL_TO_THE_END 1e300
/* The same for pieces first .. pieces - 1, but none is begun once so many seconds have passed.
 * Returns the first piece that was not run; all before it are done, and none after it is begun. */
size_t ic_pool_from(size_t first, size_t pieces, ic_task task, void *context, int threads,
                    double seconds);

/* From here on this thread's jobs ask, about 20 times a second and between two pieces, whether the
 * call should end. Once the answer is not 0 no further piece is begun, in no job of this thread,
 * until ic_pool_watched, which ends the watch and returns whether that was so. */
typedef int (*ic_ask)(void);
void ic_pool_watch(ic_ask ask);
int ic_pool_stopped(void);
int ic_pool_watched(void);

/* Whether a helper is awake and looks for work: less work is worth sharing then. */
int ic_pool_awake(void);

/* How many threads a call from this thread may use: the innermost ic_threads_override of this
 * thread, else what ic_threads_set set, else INITCORE_NUM_THREADS, else ic_cpus_usable. */
int ic_threads(void);
/* 0: INITCORE_NUM_THREADS is to say so and is no whole number from 1 to IC_MAX_THREADS; ic_threads
 * then goes by ic_cpus_usable. */
int ic_threads_known(void);
void ic_threads_set(int threads);
/* For this thread alone; 0 takes the override away. Returns the one before. */
int ic_threads_override(int threads);

#endif
