#version 460
#extension GL_GOOGLE_include_directive : require
// matmul, linear: the form for real GPUs
//
// Formula    product.glsl
// Layout     product.glsl; each of a and b in fours along one of its axes, or one by one
// Workgroup  DOWN·ACROSS invocations make a tile of 8·DOWN rows and 8·ACROSS columns of y. They
//            bring 16 steps of K at a time into shared memory, stored so that both sides are read in
//            fours, and multiply while the next 16 are on their way into registers. Each has 8 rows
//            and 8 columns in registers, in quarters half a tile apart, so that neighbours read
//            neighbouring fours; 32 neighbours are 8 across and 4 down. Rows and columns past the end
//            are computed from the last ones, and not stored; steps past the end of K are zeros.
layout(local_size_x_id = 0) in;
#include "product.glsl"

layout(constant_id = 8) const uint DOWN = 8;    // 4, 8, 16
layout(constant_id = 9) const uint ACROSS = 8;  // 8, 16

const uint STEPS = 16u;
const uint THREADS = DOWN * ACROSS;
const uint HIGH = 2u * DOWN;    // fours down a tile
const uint WIDE = 2u * ACROSS;  // fours across a tile
const uint HIGH_PAD = HIGH + 1u;  // steps begin in different banks
const uint WIDE_PAD = WIDE + 1u;
const uint LEFT_EACH = 32u / ACROSS;  // fours that an invocation fetches
const uint RIGHT_EACH = 32u / DOWN;

shared vec4 left_tile[STEPS * HIGH_PAD];
shared vec4 right_tile[STEPS * WIDE_PAD];

#define EIGHT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

uint me, first_row, first_col, a_start, b_start;

// The four number i of a tile of op(a): along m, fours of a step are neighbours; along k, those of a row.
vec4 fetch_left(uint i, uint k) {
    if (A == ALONG_EDGE) {
        k += i / HIGH;
        uint m = min(first_row + i % HIGH * 4u, M - 4u);
        return k < K ? a4[(a_start + m + k * a_col) / 4u] : vec4(0.0);
    }
    uint row = a_start + min(first_row + i / 4u, M - 1u) * a_row;
    k += i % 4u * 4u;
    if (A == ALONG_K) return k < K ? a4[(row + k) / 4u] : vec4(0.0);
    return vec4(k < K ? a[row + k * a_col] : 0.0,
                k + 1u < K ? a[row + (k + 1u) * a_col] : 0.0,
                k + 2u < K ? a[row + (k + 2u) * a_col] : 0.0,
                k + 3u < K ? a[row + (k + 3u) * a_col] : 0.0);
}

void put_left(uint i, vec4 v) {
    if (A == ALONG_EDGE) {
        left_tile[i / HIGH * HIGH_PAD + i % HIGH] = v;
        return;
    }
    uint m = i / 4u, place = i % 4u * 4u * HIGH_PAD + m / 4u;
    left_tile[place][m % 4u] = v.x;
    left_tile[place + HIGH_PAD][m % 4u] = v.y;
    left_tile[place + 2u * HIGH_PAD][m % 4u] = v.z;
    left_tile[place + 3u * HIGH_PAD][m % 4u] = v.w;
}

// The same of op(b).
vec4 fetch_right(uint i, uint k) {
    if (B == ALONG_K) {
        uint n = min(first_col + i / 4u, N - 1u);
        k += i % 4u * 4u;
        return k < K ? b4[(b_start + n * b_col + k) / 4u] : vec4(0.0);
    }
    k += i / WIDE;
    uint n = first_col + i % WIDE * 4u, row = b_start + k * b_row;
    if (k >= K) return vec4(0.0);
    if (B == ALONG_EDGE) return b4[(row + min(n, N - 4u)) / 4u];
    return vec4(b[row + min(n, N - 1u) * b_col], b[row + min(n + 1u, N - 1u) * b_col],
                b[row + min(n + 2u, N - 1u) * b_col], b[row + min(n + 3u, N - 1u) * b_col]);
}

void put_right(uint i, vec4 v) {
    if (B != ALONG_K) {
        right_tile[i / WIDE * WIDE_PAD + i % WIDE] = v;
        return;
    }
    uint n = i / 4u, place = i % 4u * 4u * WIDE_PAD + n / 4u;
    right_tile[place][n % 4u] = v.x;
    right_tile[place + WIDE_PAD][n % 4u] = v.y;
    right_tile[place + 2u * WIDE_PAD][n % 4u] = v.z;
    right_tile[place + 3u * WIDE_PAD][n % 4u] = v.w;
}

// What an invocation fetches of b has the same columns each time, so sums over K are made in passing.
void finish_sums(vec4 own) {
    barrier();
    right_tile[me] = own;
    barrier();
    if (gl_WorkGroupID.y != 0u || me >= WIDE) return;
    vec4 sum = vec4(0.0);
    for (uint i = me; i < THREADS; i += WIDE) sum += right_tile[i];
    add_sums(first_col + 4u * me, sum);
}

void main() {
    me = gl_LocalInvocationIndex;
    uint patch_ = me / 32u;
    uint across = me % 8u + patch_ % (ACROSS / 8u) * 8u;
    uint down = me % 32u / 8u + patch_ / (ACROSS / 8u) * 4u;
    first_row = gl_WorkGroupID.y * 8u * DOWN;
    first_col = gl_WorkGroupID.x * 8u * ACROSS;
    a_start = a_at + gl_WorkGroupID.z * a_batch;
    b_start = b_at + gl_WorkGroupID.z * b_batch;
    vec4 own_sum = vec4(0.0);

#define START(r) vec4 near##r = vec4(0.0), far##r = vec4(0.0); vec4 a_next##r, b_next##r;
    EIGHT(START)
#define FETCH(i) \
    if (i < LEFT_EACH) a_next##i = fetch_left(i * THREADS + me, k); \
    if (i < RIGHT_EACH) b_next##i = fetch_right(i * THREADS + me, k);
#define PUT(i) \
    if (i < LEFT_EACH) put_left(i * THREADS + me, a_next##i); \
    if (i < RIGHT_EACH) { \
        put_right(i * THREADS + me, b_next##i); \
        if (SUMS) own_sum += b_next##i; \
    }
#define STEP(r) { \
    float f = r < 4 ? upper[r % 4] : lower[r % 4]; \
    near##r += f * p; \
    far##r += f * q; \
    }

    uint k = 0u;
    EIGHT(FETCH)
    while (k < K) {
        barrier();
        EIGHT(PUT)
        barrier();
        k += STEPS;
        if (k < K) { EIGHT(FETCH) }
        for (uint s = 0u; s < STEPS; ++s) {
            vec4 upper = left_tile[s * HIGH_PAD + down];
            vec4 lower = left_tile[s * HIGH_PAD + DOWN + down];
            vec4 p = right_tile[s * WIDE_PAD + across];
            vec4 q = right_tile[s * WIDE_PAD + ACROSS + across];
            EIGHT(STEP)
        }
    }

    uint start = y_at + gl_WorkGroupID.z * y_batch;
    uint n = first_col + 4u * across, beside = n + 4u * ACROSS;
    vec4 p_bias = bias_at(n), q_bias = bias_at(beside);
#define STORE(r) { \
    uint m = first_row + 4u * (down + r / 4 * DOWN) + r % 4; \
    store(m < M, start + m * y_row, n, near##r + p_bias); \
    store(m < M, start + m * y_row, beside, far##r + q_bias); \
    }
    EIGHT(STORE)
    if (SUMS) finish_sums(own_sum);
}
