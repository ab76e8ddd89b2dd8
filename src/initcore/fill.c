/* Cuts a strided target into runs of consecutive elements, and the runs into pieces for the
 * threads. Which piece an element falls into has no influence on it. */
#include "initcore/fill.h"

#include <string.h>

#include "initcore/dispatch.h"
#include "initcore/pool.h"

enum {
    PIECE = 16384,        /* elements that one task writes, about */
    SERIAL_BELOW = 32768, /* fewer elements are not worth waking a thread */
    BUFFER = 1024,        /* elements made at once for memory that is not contiguous */
    PATCH_ROWS = 128,     /* a transposed piece is so many runs side by side in memory, */
    PATCH_COLUMNS = 384,  /* of so many elements, */
    PATCH_WIDTH = 256,    /* made so many bytes of each at a time, which all stay in the cache */
    FETCHED = 8,          /* runs that are made at once, memory being fetched in between */
    STRIP = 16,           /* elements of each that are rounded to 16 bits at once */
    CACHE_LINE = 64,      /* bytes; a wrong guess costs only time */
    WIDEST_STRIDE = 32,   /* beyond it single elements are made, not the run that holds them */
};
_Static_assert(PATCH_ROWS <= IC_ACROSS_RUNS, "a piece is one call of a kernel");

/* What a thread makes on the way to memory. On its stack it would not fit beside the frames of who
 * calls: threads of 64 KiB are not rare. */
typedef struct scratch {
    union {
        _Alignas(64) char patch[PATCH_ROWS * PATCH_WIDTH];
        _Alignas(64) char buffer[BUFFER * 8];
    } made;
    union {
        _Alignas(64) float strip[STRIP * PATCH_ROWS];
        _Alignas(64) float wide[BUFFER];
    } rounded;
} scratch;
static _Thread_local scratch room;

/* Before elements of 16 bits are rounded. */
static void make_runs(const ic_fill_job *work, void *out, const ic_runs *runs) {
    const ic_kernels *k = work->kernels;
    const ic_stream *stream = work->stream;
    const ic_fill_law *law = work->law;
    switch (law->kind) {
    case IC_FILL_BITS_U32:
        k->fill_bits_u32(out, runs, stream);
        break;
    case IC_FILL_BITS_U64:
        k->fill_bits_u64(out, runs, stream);
        break;
    case IC_FILL_UNIFORM_F32:
        k->fill_uniform_f32(out, runs, stream, &law->as.uniform_f32);
        break;
    case IC_FILL_UNIFORM_F64:
        k->fill_uniform_f64(out, runs, stream, &law->as.uniform_f64);
        break;
    case IC_FILL_NORMAL_F32:
        k->fill_normal_f32(out, runs, stream, &law->as.normal_f32);
        break;
    case IC_FILL_NORMAL_F64:
        k->fill_normal_f64(out, runs, stream, &law->as.normal_f64);
        break;
    case IC_FILL_TRUNCATED_NORMAL_F32:
        k->fill_truncated_normal_f32(out, runs, stream, &law->as.truncated_normal_f32);
        break;
    case IC_FILL_TRUNCATED_NORMAL_DEEP_F32:
        k->fill_truncated_normal_deep_f32(out, runs, stream, &law->as.truncated_normal_f64);
        break;
    case IC_FILL_TRUNCATED_NORMAL_F64:
        k->fill_truncated_normal_f64(out, runs, stream, &law->as.truncated_normal_f64);
        break;
    case IC_FILL_SIGN_F32:
        k->fill_sign_f32(out, runs, stream, (float)law->as.sign_scale);
        break;
    case IC_FILL_SIGN_F64:
        k->fill_sign_f64(out, runs, stream, law->as.sign_scale);
        break;
    case IC_FILL_MASK:
        k->fill_mask(out, runs, stream, law->as.mask_threshold);
        break;
    }
}

