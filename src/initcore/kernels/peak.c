/* What a core can do at most: the measure of the products. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/peak_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/peak_body.h"
