/* Products for any CPU, untuned: see product_tuning.h. */
#ifndef INITCORE_KERNELS_PRODUCT_TUNING_PORTABLE_H
#define INITCORE_KERNELS_PRODUCT_TUNING_PORTABLE_H

#include "initcore/simd.h"

#define TILE_ROWS 4
#if defined(IC_SIMD_FMA_EMULATED)
#define TILE_VECTORS                                                                               \
    (IC_BITS == 32 ? 1 : 2) /* one of floats are two of doubles: they are exact                    \
                             */
#else
#define TILE_VECTORS 2
#endif
#define WIDEST TILE_VECTORS
#define FAR_FROM SIZE_MAX
#define SPREAD 1
#define UNROLL_STEPS 0
#define FIXED_STRIDES 0

#define A_PACKED_FROM SIZE_MAX
#define COLLIDING 4096
#define COLLIDING_SPAN 0
#define BESIDE_FROM 4096
#define PACK_BLOCKS 0

#define CHUNK_BYTES (4 << 20)
#define A_STAYS ((size_t)0)
#define CALLED_FROM SIZE_MAX
#define BY_ROWS 0
#define GROUP_TILES 1
#define SHARED_LAST_ROWS 0
#define FINISH_TILES 1

#define THIN_ROWS 0

#define SMALL 0

#endif
