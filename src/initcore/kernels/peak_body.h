/* Fused multiply-adds and nothing else, for one type. */
#include "initcore/kernels/dense.h"
#include "initcore/simd.h"
#include "initcore/typed.h"

/* IC_PEAK_CHAINS independent chains of `steps` fmas, enough to hide their latency. `out` has room
 * for the IC_PEAK_CHAINS * 64 bytes they end as; *flops counts multiplications and additions. */
void IC_FN(TYPED(fma_chains))(void *out, double *flops, size_t steps) {
    real *const to = out;
    vreal sum[IC_PEAK_CHAINS];
    for (int i = 0; i < IC_PEAK_CHAINS; i++)
        sum[i] = V(load)(to + i * LANES);
    const vreal a = V(set)(to[0]);
    for (size_t step = 0; step < steps; step++)
        for (int i = 0; i < IC_PEAK_CHAINS; i++)
            sum[i] = V(fma)(a, sum[i], a);
    for (int i = 0; i < IC_PEAK_CHAINS; i++)
        V(store)(to + i * LANES, sum[i]);
    *flops = 2.0 * (double)steps * IC_PEAK_CHAINS * LANES;
}
