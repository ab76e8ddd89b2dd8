/* Fills of arrays: any strides, any part of a tensor, any number of threads. */
#ifndef INITCORE_FILL_H
#define INITCORE_FILL_H

#include "initcore/base.h"
#include "initcore/dispatch.h"
#include "initcore/laws.h"
#include "initcore/pool.h"
#include "initcore/stream.h"

enum { IC_FILL_MAX_DIMENSIONS = 64 };

/* Where elements lie in memory, and which elements of the stream they are:
 *   address = data + sum_d j_d * step[d]      (bytes)
 *   element = first + sum_d j_d * index[d] */
typedef struct ic_fill_target {
    char *data;
    int dimensions;
    const int64_t *shape;
    const int64_t *step;
    const int64_t *index;
    uint64_t first;
} ic_fill_target;

/* Types of elements. Those of 16 bits hold the float32 element, rounded once to nearest even. */
typedef enum ic_real { IC_REAL_F32, IC_REAL_F64, IC_REAL_F16, IC_REAL_BF16 } ic_real;

typedef enum ic_fill_kind {
    IC_FILL_BITS_U32,
    IC_FILL_BITS_U64,
    IC_FILL_UNIFORM_F32,
    IC_FILL_UNIFORM_F64,
    IC_FILL_NORMAL_F32,
    IC_FILL_NORMAL_F64,
    IC_FILL_TRUNCATED_NORMAL_F32,
    IC_FILL_TRUNCATED_NORMAL_DEEP_F32,
    IC_FILL_TRUNCATED_NORMAL_F64,
    IC_FILL_SIGN_F32,
    IC_FILL_SIGN_F64,
    IC_FILL_MASK,
} ic_fill_kind;

typedef struct ic_fill_law {
    ic_fill_kind kind;
    ic_real type;
    union {
        ic_uniform_f32 uniform_f32;
        ic_uniform_f64 uniform_f64;
        ic_normal_f32 normal_f32;
        ic_normal_f64 normal_f64;
        ic_truncated_normal_f32 truncated_normal_f32;
        ic_truncated_normal_f64 truncated_normal_f64;
        double sign_scale;
        uint64_t mask_threshold;
    } as;
} ic_fill_law;

int ic_real_is_16_bit(ic_real type);
/* Whether x is finite once it is rounded to the type. */
int ic_real_holds(ic_real type, double x);
/* Bytes of an element. */
size_t ic_fill_item(const ic_fill_law *law);

/* What a caller asks for; `kind` of the truncated law is chosen by ic_fill_law_truncated_normal. */
void ic_fill_law_bits(ic_fill_law *law, int is_64_bit);
void ic_fill_law_uniform(ic_fill_law *law, ic_real type, double low, double high);
void ic_fill_law_normal(ic_fill_law *law, ic_real type, double mean, double std);
/* 0 if the bounds hold no probability, else 1. */
int ic_fill_law_truncated_normal(ic_fill_law *law, ic_real type, double mean, double std,
                                 double low, double high);

void ic_fill_law_sign(ic_fill_law *law, ic_real type, double scale);
/* Bytes: 1 with probability p, else 0. */
void ic_fill_law_mask(ic_fill_law *law, double p);

typedef struct ic_fill_dimension {
    int64_t size, step, index;
} ic_fill_dimension;

/* A fill in the form that tasks work on: `run` innermost, the others outside, slowest first. */
typedef struct ic_fill_job {
    const ic_kernels *kernels;
    const ic_stream *stream;
    const ic_fill_law *law;
    char *data;
    uint64_t first;
    size_t item;
    int aligned; /* whether every element lies at a multiple of its size */
    ic_fill_dimension run;
    int outer_count;
    ic_fill_dimension outer[IC_FILL_MAX_DIMENSIONS];
    uint64_t rows;           /* product of the outer sizes */
    uint64_t cuts;           /* pieces per row, if rows are long */
    uint64_t rows_per_piece; /* 1 if rows are long */
    uint64_t row_groups;     /* pieces across the last outer dimension, if transposed */
    unsigned across;         /* elements of a block, if its runs are made across the memory */
    uint64_t lacks;          /* what the first piece along the memory is too short by */
    ic_task task;            /* task(job, piece) writes a piece */
    size_t pieces;           /* of a size that stays in the cache; 0 if there are no elements */
} ic_fill_job;

/* The job refers to the stream and the law, and to the target's data, but not to the target.
 * Elements of any alignment that share no memory. */
void ic_fill_prepare(ic_fill_job *work, const ic_fill_target *target, const ic_stream *stream,
                     const ic_fill_law *law);
/* Threads that a number of elements is worth. */
int ic_fill_threads(uint64_t elements);

void ic_fill(const ic_fill_target *target, const ic_stream *stream, const ic_fill_law *law);

#define IC_FILL_DONE SIZE_MAX
/* A part of a fill, for callers that have something else to see to: from `piece` on, 0 at first,
 * for about so many seconds. Returns the piece to go on with, or IC_FILL_DONE. Elements of pieces
 * to come are untouched. */
size_t ic_fill_from(size_t piece, const ic_fill_target *target, const ic_stream *stream,
                    const ic_fill_law *law, double seconds);

#endif
