/* Reflectors, and what joins a block of them. */
#include <math.h>

#include "initcore/kernels/kernels.h"
#include "initcore/simd.h"

#define IC_BITS 32
#include "initcore/typed.h"
#include "initcore/kernels/reflector_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/typed.h"
#include "initcore/kernels/reflector_body.h"

/* out (b, b) = -R^-1, R the upper triangle of s (b, b) with 1 / tau on its diagonal:
 * H_0 H_1 ... H_{b-1} = I + U^T out U where the rows of U are the u, and s = U U^T. */
void IC_FN(reflectors_joined)(double *out, const double *s, const double *tau, size_t b) {
    for (size_t i = b; i-- > 0;) {
        double *const row = out + i * b;
        for (size_t j = 0; j < b; j++) {
            row[j] = j == i ? -1.0 : 0.0;
        }
        for (size_t k = i + 1; k < b; k++) {
            const ic_vf64 factor = ic_f64_set(-s[i * b + k]);
            const double *const below = out + k * b;
            for (size_t j = k / IC_F64_LANES * IC_F64_LANES; j < b; j += IC_F64_LANES) {
                const size_t left = b - j;
                if (left >= IC_F64_LANES) {
                    ic_f64_store(row + j,
                                 ic_f64_fma(factor, ic_f64_load(below + j), ic_f64_load(row + j)));
                } else {
                    ic_f64_store_n(row + j,
                                   ic_f64_fma(factor, ic_f64_load_n(below + j, left),
                                              ic_f64_load_n(row + j, left)),
                                   left);
                }
            }
        }
        for (size_t j = i; j < b; j++) {
            row[j] = row[j] * tau[i];
        }
    }
}