/* Elements of a block, if runs of the law can be made across the memory, else 0. */
static unsigned across_per_block(ic_fill_kind kind) {
    switch (kind) {
    case IC_FILL_UNIFORM_F32:
    case IC_FILL_NORMAL_F32:
    case IC_FILL_TRUNCATED_NORMAL_F32:
        return 4;
    case IC_FILL_UNIFORM_F64:
    case IC_FILL_NORMAL_F64:
        return 2;
    default:
        return 0;
    }
}

/* For laws of which that is not 0; before elements of 16 bits are rounded. */
static void make_across(const ic_fill_job *work, void *out, const ic_across *across) {
    const ic_kernels *k = work->kernels;
    const ic_stream *stream = work->stream;
    const ic_fill_law *law = work->law;
    switch (law->kind) {
    case IC_FILL_UNIFORM_F32:
        k->across_uniform_f32(out, across, stream, &law->as.uniform_f32);
        break;
    case IC_FILL_UNIFORM_F64:
        k->across_uniform_f64(out, across, stream, &law->as.uniform_f64);
        break;
    case IC_FILL_NORMAL_F32:
        k->across_normal_f32(out, across, stream, &law->as.normal_f32);
        break;
    case IC_FILL_NORMAL_F64:
        k->across_normal_f64(out, across, stream, &law->as.normal_f64);
        break;
    case IC_FILL_TRUNCATED_NORMAL_F32:
        k->across_truncated_normal_f32(out, across, stream, &law->as.truncated_normal_f32);
        break;
    default:
        break;
    }
}

/* Elements first .. first + n - 1, contiguously. */
static void make_words(const ic_fill_job *work, void *out, uint64_t first, size_t n) {
    const ic_runs run = {.first = first, .n = n, .count = 1};
    make_runs(work, out, &run);
}

static void round_to_16_bits(const ic_fill_job *work, uint16_t *to, const float *from, size_t n) {
    if (work->law->type == IC_REAL_F16) {
        work->kernels->round_f16(to, from, n);
    } else {
        work->kernels->round_bf16(to, from, n);
    }
}

/* Elements first .. first + n - 1, contiguously. Those of 16 bits are rounded from a buffer that
 * stays in the cache. */
static void make_elements(const ic_fill_job *work, void *out, uint64_t first, size_t n) {
    if (!ic_real_is_16_bit(work->law->type)) {
        make_words(work, out, first, n);
        return;
    }
    float *const wide = room.rounded.wide;
    uint16_t *to = out;
    for (size_t done = 0; done < n; done += BUFFER) {
        const size_t count = n - done < BUFFER ? n - done : BUFFER;
        make_words(work, wide, first + done, count);
        round_to_16_bits(work, to + done, wide, count);
    }
}

/* to[j * step] = from[j * stride] for 0 <= j < n; strides in bytes. */
static void scatter_elements(char *to, int64_t step, const char *from, int64_t stride, size_t n,
                             size_t item) {
    if (step == stride && step == (int64_t)item) {
        memcpy(to, from, n * item);
        return;
    }
    for (size_t j = 0; j < n; ++j) {
        memcpy(to, from, item == 8 ? 8 : item == 4 ? 4 : item == 2 ? 2 : 1);
        to += step;
        from += stride;
    }
}

/* Whether a run can be made where it belongs. */
static int is_contiguous(const ic_fill_job *work) {
    return work->run.index == 1 && work->run.step == (int64_t)work->item && work->aligned;
}

/* n elements, element + j * run.index for each j, from `to` on. */
static void fill_run(const ic_fill_job *work, char *to, uint64_t element, uint64_t n) {
    const int64_t step = work->run.step, index = work->run.index;
    const int64_t item = (int64_t)work->item;
    if (is_contiguous(work)) {
        make_elements(work, to, element, (size_t)n);
        return;
    }
    char *const buffer = room.made.buffer;
    const int64_t width = index < 0 ? -index : index;
    const int narrow = width >= 1 && width <= WIDEST_STRIDE;
    const uint64_t at_once = narrow ? (uint64_t)((BUFFER - 1) / width + 1) : 1;
    for (uint64_t done = 0; done < n;) {
        const uint64_t count = n - done < at_once ? n - done : at_once;
        const int64_t span = (int64_t)(count - 1) * (narrow ? width : 0);
        const uint64_t here = element + done * (uint64_t)index;
        make_elements(work, buffer, index < 0 ? here - (uint64_t)span : here, (size_t)span + 1);
        scatter_elements(to + (int64_t)done * step, step, buffer + (index < 0 ? span * item : 0),
                         index * item, (size_t)count, work->item);
        done += count;
    }
}

