/* Activations and their derivatives mapped over arrays, and exp and log for whoever needs them. */
#include "initcore/kernels/kernels.h"

#define IC_BITS 32
#include "initcore/kernels/activation_body.h"
#undef IC_BITS
#define IC_BITS 64
#include "initcore/kernels/activation_body.h"
