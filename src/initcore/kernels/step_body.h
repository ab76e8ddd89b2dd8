/* SGD, RMSProp and Adam for one type, one pass over the arrays. */
#include "initcore/kernels/lanes.h"
#include "initcore/kernels/step.h"

typedef struct TYPED(step_numbers) {
    vreal rate, clip, decay, shrink, momentum, memory, root, epsilon, new_momentum, new_memory;
    int decays, nesterov;
} TYPED(step_numbers);

/* Where one vector of the parameter goes. `first` and `second` are read where the rule has them,
 * and become what has to be written. */
IC_INLINE vreal TYPED(stepped)(const ic_rule rule, const int has_first,
                               const TYPED(step_numbers) * s, vreal p, vreal g, vreal *first,
                               vreal *second) {
    g = V(mul)(g, s->clip);
    if (s->decays)
        g = V(fma)(s->decay, p, g);
    if (rule == IC_SGD) {
        if (has_first) {
            *first = V(fma)(s->momentum, *first, g);
            g = s->nesterov ? V(fma)(s->momentum, *first, g) : *first;
        }
        return V(fma)(s->rate, g, V(mul)(p, s->shrink));
    }
    *second = V(fma)(s->memory, *second, V(mul)(s->new_memory, V(mul)(g, g)));
    if (rule == IC_RMSPROP) {
        g = V(div)(g, V(add)(V(sqrt)(*second), s->epsilon));
        if (has_first)
            g = *first = V(fma)(s->momentum, *first, g);
        return V(fma)(s->rate, g, V(mul)(p, s->shrink));
    }
    *first = V(fma)(s->momentum, *first, V(mul)(s->new_momentum, g));
    const vreal size = V(add)(V(div)(V(sqrt)(*second), s->root), s->epsilon);
    return V(fma)(s->rate, V(div)(*first, size), V(mul)(p, s->shrink));
}

/* The vector at i, of which `count` elements are there. */
IC_INLINE void TYPED(step_vector)(const ic_rule rule, const int has_first,
                                  const TYPED(step_numbers) * s, real *p, const real *g,
                                  real *first, real *second, size_t i, const size_t count) {
    const int has_second = rule != IC_SGD;
    vreal a = has_first ? TYPED(load_part)(first + i, 1, count) : V(set)(0);
    vreal b = has_second ? TYPED(load_part)(second + i, 1, count) : V(set)(0);
    const vreal moved = TYPED(stepped)(rule, has_first, s, TYPED(load_part)(p + i, 1, count),
                                       TYPED(load_part)(g + i, 1, count), &a, &b);
    TYPED(store_part)(p + i, moved, count);
    if (has_first)
        TYPED(store_part)(first + i, a, count);
    if (has_second)
        TYPED(store_part)(second + i, b, count);
}

IC_INLINE void TYPED(step_with)(const ic_rule rule, const int has_first, real *p, const real *g,
                                real *first, real *second, size_t n, const ic_step *step) {
    const TYPED(step_numbers) s = {
        .rate = V(set)(-(real)step->rate),
        .clip = V(set)((real)step->clip),
        .decay = V(set)((real)step->decay),
        .shrink = V(set)((real)step->shrink),
        .momentum = V(set)((real)step->momentum),
        .memory = V(set)((real)step->memory),
        .root = V(set)((real)step->root),
        .epsilon = V(set)((real)step->epsilon),
        .new_momentum = V(set)((real)(1.0 - step->momentum)),
        .new_memory = V(set)((real)(1.0 - step->memory)),
        .decays = step->decay != 0,
        .nesterov = step->nesterov,
    };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        TYPED(step_vector)(rule, has_first, &s, p, g, first, second, i, LANES);
    if (i < n)
        TYPED(step_vector)(rule, has_first, &s, p, g, first, second, i, n - i);
}

/* One step of n parameters: p, first and second are written, g is read; none may overlap another.
 * SGD: first is the velocity or NULL. RMSProp: second the mean squares, first the velocity or
 * NULL. Adam: first and second the two moments. */
void IC_FN(TYPED(step))(void *p, const void *g, void *first, void *second, size_t n,
                        const ic_step *step) {
    switch (step->rule) {
    case IC_SGD:
        if (first == NULL)
            TYPED(step_with)(IC_SGD, 0, p, g, NULL, NULL, n, step);
        else
            TYPED(step_with)(IC_SGD, 1, p, g, first, NULL, n, step);
        return;
    case IC_RMSPROP:
        if (first == NULL)
            TYPED(step_with)(IC_RMSPROP, 0, p, g, NULL, second, n, step);
        else
            TYPED(step_with)(IC_RMSPROP, 1, p, g, first, second, n, step);
        return;
    case IC_ADAM:
        TYPED(step_with)(IC_ADAM, 1, p, g, first, second, n, step);
        return;
    }
}

/* The sum of x^2 over one segment, n <= IC_SUM_SEGMENT, in double: lane i mod IC_SUM_LANES takes
 * element i in order, x^2 rounded before it is added; then the lanes in halves. */
void IC_FN(TYPED(sum_of_squares))(double *out, const void *x_, size_t n) {
    const real *const x = x_;
    double lanes[IC_SUM_LANES] = {0};
    size_t i = 0;
    for (; i + IC_SUM_LANES <= n; i += IC_SUM_LANES)
        for (size_t lane = 0; lane < IC_SUM_LANES; lane++)
            lanes[lane] += (double)x[i + lane] * (double)x[i + lane];
    for (size_t lane = 0; i + lane < n; lane++)
        lanes[lane] += (double)x[i + lane] * (double)x[i + lane];
    for (size_t half = IC_SUM_LANES / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++)
            lanes[lane] += lanes[lane + half];
    *out = lanes[0];
}
