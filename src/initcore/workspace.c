#include "initcore/workspace.h"

#include <pthread.h>
#include <stdlib.h>

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

static void *grow(ic_workspace *w, size_t bytes) {
    if (bytes > w->bytes) {
        free(w->memory);
        w->memory = aligned_alloc(64, bytes);
        w->bytes = w->memory == NULL ? 0 : bytes;
    }
    return w->memory;
}

void *ic_workspace_take(size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (lent != NULL)
        return grow(lent, bytes);
    if (bytes <= mine.bytes)
        return mine.memory;
    pthread_once(&once, make_key);
    if (bytes > IC_WORKSPACE_KEPT || !have_key)
        return aligned_alloc(64, bytes);
    grow(&mine, bytes);
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
