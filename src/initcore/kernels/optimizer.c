/* Optimizer steps, in place. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/optimizer_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/optimizer_body.h"
