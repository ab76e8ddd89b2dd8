#include "initcore/cpu.h"

#include <string.h>

#include "initcore/build_facts.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* __builtin_cpu_supports of older Clang and GCC does not know it. */
static int has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

/* How each feature is asked for by whose flag CMakeLists.txt compiles a set; of a flag that it adds
 * there the line is missing here, and this file does not compile. Those of AVX are only there if
 * the operating system saves their registers, too; f16c alone is never asked for. */
#define IC_HAS_avx2 __builtin_cpu_supports("avx2")
#define IC_HAS_fma __builtin_cpu_supports("fma")
#define IC_HAS_f16c has_f16c()
#define IC_HAS_bmi __builtin_cpu_supports("bmi")
#define IC_HAS_bmi2 __builtin_cpu_supports("bmi2")
#define IC_HAS_avx512f __builtin_cpu_supports("avx512f")
#define IC_HAS_avx512bw __builtin_cpu_supports("avx512bw")
#define IC_HAS_avx512dq __builtin_cpu_supports("avx512dq")
#define IC_HAS_avx512vl __builtin_cpu_supports("avx512vl")
#define IC_FEATURE(name) &&IC_HAS_##name

static int has_avx2(void) {
    return 1 IC_FEATURES_AVX2;
}

static int has_avx512(void) {
    return 1 IC_FEATURES_AVX512;
}
#endif

int ic_cpu_has(const char *isa) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx512") == 0) {
        return has_avx512();
    }
    if (strcmp(isa, "avx2") == 0) {
        return has_avx2();
    }
#elif defined(__aarch64__)
    if (strcmp(isa, "neon") == 0) {
        return 1; /* part of the base architecture */
    }
#endif
    return strcmp(isa, "baseline") == 0;
}
