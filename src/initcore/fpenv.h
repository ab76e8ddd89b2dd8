/* The floating-point environment kernels run in: round to nearest, subnormals kept.
 *
 * Some libraries, built with -ffast-math, leave flush-to-zero set in the whole process; these
 * two calls keep that from changing a byte, and give the caller its setting back. */
#ifndef INITCORE_FPENV_H
#define INITCORE_FPENV_H

#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
typedef unsigned int ic_fpenv;
#define IC_MXCSR_DEFAULT 0x1F80u /* all exceptions masked, round to nearest, no FTZ, no DAZ */

static inline ic_fpenv ic_fpenv_enter(void) {
    const ic_fpenv saved = _mm_getcsr();
    _mm_setcsr(IC_MXCSR_DEFAULT);
    return saved;
}

static inline void ic_fpenv_leave(ic_fpenv saved) {
    _mm_setcsr(saved);
}
#elif defined(__aarch64__)
typedef uint64_t ic_fpenv;

static inline ic_fpenv ic_fpenv_enter(void) {
    ic_fpenv saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return saved;
}

static inline void ic_fpenv_leave(ic_fpenv saved) {
    __asm__ volatile("msr fpcr, %0" : : "r"(saved));
}
#else
#include <fenv.h>
typedef fenv_t ic_fpenv;

static inline ic_fpenv ic_fpenv_enter(void) {
    ic_fpenv saved;
    feholdexcept(&saved);
    fesetround(FE_TONEAREST);
    return saved;
}

static inline void ic_fpenv_leave(ic_fpenv saved) {
    fesetenv(&saved);
}
#endif

#endif
