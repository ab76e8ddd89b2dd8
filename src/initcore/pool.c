#include "initcore/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "initcore/cpus.h"
#include "initcore/fpenv.h"

/* One job at a time. The owner publishes it under the lock and wakes the workers; each worker
 * that joins counts itself in `joined` and claims pieces until none is left. The owner claims
 * too, then closes the job and waits until every worker that joined has left.
 *
 * Jobs often follow one another within microseconds, and to put a thread to sleep and wake it takes
 * longer than many of them. So whoever waits looks for a while before it sleeps. */
typedef struct job {
    ic_task task;
    void *context;
    size_t pieces;
    double end;         /* when the owner stops the claiming, on the clock of `now` */
    size_t reached;     /* the first piece that nobody will claim */
    atomic_size_t next; /* the first piece nobody has claimed */
} job;

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER; /* held while a job runs */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  /* guards all below */
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static pthread_once_t registered = PTHREAD_ONCE_INIT;
static job *current;       /* the open job, NULL between jobs */
static int seats;          /* how many more workers may join it */
static atomic_uint posted; /* jobs so far; read without the lock */
static atomic_uint joined; /* workers inside the job; read without the lock */
static atomic_int looking; /* workers that look for a job; read without the lock */
static int workers;        /* threads created */
static int patient;        /* whether there is a CPU for each thread that looks */

static atomic_int configured; /* 0: not set yet */
static _Thread_local int override;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void rest(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#define PATIENCE 50e-6 /* seconds: about what it takes to wake a thread */

/* Called with the lock held, which it gives back and takes again: waits until the count is not, or
 * is, the value, or patience is over. */
static void look(atomic_uint *count, unsigned value, int until_equal) {
    if (!patient) {
        return;
    }
    pthread_mutex_unlock(&lock);
    const double end = now() + PATIENCE;
    do {
        for (int i = 0; i < 16; i++) {
            if ((atomic_load_explicit(count, memory_order_acquire) == value) == until_equal) {
                break;
            }
            rest();
        }
    } while ((atomic_load_explicit(count, memory_order_acquire) == value) != until_equal &&
             now() < end);
    pthread_mutex_lock(&lock);
}

static void claim(job *work) {
    for (;;) {
        const size_t piece = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (piece >= work->pieces) {
            return;
        }
        work->task(work->context, piece);
    }
}

/* The owner's way to claim: no piece is left to anybody once its time is over. */
static void claim_in_time(job *work) {
    work->reached = work->pieces;
    for (;;) {
        const size_t piece = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (piece >= work->pieces) {
            return;
        }
        work->task(work->context, piece);
        if (work->end < IC_POOL_TO_THE_END && now() >= work->end) {
            const size_t next =
                atomic_exchange_explicit(&work->next, work->pieces, memory_order_relaxed);
            work->reached = next < work->pieces ? next : work->pieces;
            return;
        }
    }
}

static void *worker(void *unused) {
    (void)unused;
    (void)ic_fpenv_enter();
    pthread_mutex_lock(&lock);
    for (;;) {
        if (current == NULL) {
            atomic_fetch_add_explicit(&looking, 1, memory_order_relaxed);
            look(&posted, atomic_load_explicit(&posted, memory_order_relaxed), 0);
            atomic_fetch_sub_explicit(&looking, 1, memory_order_relaxed);
        }
        while (current == NULL || seats == 0) {
            pthread_cond_wait(&wake, &lock);
        }
        job *work = current;
        --seats;
        atomic_fetch_add_explicit(&joined, 1, memory_order_relaxed);
        pthread_mutex_unlock(&lock);
        claim(work);
        pthread_mutex_lock(&lock);
        if (atomic_fetch_sub_explicit(&joined, 1, memory_order_release) == 1) {
            pthread_cond_signal(&left);
        }
    }
    return NULL;
}

/* fork() takes along only the calling thread: the child starts with no workers, and with the
 * locks free whatever other threads of the parent were doing. */
static void before_fork(void) {
    pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void) {
    pthread_mutex_init(&owner, NULL);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&wake, NULL);
    pthread_cond_init(&left, NULL);
    current = NULL;
    seats = workers = 0;
    atomic_store_explicit(&joined, 0, memory_order_relaxed);
    atomic_store_explicit(&looking, 0, memory_order_relaxed);
}

static void register_fork(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Called with the lock held. Where threads cannot be had, fewer serve. */
static void grow(int wanted) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (workers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, worker, NULL) != 0) {
            break;
        }
        ++workers;
        patient = workers < ic_cpus_usable();
    }
    pthread_attr_destroy(&attributes);
}

static void run_together(job *work, int helpers) {
    pthread_once(&registered, register_fork);

    pthread_mutex_lock(&lock);
    grow(helpers);
    current = work;
    seats = helpers;
    atomic_fetch_add_explicit(&posted, 1, memory_order_release);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);

    claim_in_time(work);

    pthread_mutex_lock(&lock);
    current = NULL;
    seats = 0;
    if (atomic_load_explicit(&joined, memory_order_acquire) > 0) {
        look(&joined, 0, 1);
    }
    while (atomic_load_explicit(&joined, memory_order_acquire) > 0) {
        pthread_cond_wait(&left, &lock);
    }
    pthread_mutex_unlock(&lock);
}

size_t ic_pool_from(size_t first, size_t pieces, ic_task task, void *context, int threads,
                    double seconds) {
    if (first >= pieces) {
        return pieces;
    }
    const size_t most = pieces - first - 1;
    const int helpers = (size_t)(threads - 1) < most ? threads - 1 : (int)most;
    const int timed = most > 0 && seconds < IC_POOL_TO_THE_END;
    job work = {.task = task,
                .context = context,
                .pieces = pieces,
                .end = timed ? now() + seconds : IC_POOL_TO_THE_END};
    atomic_init(&work.next, first);
    const ic_fpenv saved = ic_fpenv_enter();
    if (helpers == 0 && !timed) { /* nobody to share with: no counting */
        for (size_t piece = first; piece < pieces; piece++) {
            task(context, piece);
        }
        work.reached = pieces;
    } else if (helpers > 0 && pthread_mutex_trylock(&owner) == 0) {
        run_together(&work, helpers);
        pthread_mutex_unlock(&owner);
    } else {
        claim_in_time(&work);
    }
    ic_fpenv_leave(saved);
    return work.reached;
}

void ic_pool_for(size_t pieces, ic_task task, void *context, int threads) {
    (void)ic_pool_from(0, pieces, task, context, threads, IC_POOL_TO_THE_END);
}

int ic_pool_awake(void) {
    return atomic_load_explicit(&looking, memory_order_relaxed) > 0;
}

static int clamp_threads(long threads) {
    return threads < 1 ? 1 : threads > IC_MAX_THREADS ? IC_MAX_THREADS : (int)threads;
}

int ic_threads(void) {
    if (override > 0) {
        return override;
    }
    int threads = atomic_load_explicit(&configured, memory_order_relaxed);
    if (threads == 0) {
        const char *wanted = getenv("INITCORE_NUM_THREADS");
        const long parsed = wanted != NULL ? strtol(wanted, NULL, 10) : 0;
        threads = clamp_threads(parsed > 0 ? parsed : ic_cpus_usable());
        atomic_store_explicit(&configured, threads, memory_order_relaxed);
    }
    return threads;
}

void ic_threads_set(int threads) {
    atomic_store_explicit(&configured, clamp_threads(threads), memory_order_relaxed);
}

int ic_threads_override(int threads) {
    const int before = override;
    override = threads <= 0 ? 0 : clamp_threads(threads);
    return before;
}
