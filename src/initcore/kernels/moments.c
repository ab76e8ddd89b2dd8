/* What a probe of training asks of an array: moments, columns of zeros, values beyond two ends. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/moments_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/moments_body.h"