/* So many runs of n elements beside each other in a dimension. */
static void fill_runs(const ic_fill_job *work, char *to, uint64_t element, uint64_t n,
                      uint64_t count, const ic_fill_dimension *across) {
    if (is_contiguous(work) && !ic_real_is_16_bit(work->law->type)) {
        const ic_runs runs = {.first = element,
                              .n = (size_t)n,
                              .count = (size_t)count,
                              .index = (uint64_t)across->index,
                              .step = across->step};
        make_runs(work, to, &runs);
        return;
    }
    for (; count > 0; --count) {
        fill_run(work, to, element, n);
        to += across->step;
        element += (uint64_t)across->index;
    }
}

/* Part `number` of *length elements, `whole` in each but the first, which lacks some, and the last:
 * returns where it begins, and its own length in *length. */
static uint64_t fill_part(uint64_t *length, uint64_t number, uint64_t whole, uint64_t lacks) {
    const uint64_t from = number == 0 ? 0 : number * whole - lacks;
    const uint64_t most = number == 0 ? whole - lacks : whole;
    *length = *length - from < most ? *length - from : most;
    return from;
}

static uint64_t fill_parts_of(uint64_t length, uint64_t whole, uint64_t lacks) {
    return (length + lacks + whole - 1) / whole;
}

static void fill_piece(void *context, size_t piece) {
    const ic_fill_job *work = context;
    const uint64_t cut = piece % work->cuts;
    uint64_t row = piece / work->cuts * work->rows_per_piece;
    const uint64_t end =
        work->rows - row < work->rows_per_piece ? work->rows : row + work->rows_per_piece;
    uint64_t from = 0, length = (uint64_t)work->run.size;
    if (work->cuts > 1) {
        from = fill_part(&length, cut, PIECE, work->lacks);
    }
    /* runs of the last outer dimension are made together */
    const ic_fill_dimension one = {1, 0, 0};
    const ic_fill_dimension *across =
        work->outer_count > 0 ? &work->outer[work->outer_count - 1] : &one;
    while (row < end) {
        char *to = work->data + (int64_t)from * work->run.step;
        uint64_t element = work->first + from * (uint64_t)work->run.index;
        uint64_t rest = row;
        for (int d = work->outer_count - 1; d >= 0; --d) {
            const int64_t j = (int64_t)(rest % (uint64_t)work->outer[d].size);
            rest /= (uint64_t)work->outer[d].size;
            to += j * work->outer[d].step;
            element += (uint64_t)j * (uint64_t)work->outer[d].index;
        }
        const uint64_t behind = (uint64_t)across->size - row % (uint64_t)across->size;
        const uint64_t count = end - row < behind ? end - row : behind;
        fill_runs(work, to, element, length, count, across);
        row += count;
    }
}

/* Element j of run i of a patch goes to `to` + j step + i item. What is rounded to 16 bits is so on
 * this way: whole words are moved faster. */
static void write_patch(const ic_fill_job *work, char *to, const char *patch, size_t rows,
                        size_t columns) {
    const ic_kernels *k = work->kernels;
    const int64_t step = work->run.step;
    if (ic_real_is_16_bit(work->law->type)) {
        float *const strip = room.rounded.strip;
        for (size_t j = 0; j < columns; j += STRIP) {
            const size_t count = columns - j < STRIP ? columns - j : STRIP;
            k->transpose_f32(strip, PATCH_ROWS * sizeof(float), patch + j * sizeof(float),
                             PATCH_WIDTH, rows, count);
            for (size_t c = 0; c < count; ++c) {
                round_to_16_bits(work, (uint16_t *)(to + (int64_t)(j + c) * step),
                                 strip + c * PATCH_ROWS, rows);
            }
        }
    } else if (work->item >= 4) {
        (work->item == 4 ? k->transpose_f32 : k->transpose_f64)(to, step, patch, PATCH_WIDTH, rows,
                                                                columns);
    } else {
        for (size_t j = 0; j < columns; ++j) {
            scatter_elements(to + (int64_t)j * step, (int64_t)work->item, patch + j * work->item,
                             PATCH_WIDTH, rows, work->item);
        }
    }
}

