/* Gathers the kernels of one instruction set into its table, ic_table_<isa>. */
#include "initcore/kernels/kernels.h"

#define IC_TEXT_(x) #x
#define IC_TEXT(x) IC_TEXT_(x)

extern const ic_kernels IC_FN(table);
const ic_kernels IC_FN(table) = {
    .isa = IC_TEXT(IC_ISA),
#define IC_KERNEL(name, parameters) .name = IC_FN(name),
#include "initcore/kernels/kernels.def"
#undef IC_KERNEL
};
