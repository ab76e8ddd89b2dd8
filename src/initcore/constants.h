/* Constants of the stream's transforms, coefficients lowest degree first. Written by
 * tools/fit_transforms.py, which derives each one; docs/stream-v1.md prints the same
 * table and says where each is used. */
#ifndef INITCORE_CONSTANTS_H
#define INITCORE_CONSTANTS_H
/* clang-format off */

/* -2 ln 2 */
#define IC_MINUS_2_LN2_F32 -0x1.62e43p+0f

/* (-2 ln(1 + f) + 2 f) / f^2 in f; error relative to -2 ln(1 + f) */
static const float IC_LOG_F32[9] = {
    0x1.fffffep-1f, -0x1.555554p-1f, 0x1.00020cp-1f, -0x1.99a012p-2f,
     0x1.548382p-2f, -0x1.22ea5ap-2f, 0x1.0cda32p-2f, -0x1.048f72p-2f,
     0x1.3a4ff6p-3f,
};

/* sin(pi y) / y in y^2 */
static const float IC_SIN_F32[4] = {
    0x1.921fb6p+1f, -0x1.4abbbap+2f, 0x1.465ec4p+1f, -0x1.2d9b4p-1f,
};

/* (cos(pi y) - 1) / y^2 in y^2; error of the cosine */
static const float IC_COS_F32[4] = {
    -0x1.3bd3ccp+2f, 0x1.03c1eap+2f, -0x1.55cb98p+0f, 0x1.db6492p-3f,
};

/* z / c in c^2 */
static const float IC_CENTRAL_F32[7] = {
    0x1.40d932p+1f, 0x1.4ffdc8p+1f, 0x1.717cb8p+2f, 0x1.f34028p+3f,
     0x1.8f7af6p+5f, 0x1.5a2a24p+6f, 0x1.1a3ca8p+10f,
};

