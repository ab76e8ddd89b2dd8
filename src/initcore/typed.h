/* The names of the element type, for sources that are included once with IC_BITS 32 and once
 * with IC_BITS 64: `real`, its vector `vreal` of LANES elements, V(op) for the operations of
 * simd.h, and TYPED(name) for a name that carries the type. No include guard: each inclusion
 * puts the names of the present IC_BITS in place of the ones before. */
#undef real
#undef vreal
#undef LANES
#undef V
#undef TYPED
#if IC_BITS == 32
#define real float
#define vreal ic_vf32
#define LANES IC_F32_LANES
#define V(op) ic_f32_##op
#define TYPED(name) name##_f32
#elif IC_BITS == 64
#define real double
#define vreal ic_vf64
#define LANES IC_F64_LANES
#define V(op) ic_f64_##op
#define TYPED(name) name##_f64
#else
#error "IC_BITS is 32 or 64"
#endif
