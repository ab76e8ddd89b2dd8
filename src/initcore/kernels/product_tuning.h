/* What a product is tuned by: names that mean the same for every instruction set, with the values
 * of each in product_tuning_<isa>.h. Sizes are in bytes, flags are 0 or 1.
 *
 * The tile (product_tile.h):
 *   TILE_ROWS, TILE_VECTORS   its rows, and the vectors of each row: its sums stay in registers
 *   WIDEST            most vectors in a row of the tiles of product_few.h and product_small.h
 *   FAR_FROM          steps from which a panel of b is called for ahead
 *   SPREAD            steps of a long tile between the calls for two rows of the next one
 *   UNROLL_STEPS      flag: a turn of the loop takes four steps
 *   FIXED_STRIDES     flag: whole tiles over packed panels are compiled with the panels' strides
 *
 * What is packed, and when:
 *   A_PACKED_FROM     columns from which rows of a are packed
 *   COLLIDING         steps at multiples of so many bytes fall into few sets of the first-level
 *                     cache and are packed
 *   COLLIDING_SPAN    so do steps that together span so many bytes; 0: no such bound
 *   BESIDE_FROM       distance of steps from which PANELS_BESIDE panels of b are packed together:
 *                     a page gives more than a line of it before the next is looked up
 *   PACK_BLOCKS       flag: squares are loaded transposed (load_square of simd.h)
 *
 * What stays in which cache:
 *   CHUNK_BYTES       a packed block of b
 *   A_STAYS           packed a that stays in the second-level cache beside a part of b; 0: never
 *   CALLED_FROM       a larger b is called for to the second-level cache, a part ahead
 *   BY_ROWS           flag: tiles go along the rows of c, whose lines come from furthest away, and
 *                     panels of b pass over rows of a that stay in the first-level cache; else a
 *                     panel of b stays there, for which a second-level cache need not be large
 *   GROUP_TILES       tiles whose rows of a stay there, where BY_ROWS
 *   SHARED_LAST_ROWS  flag: the last two tiles share their rows where the last had two or fewer,
 *                     which are too few sums to keep the multipliers busy
 *   FINISH_TILES      tiles of a row whose epilogue is taken at once
 *
 * Few rows (product_few.h):
 *   THIN_ROWS         from 9 rows of c to so many are thin; 0: none
 *   THIN_K            for so many k at least
 *   THIN_PAIRS        flag: panels of two vectors, unless one would be left
 *
 * Small products (product_small.h), which exist only where SMALL is 1:
 *   SMALL_B           bytes of b
 *   SMALL_ROUND       rows with which b may be larger, because it is read once
 *   SMALL_SPAN        bytes over which the rows of b may lie as they are
 *   SMALL_COLLIDING   rows at multiples of so many bytes fall into few sets of the cache; 0: never
 *   SMALL_COLUMNS     least columns of c
 *   SMALL_WIDE_ROWS   rows of a tile of WIDEST vectors; the narrower ones have 6
 *   SMALL_WIDE_PANELS flag: a panel has WIDEST vectors or at most those of a tile, none between */
#ifndef INITCORE_KERNELS_PRODUCT_TUNING_H
#define INITCORE_KERNELS_PRODUCT_TUNING_H

#if defined(IC_ISA_AVX512)
#include "initcore/kernels/product_tuning_avx512.h"
#elif defined(IC_ISA_AVX2)
#include "initcore/kernels/product_tuning_avx2.h"
#elif defined(IC_ISA_NEON)
#include "initcore/kernels/product_tuning_neon.h"
#else
#include "initcore/kernels/product_tuning_portable.h"
#endif

#define PANELS_BESIDE 8 /* with more, too many places are written to */

#endif
