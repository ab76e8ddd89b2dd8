/* Counts the bytes that a process asks the C library for: preloaded by tests/allocated.py.
 * malloc of glibc calls none of these itself, so nothing is counted twice. */
#include <stdatomic.h>
#include <stddef.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_size_t asked;

size_t allocated_bytes(void);

size_t allocated_bytes(void) {
    return atomic_load(&asked);
}

void *malloc(size_t bytes) {
    atomic_fetch_add(&asked, bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    atomic_fetch_add(&asked, count * bytes);
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes) {
    atomic_fetch_add(&asked, bytes);
    return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    atomic_fetch_add(&asked, bytes);
    return __libc_memalign(alignment, bytes);
}
