#include "initcore/cpu.h"

#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
/* The names are tested one by one: older Clang does not know the levels "x86-64-v3", "-v4".
 * Each set also needs what the sets before it need; CMakeLists.txt has the same lists as flags. */
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
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
