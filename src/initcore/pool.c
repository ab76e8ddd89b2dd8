#include "initcore/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "initcore/cpus.h"
#include "initcore/fpenv.h"

/* One job at a time. The owner publishes it under the lock and wakes the workers; each worker
 * that joins counts itself in `joined` and claims pieces until none is left. The owner claims
 * too, then closes the job and waits until every worker that joined has left.
 *
 * Every thread begins with the pieces of its own share, each so many after the one before, and then
 * takes what is left of the others': when a job comes again, what a thread wrote is still in its
 * own cache, and yet nothing waits for a thread that the system does not schedule.
 *
 * Jobs often follow one another within microseconds, and to put a thread to sleep and wake it takes
 * longer than many of them. So whoever waits looks for a while before it sleeps. */
typedef struct share {
    _Alignas(64) atomic_size_t next; /* its first piece that nobody has claimed */
} share;

typedef struct job {
    ic_task task;
    void *context;
    size_t pieces;
    double end;     /* when the owner stops the claiming, on the clock of `now` */
    size_t reached; /* the first piece that nobody will claim */
    int shares;     /* 1 where the pieces have to be done in order */
    share *of;
} job;

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER; /* held while a job runs */
static share shares_together[IC_MAX_THREADS];             /* of its holder's job */
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

/* Of this thread: who is asked whether its call should end. */
typedef struct watch {
    ic_ask ask;  /* NULL: nobody */
    double next; /* when, on the clock of `now`; 0: not known yet */
    int begun;   /* whether a job was: the first one need not ask before its first piece */
    int stopped;
} watch;
static _Thread_local watch watching;

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

/* Takes the lock. It is held for a fraction of a microsecond, often by a thread that is just
 * letting others know; to sleep until it is free would take a hundred times as long. */
static void enter(void) {
    for (int i = 0; i < 64; i++) {
        if (pthread_mutex_trylock(&lock) == 0) {
            return;
        }
        rest();
    }
    pthread_mutex_lock(&lock);
}

#define PATIENCE 50e-6   /* seconds: about what it takes to wake a thread */
#define ASKED_EVERY 0.05 /* seconds, about: a person does not notice them */

/* Called with the lock held, which it gives back and takes again: waits until the count is not, or
 * is, the value, or patience is over. Returns whether it was worth the wait. */
static int look(atomic_uint *count, unsigned value, int until_equal) {
    if (!patient) {
        return 0;
    }
    pthread_mutex_unlock(&lock);
    const double end = now() + PATIENCE;
    int found;
    do {
        for (int i = 0; i < 16; i++) {
            found = (atomic_load_explicit(count, memory_order_acquire) == value) == until_equal;
            if (found) {
                break;
            }
            rest();
        }
    } while (!found && now() < end);
    enter();
    return found;
}

/* A piece for the thread with this share, or a number that is too large when none is left. */
static size_t next_piece(job *work, int own) {
    for (int i = 0; i < work->shares; i++) {
        atomic_size_t *const next = &work->of[(own + i) % work->shares].next;
        const size_t piece =
            atomic_fetch_add_explicit(next, (size_t)work->shares, memory_order_relaxed);
        if (piece < work->pieces) {
            return piece;
        }
    }
    return work->pieces;
}

/* Whether the call should end. What is asked may run other jobs, which nobody watches. */
static int is_stopped(void) {
    if (watching.ask == NULL || watching.stopped) {
        return watching.stopped;
    }
    const double time = now();
    if (time >= watching.next && watching.next > 0) {
        watch mine = watching;
        watching.ask = NULL;
        mine.stopped = mine.ask() != 0;
        mine.next = 0;
        watching = mine;
    }
    if (watching.next == 0) {
        watching.next = now() + ASKED_EVERY;
    }
    return watching.stopped;
}

static void claim_no_more(job *work) {
    for (int i = 0; i < work->shares; i++) {
        atomic_store_explicit(&work->of[i].next, work->pieces, memory_order_relaxed);
    }
}

static void claim(job *work, int own) {
    for (size_t piece; (piece = next_piece(work, own)) < work->pieces;) {
        work->task(work->context, piece);
    }
}

/* The owner's way to claim: no piece is left to anybody once its time is over. */
static void claim_in_time(job *work) {
    work->reached = work->pieces;
    for (size_t piece; (piece = next_piece(work, 0)) < work->pieces;) {
        work->task(work->context, piece);
        if (work->end < IC_POOL_TO_THE_END && now() >= work->end) {
            const size_t next =
                atomic_exchange_explicit(&work->of[0].next, work->pieces, memory_order_relaxed);
            work->reached = next < work->pieces ? next : work->pieces;
            return;
        }
        if (is_stopped()) {
            claim_no_more(work);
            return;
        }
    }
}

