/* Products of reflectors: what their kernels and their driver share. */
#ifndef INITCORE_KERNELS_REFLECTOR_H
#define INITCORE_KERNELS_REFLECTOR_H

enum {
    IC_REFLECTORS = 64,      /* applied at once: part of stream v1, orthogonal matrices */
    IC_REFLECTOR_LANES = 16, /* of the sum of squares: likewise */
};

#endif