static void prefetch_lines(const char *from, size_t bytes) {
    const char *line = from - (uintptr_t)from % CACHE_LINE;
    for (; line < from + bytes; line += CACHE_LINE) {
        __builtin_prefetch(line, 1);
    }
}

/* Elements of runs that lie across the memory, made run by run in the cache, then written in the
 * order of the memory. */
static void fill_patches(const ic_fill_job *work, char *to, uint64_t element, size_t rows,
                         size_t columns) {
    const ic_fill_dimension *across = &work->outer[work->outer_count - 1];
    char *const patch = room.made.patch;
    const size_t made = ic_real_is_16_bit(work->law->type) ? sizeof(float) : work->item;
    const size_t at_once = PATCH_WIDTH / made;
    for (size_t done = 0; done < columns; done += at_once) {
        const size_t count = columns - done < at_once ? columns - done : at_once;
        char *const corner = to + (int64_t)done * work->run.step;
        for (size_t i = 0; i < rows; i += FETCHED) {
            /* memory is fetched while numbers are made: its lines are too far apart for the
             * processor to foresee them */
            const size_t some = rows - i < FETCHED ? rows - i : FETCHED;
            for (size_t j = count * i / rows; j < count * (i + some) / rows; ++j) {
                prefetch_lines(corner + (int64_t)j * work->run.step, rows * work->item);
            }
            const ic_runs runs = {.first = element + done + i * (uint64_t)across->index,
                                  .n = count,
                                  .count = some,
                                  .index = (uint64_t)across->index,
                                  .step = PATCH_WIDTH};
            make_runs(work, patch + i * PATCH_WIDTH, &runs);
        }
        write_patch(work, corner, patch, rows, count);
    }
}

/* The same by whole blocks of the runs, whose numbers are made where they belong. */
static void fill_blocks(const ic_fill_job *work, char *to, uint64_t element, size_t rows,
                        size_t blocks) {
    const unsigned per_block = work->across;
    const int64_t step = work->run.step;
    ic_across across = {
        .block = element / per_block,
        .apart = (uint64_t)(work->outer[work->outer_count - 1].index / (int64_t)per_block),
        .runs = rows,
        .blocks = blocks,
        .step = step};
    if (!ic_real_is_16_bit(work->law->type)) {
        make_across(work, to, &across);
        return;
    }
    float *const strip = room.rounded.strip;
    across.step = PATCH_ROWS * sizeof(float);
    for (size_t done = 0; done < blocks; done += STRIP / 4, across.block += STRIP / 4) {
        across.blocks = blocks - done < STRIP / 4 ? blocks - done : STRIP / 4;
        make_across(work, strip, &across);
        for (size_t j = 0; j < 4 * across.blocks; ++j, to += step) {
            round_to_16_bits(work, (uint16_t *)to, strip + j * PATCH_ROWS, rows);
        }
    }
}

