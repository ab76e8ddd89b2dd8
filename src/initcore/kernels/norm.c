/* Layer and root mean square normalization. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/norm_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/norm_body.h"
