/* Products of matrices with their epilogue: bias and activation. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/product_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/product_body.h"
