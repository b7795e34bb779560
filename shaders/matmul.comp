#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
// matmul, linear: the form for software drivers, without shared memory and barriers
//
// Formula    product.glsl
// Layout     product.glsl; each of a and b in fours along one of its axes, or one by one
// Workgroup  LANES invocations that are one subgroup; they make 2·LANES rows (or the first ROWS of
//            them) by 4·LANES columns of y, or twice the columns where WIDE, and take K in steps of
//            four. What such a driver is slow at is loading: it does so lane by lane, also where all
//            want the same. So each element is loaded by one lane: of b, the four columns that are
//            its own; of a, two fours of whatever rows, which the others get by a shuffle with a
//            constant index: one instruction. Arrays where names will do, and barriers, would cost
//            3 times the speed: hence the macros. Rows and columns past the end are computed from
//            the last ones, and not stored; steps past the end of K are zeros.
layout(local_size_x_id = 0) in;
#include "product.glsl"

layout(constant_id = 8) const uint LANES = 8;  // 4 or 8, at most a subgroup
layout(constant_id = 9) const uint ROWS = 16;
layout(constant_id = 10) const bool WIDE = false;

#define EACH_ROW(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) \
    DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

const uint ACROSS = LANES / 2u;  // fours of a along m in a tile

// Push constants, read once: inside of a loop a software driver reads them lane by lane.
uint rows, columns, depth, a_step, b_step;

// Where the four number i of a begins at k = 0. It is of row i along k, or along m of step i / ACROSS.
uint a_start(uint first, uint i) {
    uint start = a_at + gl_WorkGroupID.z * a_batch;
    if (A == ALONG_EDGE) return start + min(first + i % ACROSS * 4u, M - 4u);
    return start + min(first + i, M - 1u) * a_row;
}

uint inside(uint k) { return RAGGED ? min(k, depth - 1u) : k; }

vec4 a_four(uint start, uint i, uint k) {
    if (A == ALONG_K) return a4[(start + k) / 4u];
    if (A == ALONG_EDGE) {
        k += i / ACROSS;
        vec4 v = a4[(start + inside(k) * a_step) / 4u];
        return RAGGED && k >= depth ? vec4(0.0) : v;
    }
    vec4 v = vec4(a[start + k * a_step], a[start + inside(k + 1u) * a_step],
                  a[start + inside(k + 2u) * a_step], a[start + inside(k + 3u) * a_step]);
    if (!RAGGED) return v;
    uint there = depth - k;
    return vec4(v.x, there > 1u ? v.y : 0.0, there > 2u ? v.z : 0.0, there > 3u ? v.w : 0.0);
}

// Where the columns n .. n + 3 of b begin at k = 0.
uvec4 b_start(uint n) {
    uint start = b_at + gl_WorkGroupID.z * b_batch;
    if (B == ALONG_EDGE) return uvec4(start + min(n, N - 4u));
    return start + min(uvec4(n, n + 1u, n + 2u, n + 3u), uvec4(N - 1u)) * b_col;
}

// op(b)[k, n .. n + 3]
vec4 b_across(uvec4 start, uint k) {
    uvec4 at = start + inside(k) * b_step;
    vec4 v = B == ALONG_EDGE ? b4[at.x / 4u] : vec4(b[at.x], b[at.y], b[at.z], b[at.w]);
    return RAGGED && k >= depth ? vec4(0.0) : v;
}

// Row j is op(b)[k + j, n .. n + 3]
mat4 b_block(uvec4 start, uint k) {
    if (B == ALONG_K) {
        uvec4 at = (start + k) / 4u;
        return transpose(mat4(b4[at.x], b4[at.y], b4[at.z], b4[at.w]));
    }
    return mat4(b_across(start, k), b_across(start, k + 1u), b_across(start, k + 2u),
                b_across(start, k + 3u));
}

vec4 low, high;  // this lane's fours of a: number `lane` and number LANES + `lane`

float from_lane(uint i, uint c) {
    return i < LANES ? subgroupShuffle(low[c], i) : subgroupShuffle(high[c], i - LANES);
}

// op(a)[first + r, k + j]
float a_value(uint r, uint j) {
    return A == ALONG_EDGE ? from_lane(j * ACROSS + r / 4u, r % 4u) : from_lane(r, j);
}

void main() {
    rows = M; columns = N; depth = K; a_step = a_col; b_step = b_row;
    uint lane = gl_SubgroupInvocationID % LANES;
    uint first = gl_WorkGroupID.y * min(ROWS, 2u * LANES);
    uint n = gl_WorkGroupID.x * (WIDE ? 8u : 4u) * LANES + 4u * gl_LocalInvocationIndex;
    uint beside = n + 4u * LANES;
    uint low_start = a_start(first, lane), high_start = a_start(first, LANES + lane);
    uvec4 p_start = b_start(n), q_start = b_start(beside);
    vec4 p_sum = vec4(0.0), q_sum = vec4(0.0);
    vec4 p_bias = bias_at(n), q_bias = WIDE ? bias_at(beside) : vec4(0.0);
    uint row = y_at + gl_WorkGroupID.z * y_batch + first * y_row, row_step = y_row;

#define START(r) vec4 left##r = vec4(0.0), right##r = vec4(0.0);
    EACH_ROW(START)

    for (uint k = 0u; k < depth; k += 4u) {
        low = a_four(low_start, lane, k);
        high = a_four(high_start, LANES + lane, k);
        mat4 p = b_block(p_start, k);
        mat4 q = WIDE ? b_block(q_start, k) : mat4(0.0);
        if (SUMS) {
            p_sum += p[0]; p_sum += p[1]; p_sum += p[2]; p_sum += p[3];
            q_sum += q[0]; q_sum += q[1]; q_sum += q[2]; q_sum += q[3];
        }
#define STEP(r) if (r < ROWS && r < 2u * LANES) { \
    vec4 f = vec4(a_value(r, 0), a_value(r, 1), a_value(r, 2), a_value(r, 3)); \
    left##r += f.x * p[0]; left##r += f.y * p[1]; left##r += f.z * p[2]; left##r += f.w * p[3]; \
    if (WIDE) { \
        right##r += f.x * q[0]; right##r += f.y * q[1]; \
        right##r += f.z * q[2]; right##r += f.w * q[3]; \
    } }
        EACH_ROW(STEP)
    }

#define STORE(r) if (r < ROWS && r < 2u * LANES) { \
    store(first + r < rows, row + r * row_step, n, left##r + p_bias); \
    if (WIDE) store(first + r < rows, row + r * row_step, beside, right##r + q_bias); \
    }
    EACH_ROW(STORE)
    if (SUMS && gl_WorkGroupID.y == 0u) {
        add_sums(n, p_sum);
        if (WIDE) add_sums(beside, q_sum);
    }
}
