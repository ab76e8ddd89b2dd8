#include "initcore/workspace.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Thread_local ic_workspace mine, *lent;
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int have_key;

static void free_kept(void *memory) {
    free(memory);
}

static void make_key(void) {
    have_key = pthread_key_create(&at_thread_end, free_kept) == 0;
}

enum { HUGE_PAGE = 2 << 20 };

/* Packed operands are passed over again and again: in huge pages, where the system has them, they
 * need a handful of translations instead of thousands. */
static void *workspace_allocate(size_t bytes) {
    if (bytes < HUGE_PAGE)
        return aligned_alloc(64, bytes);
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *const memory = aligned_alloc(HUGE_PAGE, bytes);
#if defined(MADV_HUGEPAGE)
    if (memory != NULL)
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* advice: it may be ignored */
#endif
    return memory;
}

static void *workspace_grow(ic_workspace *w, size_t bytes) {
    if (bytes > w->bytes) {
        free(w->memory);
        w->memory = workspace_allocate(bytes);
        w->bytes = w->memory == NULL ? 0 : bytes;
    }
    return w->memory;
}

void *ic_workspace_take(size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (lent != NULL)
        return workspace_grow(lent, bytes);
    if (bytes <= mine.bytes)
        return mine.memory;
    pthread_once(&once, make_key);
    if (bytes > IC_WORKSPACE_KEPT || !have_key)
        return workspace_allocate(bytes);
    workspace_grow(&mine, bytes);
    if (pthread_setspecific(at_thread_end, mine.memory) != 0 && mine.memory != NULL) {
        void *const memory = mine.memory; /* cannot be freed at the end: free it after the call */
        mine = (ic_workspace){NULL, 0};
        return memory;
    }
    return mine.memory;
}

void ic_workspace_release(void *workspace) {
    if (lent == NULL && workspace != mine.memory)
        free(workspace);
}

void ic_workspace_lend(ic_workspace *workspace) {
    lent = workspace;
}

ic_workspace_aside ic_workspace_put_aside(void) {
    const ic_workspace_aside aside = {mine, lent};
    mine = (ic_workspace){NULL, 0};
    lent = NULL;
    return aside;
}

void ic_workspace_put_back(ic_workspace_aside aside) {
    free(mine.memory);
    mine = aside.mine;
    lent = aside.lent;
    if (mine.memory != NULL) {
        (void)pthread_setspecific(at_thread_end, mine.memory); /* the place is there already */
    }
}
