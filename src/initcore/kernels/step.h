/* What the optimizer kernels share with their driver. */
#ifndef INITCORE_KERNELS_STEP_H
#define INITCORE_KERNELS_STEP_H

typedef enum ic_rule { IC_SGD, IC_RMSPROP, IC_ADAM } ic_rule;

/* The numbers of one step, as doubles; each is rounded once to the type. */
typedef struct ic_step {
    ic_rule rule;
    int nesterov;
    double rate;     /* Adam: the learning rate over 1 - beta1^t */
    double clip;     /* factor on the gradient; 1: none */
    double decay;    /* share of the parameter that is added to its gradient; 0: none */
    double shrink;   /* factor on the parameter before the step; 1: none */
    double momentum; /* share of `first` that stays: the momentum, beta1 */
    double memory;   /* share of `second` that stays: alpha, beta2 */
    double root;     /* Adam: the square root of 1 - beta2^t */
    double epsilon;
} ic_step;

#endif