/* A piece of runs that lie across the memory, beside each other. */
static void fill_transposed_piece(void *context, size_t piece) {
    const ic_fill_job *work = context;
    const ic_fill_dimension *across = &work->outer[work->outer_count - 1];
    /* pieces that lie beside each other follow each other: they share pages of the memory */
    uint64_t rows = (uint64_t)across->size, columns = (uint64_t)work->run.size;
    const uint64_t row = fill_part(&rows, piece % work->row_groups, PATCH_ROWS, work->lacks);
    const uint64_t cut =
        fill_part(&columns, piece / work->row_groups % work->cuts, PATCH_COLUMNS, 0);
    char *to = work->data + (int64_t)cut * work->run.step + (int64_t)row * across->step;
    uint64_t element = work->first + cut + row * (uint64_t)across->index;
    uint64_t rest = piece / work->cuts / work->row_groups;
    for (int d = work->outer_count - 2; d >= 0; --d) {
        const int64_t j = (int64_t)(rest % (uint64_t)work->outer[d].size);
        rest /= (uint64_t)work->outer[d].size;
        to += j * work->outer[d].step;
        element += (uint64_t)j * (uint64_t)work->outer[d].index;
    }
    if (work->across == 0) {
        fill_patches(work, to, element, rows, columns);
        return;
    }
    /* what of the first and of the last block belongs to the piece goes by patches */
    const uint64_t before = (0 - element) % work->across;
    const uint64_t head = before < columns ? before : columns;
    const uint64_t blocks = (columns - head) / work->across;
    const uint64_t tail = head + blocks * work->across;
    fill_patches(work, to, element, rows, head);
    fill_blocks(work, to + (int64_t)head * work->run.step, element + head, rows, blocks);
    fill_patches(work, to + (int64_t)tail * work->run.step, element + tail, rows, columns - tail);
}

static uint64_t magnitude(int64_t x) {
    return x < 0 ? 0U - (uint64_t)x : (uint64_t)x;
}

/* Slowest index first, so that the run is last and neighbors that continue each other merge. */
static int arrange_dimensions(ic_fill_dimension *dims, const ic_fill_target *target) {
    int count = 0;
    for (int d = 0; d < target->dimensions; ++d) {
        if (target->shape[d] == 1) {
            continue;
        }
        const ic_fill_dimension own = {target->shape[d], target->step[d], target->index[d]};
        int at = count++;
        for (; at > 0 && magnitude(dims[at - 1].index) < magnitude(own.index); --at) {
            dims[at] = dims[at - 1];
        }
        dims[at] = own;
    }
    int kept = 0;
    for (int d = 0; d < count; ++d) {
        ic_fill_dimension *slower = kept > 0 ? &dims[kept - 1] : NULL;
        const uint64_t size = (uint64_t)dims[d].size;
        if (slower != NULL && (uint64_t)slower->index == (uint64_t)dims[d].index * size &&
            (uint64_t)slower->step == (uint64_t)dims[d].step * size) {
            *slower = (ic_fill_dimension){slower->size * dims[d].size, dims[d].step, dims[d].index};
        } else {
            dims[kept++] = dims[d];
        }
    }
    return kept;
}

/* Whether runs of the stream's order lie across the memory, and beside each other in it. */
static int is_transposed(const ic_fill_job *work) {
    if (work->outer_count == 0) {
        return 0;
    }
    const ic_fill_dimension *across = &work->outer[work->outer_count - 1];
    const int64_t item = (int64_t)work->item;
    return work->aligned && work->run.index == 1 && work->run.step != item &&
           across->step == item && work->run.size >= 8 && across->size >= 8;
}

/* Elements of a block, if the runs of a transposed target can be made across the memory: each
 * begins at the same place of a block, and no block index passes a multiple of 2^32. Else 0. */
static unsigned may_go_across(const ic_fill_job *work) {
    const unsigned per_block = across_per_block(work->law->kind);
    if (per_block == 0) {
        return 0;
    }
    uint64_t least = work->first, greatest = work->first + ((uint64_t)work->run.size - 1);
    for (int d = 0; d < work->outer_count; ++d) {
        const ic_fill_dimension *dim = &work->outer[d];
        const uint64_t reach = ((uint64_t)dim->size - 1) * (uint64_t)dim->index;
        *(dim->index < 0 ? &least : &greatest) += reach;
    }
    const int64_t apart = work->outer[work->outer_count - 1].index;
    const int same = least / per_block >> 32 == greatest / per_block >> 32;
    return same && apart % (int64_t)per_block == 0 ? per_block : 0;
}

/* By how much to shorten the first part of a row of elements side by side, so that each other
 * begins with a line of the cache: whole vectors are written faster where they do not cross one. */
