/* Which variant of the kernels runs: chosen once, at the first kernel call. */
#ifndef INITCORE_DISPATCH_H
#define INITCORE_DISPATCH_H

#include "initcore/kernels/kernels.h"

/* The built variants, slowest first; NULL past the last. */
const char *ic_isa_built(size_t index);

/* The table in use. The first call chooses: INITCORE_ISA if set, else the last of the built
 * variants that the CPU has. NULL when INITCORE_ISA names something else. */
const ic_kernels *ic_kernels_in_use(void);

/* Use this variant from now on; 0 if it was not built or the CPU does not have it. */
int ic_select_isa(const char *isa);

#endif
