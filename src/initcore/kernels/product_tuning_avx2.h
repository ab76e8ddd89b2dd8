/* Products with AVX2: see product_tuning.h. */
#ifndef INITCORE_KERNELS_PRODUCT_TUNING_AVX2_H
#define INITCORE_KERNELS_PRODUCT_TUNING_AVX2_H

#define TILE_ROWS 6 /* 12 sums, 2 of b, 1 of a: 15 of 16 registers */
#define TILE_VECTORS 2
#define WIDEST 3 /* with 4 rows: 12 sums, 3 of b, 1 of a: all 16 registers */
#define FAR_FROM SIZE_MAX
#define SPREAD 1
/* A step is 12 multiply-adds and 12 other instructions, 4 of which only count and advance: the
 * decoders keep up, unless another thread has half of their cycles. */
#define UNROLL_STEPS 1
#define FIXED_STRIDES 1 /* unrolled steps advance by a constant once */

#define A_PACKED_FROM SIZE_MAX
/* The narrow tile passes over colliding steps so often that they must stay in the second level, a
 * line for a few of its elements at each step. */
#define COLLIDING 4096
#define COLLIDING_SPAN (192 << 10)
/* Quarters of pages are far enough: lines that a first tile calls for while it copies would take
 * each other's places in the first-level cache. */
#define BESIDE_FROM 1024
#define PACK_BLOCKS 1

#define CHUNK_BYTES (2 << 20)       /* with less, rows of a are packed too often */
#define A_STAYS ((size_t)264 << 10) /* of a second-level cache of 512 KiB */
#define CALLED_FROM ((size_t)4 << 20)
#define BY_ROWS 1
#define GROUP_TILES 2
#define SHARED_LAST_ROWS 1
/* Beginning an epilogue for each tile takes as long as bias and relu themselves. The columns stay
 * in the first-level cache until then. */
#define FINISH_TILES 8

#define THIN_ROWS 64
#define THIN_K 128
#define THIN_PAIRS 1

#define SMALL 1
#define SMALL_B (16 << 10)
#define SMALL_ROUND 64 /* those of one group (SMALL_GROUP) */
#define SMALL_SPAN (16 << 10)
#define SMALL_COLLIDING 2048
#define SMALL_COLUMNS 1
#define SMALL_WIDE_ROWS 4
#define SMALL_WIDE_PANELS 0

#endif