static uint64_t lacking_elements(const ic_fill_job *work, uint64_t whole) {
    const uint64_t beyond = (uintptr_t)work->data % CACHE_LINE;
    return beyond == 0 ? 0 : whole - (CACHE_LINE - beyond) / work->item;
}

/* Whether pieces of a contiguous row may begin at a line of the cache: where blocks of the stream,
 * 16 bytes of numbers, do so too. A block of signs is longer, and rounded numbers come from a
 * buffer that is aligned in any case. */
static int may_shift(const ic_fill_job *work) {
    const ic_fill_kind kind = work->law->kind;
    const uint64_t behind = (uintptr_t)work->data - work->first * work->item;
    return work->item >= 4 && kind != IC_FILL_SIGN_F32 && kind != IC_FILL_SIGN_F64 &&
           is_contiguous(work) && behind % 16 == 0;
}

static int is_aligned(const ic_fill_target *target, size_t item) {
    uintptr_t all = (uintptr_t)target->data;
    for (int d = 0; d < target->dimensions; ++d) {
        all |= (uintptr_t)target->step[d];
    }
    return all % item == 0;
}

int ic_fill_threads(uint64_t elements) {
    return elements < SERIAL_BELOW ? 1 : ic_threads();
}

void ic_fill_prepare(ic_fill_job *work, const ic_fill_target *target, const ic_stream *stream,
                     const ic_fill_law *law) {
    work->pieces = 0;
    for (int d = 0; d < target->dimensions; ++d) {
        if (target->shape[d] == 0) {
            return;
        }
    }
    work->kernels = ic_kernels_in_use();
    work->stream = stream;
    work->law = law;
    work->data = target->data;
    work->first = target->first;
    work->item = ic_fill_item(law);
    work->aligned = is_aligned(target, work->item);
    const int count = arrange_dimensions(work->outer, target);
    work->outer_count = count > 0 ? count - 1 : 0;
    work->run = count > 0 ? work->outer[count - 1] : (ic_fill_dimension){1, (int64_t)work->item, 1};
    work->rows = 1;
    for (int d = 0; d < work->outer_count; ++d) {
        work->rows *= (uint64_t)work->outer[d].size;
    }
    const uint64_t length = (uint64_t)work->run.size;
    if (is_transposed(work)) {
        const uint64_t across = (uint64_t)work->outer[work->outer_count - 1].size;
        work->task = fill_transposed_piece;
        work->across = may_go_across(work);
        work->lacks = work->run.step % CACHE_LINE == 0 ? lacking_elements(work, PATCH_ROWS) : 0;
        work->cuts = fill_parts_of(length, PATCH_COLUMNS, 0);
        work->row_groups = fill_parts_of(across, PATCH_ROWS, work->lacks);
        work->pieces = (size_t)(work->rows / across * work->row_groups * work->cuts);
    } else {
        work->task = fill_piece;
        work->lacks = may_shift(work) ? lacking_elements(work, PIECE) : 0;
        work->cuts = length >= PIECE ? fill_parts_of(length, PIECE, work->lacks) : 1;
        work->rows_per_piece = length >= PIECE ? 1 : PIECE / length;
        const uint64_t groups = (work->rows + work->rows_per_piece - 1) / work->rows_per_piece;
        work->pieces = (size_t)(groups * work->cuts);
    }
}

size_t ic_fill_from(size_t piece, const ic_fill_target *target, const ic_stream *stream,
                    const ic_fill_law *law, double seconds) {
    ic_fill_job work;
    ic_fill_prepare(&work, target, stream, law);
    if (work.pieces == 0) {
        return IC_FILL_DONE;
    }
    const int threads = ic_fill_threads(work.rows * (uint64_t)work.run.size);
    const size_t reached = ic_pool_from(piece, work.pieces, work.task, &work, threads, seconds);
    return reached == work.pieces ? IC_FILL_DONE : reached;
}

void ic_fill(const ic_fill_target *target, const ic_stream *stream, const ic_fill_law *law) {
    (void)ic_fill_from(0, target, stream, law, IC_POOL_TO_THE_END);
}