static void *worker(void *number) {
    (void)ic_fpenv_enter();
    enter();
    for (;;) {
        while (current == NULL || seats == 0) {
            const unsigned seen = atomic_load_explicit(&posted, memory_order_relaxed);
            atomic_fetch_add_explicit(&looking, 1, memory_order_relaxed);
            const int found = look(&posted, seen, 0);
            atomic_fetch_sub_explicit(&looking, 1, memory_order_relaxed);
            if (!found && atomic_load_explicit(&posted, memory_order_relaxed) == seen) {
                pthread_cond_wait(&wake, &lock);
            }
        }
        job *work = current;
        --seats;
        atomic_fetch_add_explicit(&joined, 1, memory_order_relaxed);
        pthread_mutex_unlock(&lock);
        claim(work, (int)((uintptr_t)number % (unsigned)work->shares));
        enter();
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
        void *const number = (void *)(uintptr_t)(workers + 1); /* the owner is 0 */
        if (pthread_create(&thread, &attributes, worker, number) != 0) {
            break;
        }
        ++workers;
        patient = workers < ic_cpus_usable();
    }
    pthread_attr_destroy(&attributes);
}

static void run_together(job *work, int helpers) {
    pthread_once(&registered, register_fork);

    enter();
    grow(helpers);
    current = work;
    seats = helpers;
    atomic_fetch_add_explicit(&posted, 1, memory_order_release);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);

    claim_in_time(work);

    enter();
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
    if (first >= pieces || (watching.begun && is_stopped())) {
        return pieces;
    }
    watching.begun = 1;
    const size_t most = pieces - first - 1;
    const int helpers = (size_t)(threads - 1) < most ? threads - 1 : (int)most;
    const int timed = most > 0 && seconds < IC_POOL_TO_THE_END;
    const int together = helpers > 0 && pthread_mutex_trylock(&owner) == 0;
    share alone;
    job work;
    work.task = task;
    work.context = context;
    work.pieces = pieces;
    work.end = timed ? now() + seconds : IC_POOL_TO_THE_END;
    work.shares = timed || !together ? 1 : helpers + 1;
    work.of = together ? shares_together : &alone;
    for (int i = 0; i < work.shares; i++) {
        atomic_init(&work.of[i].next, first + (size_t)i);
    }
    const ic_fpenv saved = ic_fpenv_enter();
    if (helpers == 0 && !timed) { /* nobody to share with: no counting */
        task(context, first);
        for (size_t piece = first + 1; piece < pieces && !is_stopped(); piece++) {
            task(context, piece);
        }
        work.reached = pieces;
    } else if (together) {
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

void ic_pool_watch(ic_ask ask) {
    watching = (watch){.ask = ask};
}

int ic_pool_stopped(void) {
    return watching.stopped;
}

int ic_pool_watched(void) {
    const int stopped = watching.stopped;
    watching = (watch){0};
    return stopped;
}

int ic_pool_awake(void) {
    return atomic_load_explicit(&looking, memory_order_relaxed) > 0;
}

static int clamp_threads(long threads) {
    return threads < 1 ? 1 : threads > IC_MAX_THREADS ? IC_MAX_THREADS : (int)threads;
}

/* What INITCORE_NUM_THREADS says: 0 where it is not set or empty, -1 where it is no whole number
 * from 1 to IC_MAX_THREADS. */
static int threads_wanted(void) {
    const char *const wanted = getenv("INITCORE_NUM_THREADS");
    if (wanted == NULL || wanted[0] == '\0') {
        return 0;
    }
    int number = 0;
    for (const char *digit = wanted; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9') {
            return -1;
        }
        number = 10 * number + (*digit - '0');
        if (number > IC_MAX_THREADS) {
            return -1;
        }
    }
    return number > 0 ? number : -1;
}

int ic_threads_known(void) {
    return atomic_load_explicit(&configured, memory_order_relaxed) > 0 || threads_wanted() >= 0;
}

int ic_threads(void) {
    if (override > 0) {
        return override;
    }
    int threads = atomic_load_explicit(&configured, memory_order_relaxed);
    if (threads == 0) {
        const int wanted = threads_wanted();
        threads = clamp_threads(wanted > 0 ? wanted : ic_cpus_usable());
        if (wanted >= 0) {
            atomic_store_explicit(&configured, threads, memory_order_relaxed);
        }
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
