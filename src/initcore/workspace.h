/* Memory for the length of one call: packed operands, intermediate gradients. */
#ifndef INITCORE_WORKSPACE_H
#define INITCORE_WORKSPACE_H

#include <stddef.h>

/* Up to this many bytes each thread keeps for its next call; they are freed when it ends. */
enum { IC_WORKSPACE_KEPT = 32 << 20 };

/* `bytes` of memory, 64-byte aligned, for this thread; NULL when there is none. At most one
 * workspace is taken at a time. */
void *ic_workspace_take(size_t bytes);
void ic_workspace_release(void *workspace);

/* Memory that outlives calls, for who makes many: it grows to what the largest needs. Begins as
 * zeros; its owner frees `memory`. */
typedef struct ic_workspace {
    void *memory;
    size_t bytes;
} ic_workspace;
/* Has this thread take from it, whatever the size, until it is lent another, or NULL. */
void ic_workspace_lend(ic_workspace *workspace);

/* While a call of this thread waits, others may be made: theirs is another workspace. */
typedef struct ic_workspace_aside {
    ic_workspace mine, *lent;
} ic_workspace_aside;
ic_workspace_aside ic_workspace_put_aside(void);
void ic_workspace_put_back(ic_workspace_aside aside);

#endif
