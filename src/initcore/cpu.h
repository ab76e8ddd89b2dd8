/* The only CPU detection. */
#ifndef INITCORE_CPU_H
#define INITCORE_CPU_H

/* Whether this CPU (and its operating system) can run the named instruction set. */
int ic_cpu_has(const char *isa);

#endif
