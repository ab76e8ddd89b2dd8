/* The table of kernels: one function pointer per row of kernels.def. */
#ifndef INITCORE_KERNELS_H
#define INITCORE_KERNELS_H

#include "initcore/base.h"
#include "initcore/kernels/dense.h"
#include "initcore/kernels/layer.h"
#include "initcore/kernels/loss.h"
#include "initcore/kernels/permutation.h"
#include "initcore/kernels/reflector.h"
#include "initcore/kernels/step.h"
#include "initcore/laws.h"
#include "initcore/stream.h"

/* ic_kernel_<name>: the function type of a row for both element types. */
#define IC_KERNEL(name, parameters)
#define IC_KERNEL_BOTH(name, parameters) typedef void ic_kernel_##name parameters;
#include "initcore/kernels/kernels.def"
#undef IC_KERNEL

typedef struct ic_kernels {
    const char *isa;
#define IC_KERNEL(name, parameters) void(*name) parameters;
#include "initcore/kernels/kernels.def"
#undef IC_KERNEL
} ic_kernels;

/* In the sources of one instruction set: its own, so that each is held to its row. */
#if defined(IC_ISA)
#define IC_KERNEL(name, parameters) void IC_FN(name) parameters;
#include "initcore/kernels/kernels.def"
#undef IC_KERNEL
#endif

#endif
