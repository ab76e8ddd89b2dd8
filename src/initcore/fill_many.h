/* Many fills at once: pieces of all of them are shared out among the threads as one row of work. */
#ifndef INITCORE_FILL_MANY_H
#define INITCORE_FILL_MANY_H

#include "initcore/fill.h"

typedef struct ic_fill_many {
    ic_fill_job *jobs;
    size_t *ends; /* pieces of all jobs up to and with each */
    size_t count;
    uint64_t elements;
} ic_fill_many;

/* Puts one more fill behind those that are there, for which the caller has made room. Fills share
 * no memory; each refers to its stream and law, as a job does. */
void ic_fill_many_add(ic_fill_many *all, const ic_fill_target *target, const ic_stream *stream,
                      const ic_fill_law *law);

/* As ic_fill_from: from `piece` of all pieces on, for about so many seconds. */
size_t ic_fill_many_from(size_t piece, const ic_fill_many *all, double seconds);

#endif
