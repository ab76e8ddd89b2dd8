/* Products with AVX-512: see product_tuning.h.
 *
 * A tile is computed before its operands have come from the second-level cache: the panel of b and,
 * in a long tile, the lines of the next one are called for ahead, and a block of b is no larger
 * than that cache. It is soon through with what colliding steps keep. */
#ifndef INITCORE_KERNELS_PRODUCT_TUNING_AVX512_H
#define INITCORE_KERNELS_PRODUCT_TUNING_AVX512_H

#define TILE_ROWS 12 /* 24 sums, 2 of b, and a as a broadcast operand: 26 of 32 registers */
#define TILE_VECTORS 2
#define WIDEST 4
#define FAR_FROM 64
#define SPREAD 20
#define UNROLL_STEPS 0
#define FIXED_STRIDES 0

#define A_PACKED_FROM 160
#define COLLIDING 1024
#define COLLIDING_SPAN 0
#define BESIDE_FROM 4096
#define PACK_BLOCKS 0

#define CHUNK_BYTES (1 << 20)
#define A_STAYS ((size_t)0)
#define CALLED_FROM SIZE_MAX
#define BY_ROWS 1
#define GROUP_TILES 1
#define SHARED_LAST_ROWS 0
#define FINISH_TILES 1

#define THIN_ROWS 64
#define THIN_K 128
#define THIN_PAIRS 0

#define SMALL 1
#define SMALL_B (32 << 10)
#define SMALL_ROUND 0
#define SMALL_SPAN SIZE_MAX
#define SMALL_COLLIDING 0
#define SMALL_COLUMNS (WIDEST * LANES)
#define SMALL_WIDE_ROWS 6 /* 24 sums, 4 of b, 1 of a: 29 of 32 registers */
#define SMALL_WIDE_PANELS 1

#endif
