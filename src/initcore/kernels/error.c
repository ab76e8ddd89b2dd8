/* Losses that are a mean over elements, with their gradients. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/error_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/error_body.h"