/* row d, column j: coefficient of (m - 3/2)^d in z, p = m 2^(-3-j), 1 <= m < 2 */
static const float IC_OCTAVE_F32[7][32] = {
    {0x1.c63812p-1f, 0x1.51692ap+0f, 0x1.ad0a62p+0f, 0x1.fcc812p+0f,
     0x1.2213b8p+1f, 0x1.429fd2p+1f, 0x1.60b5d4p+1f, 0x1.7ccd7ap+1f,
     0x1.973d58p+1f, 0x1.b04652p+1f, 0x1.c81a78p+1f, 0x1.dee15cp+1f,
     0x1.f4baep+1f, 0x1.04e092p+2f, 0x1.0f04ecp+2f, 0x1.18d3a6p+2f,
     0x1.225482p+2f, 0x1.2b8e2ep+2f, 0x1.348672p+2f, 0x1.3d425ap+2f,
     0x1.45c658p+2f, 0x1.4e1656p+2f, 0x1.5635dp+2f, 0x1.5e27e8p+2f,
     0x1.65ef68p+2f, 0x1.6d8ed8p+2f, 0x1.750884p+2f, 0x1.7c5e7cp+2f,
     0x1.8392aap+2f, 0x1.8aa6c8p+2f, 0x1.919c6ep+2f, 0x1.987516p+2f},
    {-0x1.db8fd4p-2f, -0x1.7e612ap-2f, -0x1.46b63cp-2f, -0x1.2103f8p-2f,
     -0x1.05766ap-2f, -0x1.e084b6p-3f, -0x1.bea6b4p-3f, -0x1.a2d624p-3f,
     -0x1.8b7cecp-3f, -0x1.778ab8p-3f, -0x1.664172p-3f, -0x1.571804p-3f,
     -0x1.49a8cep-3f, -0x1.3da6c4p-3f, -0x1.32d648p-3f, -0x1.29086cp-3f,
     -0x1.2017b8p-3f, -0x1.17e5d4p-3f, -0x1.1059e4p-3f, -0x1.095f58p-3f,
     -0x1.02e4fcp-3f, -0x1.f9b8a8p-4f, -0x1.ee722p-4f, -0x1.e3e152p-4f,
     -0x1.d9f418p-4f, -0x1.d09abcp-4f, -0x1.c7c78cp-4f, -0x1.bf6e8ep-4f,
     -0x1.b78532p-4f, -0x1.b00228p-4f, -0x1.a8dd2ap-4f, -0x1.a20ed8p-4f},
    {0x1.87df34p-4f, 0x1.78646cp-4f, 0x1.5d65aep-4f, 0x1.443cfap-4f,
     0x1.2e96aap-4f, 0x1.1c2b4ap-4f, 0x1.0c6b78p-4f, 0x1.fda844p-5f,
     0x1.e5f73ep-5f, 0x1.d11ed8p-5f, 0x1.be9ebcp-5f, 0x1.ae128p-5f,
     0x1.9f2ad6p-5f, 0x1.91a86ep-5f, 0x1.855836p-5f, 0x1.7a108ap-5f,
     0x1.6faf1ep-5f, 0x1.66177cp-5f, 0x1.5d31c4p-5f, 0x1.54e9d2p-5f,
     0x1.4d2e86p-5f, 0x1.45f132p-5f, 0x1.3f2534p-5f, 0x1.38bf9ap-5f,
     0x1.32b6d8p-5f, 0x1.2d0294p-5f, 0x1.279b78p-5f, 0x1.227b04p-5f,
     0x1.1d9b76p-5f, 0x1.18f7bp-5f, 0x1.148b1ep-5f, 0x1.1051a2p-5f},
    {-0x1.5e6082p-5f, -0x1.3c8e24p-5f, -0x1.240368p-5f, -0x1.0fd968p-5f,
     -0x1.fdcff2p-6f, -0x1.e0facap-6f, -0x1.c82a92p-6f, -0x1.b2953ap-6f,
     -0x1.9f9fd8p-6f, -0x1.8ed2d4p-6f, -0x1.7fd0f6p-6f, -0x1.7250ccp-6f,
     -0x1.6617cep-6f, -0x1.5af6d6p-6f, -0x1.50c77cp-6f, -0x1.476a3p-6f,
     -0x1.3ec4c4p-6f, -0x1.36c14cp-6f, -0x1.2f4d4cp-6f, -0x1.285912p-6f,
     -0x1.21d72ep-6f, -0x1.1bbc12p-6f, -0x1.15fdbep-6f, -0x1.10937cp-6f,
     -0x1.0b75acp-6f, -0x1.069dap-6f, -0x1.02056ep-6f, -0x1.fb4faep-7f,
     -0x1.f3006ap-7f, -0x1.eb14bcp-7f, -0x1.e3852cp-7f, -0x1.dc4b08p-7f},
    {0x1.4857b4p-6f, 0x1.2f0932p-6f, 0x1.192102p-6f, 0x1.06be76p-6f,
     0x1.ee5c28p-7f, 0x1.d3b642p-7f, 0x1.bca59cp-7f, 0x1.a87a5cp-7f,
     0x1.96ad4ep-7f, 0x1.86d592p-7f, 0x1.78a0f6p-7f, 0x1.6bce5p-7f,
     0x1.60295ep-7f, 0x1.5587ccp-7f, 0x1.4bc6f2p-7f, 0x1.42ca2ep-7f,
     0x1.3a79ap-7f, 0x1.32c13ap-7f, 0x1.2b8ffep-7f, 0x1.24d772p-7f,
     0x1.1e8b28p-7f, 0x1.18a064p-7f, 0x1.130dd6p-7f, 0x1.0dcb5ep-7f,
     0x1.08d1dap-7f, 0x1.041b04p-7f, 0x1.ff4294p-8f, 0x1.f6bf84p-8f,
     0x1.eea406p-8f, 0x1.e6e83cp-8f, 0x1.df8516p-8f, 0x1.d8743ap-8f},
    {-0x1.894a2cp-7f, -0x1.6aee7cp-7f, -0x1.51d976p-7f, -0x1.3cbf9ep-7f,
     -0x1.2acb64p-7f, -0x1.1b5838p-7f, -0x1.0de81ep-7f, -0x1.021a8ep-7f,
     -0x1.ef4a1ep-8f, -0x1.dc9b2cp-8f, -0x1.cbcccep-8f, -0x1.bc961ap-8f,
     -0x1.aebc52p-8f, -0x1.a20f9ap-8f, -0x1.9668ap-8f, -0x1.8ba6bcp-8f,
     -0x1.81ae9ep-8f, -0x1.78693cp-8f, -0x1.6fc302p-8f, -0x1.67ab34p-8f,
     -0x1.601368p-8f, -0x1.58ef26p-8f, -0x1.523396p-8f, -0x1.4bd736p-8f,
     -0x1.45d1aep-8f, -0x1.401ba4p-8f, -0x1.3aae9p-8f, -0x1.3584a4p-8f,
     -0x1.3098bp-8f, -0x1.2be60ep-8f, -0x1.27689p-8f, -0x1.231c76p-8f},
    {0x1.ad64p-8f, 0x1.8d8b72p-8f, 0x1.72e244p-8f, 0x1.5c611ap-8f,
     0x1.492aap-8f, 0x1.38945ap-8f, 0x1.2a1becp-8f, 0x1.1d5d52p-8f,
     0x1.120b2ep-8f, 0x1.07e8fep-8f, 0x1.fd8ddcp-9f, 0x1.ecfd72p-9f,
     0x1.dde2e6p-9f, 0x1.d00bbp-9f, 0x1.c34e28p-9f, 0x1.b787a6p-9f,
     0x1.ac9b14p-9f, 0x1.a26fep-9f, 0x1.98f11ep-9f, 0x1.900cep-9f,
     0x1.87b3bp-9f, 0x1.7fd826p-9f, 0x1.786e96p-9f, 0x1.716cc4p-9f,
     0x1.6ac9aep-9f, 0x1.647d6p-9f, 0x1.5e80ccp-9f, 0x1.58cda4p-9f,
     0x1.535e4ep-9f, 0x1.4e2dbcp-9f, 0x1.493766p-9f, 0x1.447732p-9f},
};

