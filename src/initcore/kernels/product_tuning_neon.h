/* Products with NEON: see product_tuning.h. */
#ifndef INITCORE_KERNELS_PRODUCT_TUNING_NEON_H
#define INITCORE_KERNELS_PRODUCT_TUNING_NEON_H

#define TILE_ROWS 8 /* 24 sums, 3 of b, 2 of a: 29 of 32 registers */
#define TILE_VECTORS 3
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

#define THIN_ROWS 64
#define THIN_K 128
#define THIN_PAIRS 0

#define SMALL 0

#endif
