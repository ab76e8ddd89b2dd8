/* Layers that work element by element or column by column. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/layer_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/layer_body.h"