/* ln 2, its first 32 bits */
#define IC_LN2_HIGH 0x1.62e42feep-1

/* ln 2 - LN2_HIGH */
#define IC_LN2_LOW 0x1.a39ef35793c76p-33

/* (2 atanh(s) - 2 s) / s^3 in s^2; error relative to 2 atanh(s) */
static const double IC_LOG_F64[7] = {
    0x1.5555555555558p-1, 0x1.99999999952e2p-2, 0x1.2492492df148dp-2, 0x1.c71c62e5800a1p-3,
     0x1.7462b4ab2ef6bp-3, 0x1.39fe606542ddep-3, 0x1.2b584aae78a57p-3,
};

/* -ln 2 / 2 */
#define IC_MINUS_HALF_LN2 -0x1.62e42fefa39efp-2

/* 2 sin(pi y / 2) / y in y^2 */
static const double IC_SIN_F64[7] = {
    0x1.921fb54442d18p+1, -0x1.4abbce625be41p+0, 0x1.466bc677587f8p-3, -0x1.32d2cce2e5b19p-7,
     0x1.50782fda12d96p-12, -0x1.e30071afc3e59p-18, 0x1.e3f38399551bfp-24,
};

/* 2 cos(pi y / 2) in y^2 */
static const double IC_COS_F64[7] = {
    0x1p+1, -0x1.3bd3cc9be459dp+1, 0x1.03c1f081b0df1p-1, -0x1.55d3c7dc39873p-5,
     0x1.e1f4fb7f822cap-10, -0x1.a6c9c7f5fea9bp-15, 0x1.f3dc13a2a597dp-21,
};

/* z / c in c^2 */
static const double IC_CENTRAL_F64[14] = {
    0x1.40d931ff62706p+1, 0x1.4ffddeaa22e3dp+1, 0x1.71713082cad68p+2, 0x1.f55d0d84c0334p+3,
     0x1.7849488286471p+5, 0x1.2ba92838a4231p+7, 0x1.f039c090ff58ap+8, 0x1.a720a3446c56ep+10,
     0x1.68d33552aa323p+12, 0x1.6e04207d016dbp+14, 0x1.87656d6772bf3p+14, 0x1.a97812d04645bp+19,
     -0x1.b8aa5819fc909p+21, 0x1.47b17a814ae46p+24,
};

/* a of each tail piece */
static const double IC_TAIL_ANCHOR[3] = {
    0x1.54679p+1, 0x1.bf6d9ep+2, 0x1.4cb52ap+4,
};

