#include "initcore/fill_many.h"

void ic_fill_many_add(ic_fill_many *all, const ic_fill_target *target, const ic_stream *stream,
                      const ic_fill_law *law) {
    ic_fill_job *job = &all->jobs[all->count];
    ic_fill_prepare(job, target, stream, law);
    if (job->pieces == 0) {
        return;
    }
    const size_t before = all->count > 0 ? all->ends[all->count - 1] : 0;
    all->ends[all->count++] = before + job->pieces;
    all->elements += job->rows * (uint64_t)job->run.size;
}

static void fill_any_piece(void *context, size_t piece) {
    const ic_fill_many *all = context;
    size_t low = 0, high = all->count - 1; /* the first job that ends beyond the piece */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (all->ends[middle] > piece) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    ic_fill_job *job = &all->jobs[low];
    job->task(job, piece - (all->ends[low] - job->pieces));
}

size_t ic_fill_many_from(size_t piece, const ic_fill_many *all, double seconds) {
    if (all->count == 0) {
        return IC_FILL_DONE;
    }
    const size_t pieces = all->ends[all->count - 1];
    const size_t reached = ic_pool_from(piece, pieces, fill_any_piece, (void *)all,
                                        ic_fill_threads(all->elements), seconds);
    return reached == pieces ? IC_FILL_DONE : reached;
}
