/* Transposes of small arrays, which fills write from the cache into the order of another layout. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/transpose_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/transpose_body.h"
