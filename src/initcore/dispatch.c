#include "initcore/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "initcore/build_facts.h"
#include "initcore/cpu.h"

#define IC_BUILT(isa) extern const ic_kernels IC_JOIN(table, isa);
IC_BUILT_ISAS
#undef IC_BUILT

#define IC_BUILT(isa) &IC_JOIN(table, isa),
static const ic_kernels *const variants[] = {IC_BUILT_ISAS};
#undef IC_BUILT

enum { VARIANTS = sizeof variants / sizeof variants[0] };

static _Atomic(const ic_kernels *) in_use;

const char *ic_isa_built(size_t index) {
    return index < VARIANTS ? variants[index]->isa : NULL;
}

static const ic_kernels *find_isa(const char *isa) {
    for (size_t i = 0; i < VARIANTS; ++i) {
        if (strcmp(variants[i]->isa, isa) == 0 && ic_cpu_has(isa)) {
            return variants[i];
        }
    }
    return NULL;
}

static const ic_kernels *best_isa(void) {
    for (size_t i = VARIANTS; i-- > 0;) {
        if (ic_cpu_has(variants[i]->isa)) {
            return variants[i];
        }
    }
    return NULL;
}

const ic_kernels *ic_kernels_in_use(void) {
    const ic_kernels *chosen = atomic_load_explicit(&in_use, memory_order_acquire);
    if (chosen == NULL) {
        const char *forced = getenv("INITCORE_ISA");
        chosen = (forced != NULL && forced[0] != '\0') ? find_isa(forced) : best_isa();
        atomic_store_explicit(&in_use, chosen, memory_order_release);
    }
    return chosen;
}

int ic_select_isa(const char *isa) {
    const ic_kernels *found = find_isa(isa);
    if (found != NULL) {
        atomic_store_explicit(&in_use, found, memory_order_release);
    }
    return found != NULL;
}