/* row i: z / r in t = (r - a) / (r + a), a = TAIL_ANCHOR[i] */
static const double IC_TAIL_F64[3][20] = {
    {0x1.6c9c35ab5a9bep-1, 0x1.d16d0b4f3124bp-1, -0x1.5e2b3c5e5a9a2p+0, 0x1.96af4489933d9p+0,
     -0x1.bdcb674fbe23fp+0, 0x1.d99dc2dcba7efp+0, -0x1.f050b721b2491p+0, 0x1.0160efd2e824p+1,
     -0x1.094b19f46b098p+1, 0x1.10163b343b3d2p+1, -0x1.161f82b98c909p+1, 0x1.1b79b03a25bep+1,
     -0x1.204cd6bcd43abp+1, 0x1.24b27e26f5c84p+1, -0x1.2984713cd9ef4p+1, 0x1.2d3e96b86e4a2p+1,
     -0x1.2450952cc0a01p+1, 0x1.2771668f4c566p+1, -0x1.9877f237f73eep+1, 0x1.9c125f012c664p+1},
    {0x1.e181f2825029cp-1, 0x1.98dccb9bc816ap-3, -0x1.4c5bd75400113p-2, 0x1.9e02c5f893fc1p-2,
     -0x1.dc9e8aef42455p-2, 0x1.0682887e20da5p-1, -0x1.1a2d211bcbab9p-1, 0x1.2a59e675a7648p-1,
     -0x1.38191da439d5ap-1, 0x1.43f00215e4acp-1, -0x1.4e6017b9ba343p-1, 0x1.57a90d6faea47p-1,
     -0x1.5ffc3d9fbc127p-1, 0x1.679982a0140b3p-1, -0x1.700419b02a4b7p-1, 0x1.76767f98538d6p-1,
     -0x1.67fba7a9184fcp-1, 0x1.6d55c664c9b02p-1, -0x1.0a2447dd62b9cp+0, 0x1.0d56583327e15p+0},
    {0x1.fb4e203e145cdp-1, 0x1.072da86dc5538p-5, -0x1.c48e052a84837p-5, 0x1.292e3f95e1368p-4,
     -0x1.6507c01ba7566p-4, 0x1.9857294334374p-4, -0x1.c5983eb8149bbp-4, 0x1.edd259ff8ffc1p-4,
     -0x1.090657c4acabap-3, 0x1.196a4c21a889bp-3, -0x1.285eb8eefebd1p-3, 0x1.360afe24c81b2p-3,
     -0x1.425c70fdd15f5p-3, 0x1.4df46542f68c6p-3, -0x1.5d10f1882b82fp-3, 0x1.671b00f1e17f1p-3,
     -0x1.43921381b6f5p-3, 0x1.4b954b2497a8fp-3, -0x1.2910ee76c8e6fp-2, 0x1.2ea6d4b394f8bp-2},
};

/* 1 / ln 2 */
#define IC_LOG2_E 0x1.71547652b82fep+0

/* (exp(x) - 1 - x) / x^2 in x; error of exp */
static const double IC_EXP_F64[12] = {
    0x1p-1, 0x1.5555555555555p-3, 0x1.5555555555557p-5, 0x1.1111111111111p-7,
     0x1.6c16c16c15a6cp-10, 0x1.a01a01a0196aep-13, 0x1.a01a01a9e80fep-16, 0x1.71de3a5aa6edbp-19,
     0x1.27e4d41d6f553p-22, 0x1.ae642c8730352p-26, 0x1.1f7f2000f4cf3p-29, 0x1.61bfa22dd3437p-33,
};

/* 1 / sqrt(2 pi) */
#define IC_INV_SQRT_2PI 0x1.9884533d43651p-2

/* (x + 4) (1 - Phi(x)) / phi(x) in t = (x - 4) / (x + 4) */
static const double IC_MILLS_F64[24] = {
    0x1.e4aa012912ddep+0, -0x1.8615d9b49165dp+0, 0x1.f0d9856bc3b08p-1, -0x1.dec30ee6793eep-2,
     0x1.360ce26020a16p-3, -0x1.35aa3c94b762cp-6, -0x1.1dcfea79e7f72p-7, 0x1.0be6d65b75927p-8,
     0x1.5e7b1b99bc037p-12, -0x1.2fb42ec7a9604p-11, -0x1.41005443765dep-18, 0x1.717ef15bacc5p-14,
     0x1.e2387db19f3bcp-20, -0x1.f1f04c472e7bap-17, -0x1.a7b497fea5609p-20, 0x1.57b3482ef4d0ap-19,
     0x1.6dcefddf145eap-21, -0x1.a13930b3b4c74p-22, -0x1.cbfc0aeafe5adp-23, 0x1.1e9743d040351p-25,
     0x1.a74861532975fp-25, 0x1.4a366f4530d85p-28, -0x1.b4cd6df57dacbp-28, -0x1.f74c9a207c913p-30,
};

/* positive nodes of the 16-point Gauss-Legendre rule */
static const double IC_GAUSS_NODE[8] = {
    0x1.852bd6676a9f9p-4, 0x1.205cae642337cp-2, 0x1.d50259a43a772p-2, 0x1.3c5a466d5e8b8p-1,
     0x1.82c45dda4726bp-1, 0x1.bb3403514e483p-1, 0x1.e39f56616f9bp-1, 0x1.fa92c264d787ep-1,
};

/* their weights */
static const double IC_GAUSS_WEIGHT[8] = {
    0x1.83feae80e4dfcp-3, 0x1.75f8c77e0c00fp-3, 0x1.5a6ebbb5a75fcp-3, 0x1.325f61bca3cbfp-3,
     0x1.fe7af2bad386ap-4, 0x1.85c4ee79cc258p-4, 0x1.fdfb1a2c1265dp-5, 0x1.bcddab4b7c211p-6,
};

#endif
