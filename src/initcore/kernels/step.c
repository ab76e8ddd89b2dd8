/* Optimizer steps, and the sum of squares that a gradient is clipped by. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/step_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/step_body.h"
