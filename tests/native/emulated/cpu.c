/* Says that this CPU has AVX-512, whose kernels were compiled from emulated intrinsics. Linked with
 * --wrap=ic_cpu_has. */
#include <string.h>

int __real_ic_cpu_has(const char *isa);
int __wrap_ic_cpu_has(const char *isa);

int __wrap_ic_cpu_has(const char *isa) {
    return strcmp(isa, "avx512") == 0 || __real_ic_cpu_has(isa);
}
