// What all forms of a matrix product share: operands, how they lie, and what becomes of a result.
//
//     y[z] = op(a[z]) @ op(b[z]) (+ bias) (+ y);   GELU: pre = that, y = gelu(pre)
//
// op(a)[m, k] lies at a_at + z·a_batch + m·a_row + k·a_col, op(b)[k, n] at b_at + z·b_batch + k·b_row
// + n·b_col, y[m, n] at y_at + z·y_batch + m·y_row + n: a transposition is a matter of strides, and
// so is a block of a matrix that is too large to be seen at once. bias and sums begin at column `from`.

#include "numbers.glsl"
#include "functions.glsl"
#include "gelu.glsl"

layout(constant_id = 1) const int A = 2;            // ALONG_K: in fours along k; ALONG_EDGE: along m
layout(constant_id = 2) const int B = 2;            // ALONG_K: in fours along k; ALONG_EDGE: along n
layout(constant_id = 3) const bool FOURS = false;   // y, pre, bias and sums in fours along n
layout(constant_id = 4) const bool RAGGED = false;  // K is no multiple of four
layout(constant_id = 5) const bool GELU = false;
layout(constant_id = 6) const bool SUMS = false;    // sums[n] += Σ_k op(b)[k, n], by the first rows
layout(constant_id = 7) const bool ACCUMULATE = false;  // add to what y holds

const int ALONG_K = 0, ALONG_EDGE = 1;  // 2: one by one

layout(binding = 0) buffer Y { float y[]; };
layout(binding = 0) buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer Left { float a[]; };
layout(binding = 1) readonly buffer Left4 { vec4 a4[]; };
layout(binding = 2) readonly buffer Right { float b[]; };
layout(binding = 2) readonly buffer Right4 { vec4 b4[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };
layout(binding = 3) readonly buffer Bias4 { vec4 bias4[]; };
layout(binding = 4) writeonly buffer Pre { float pre[]; };
layout(binding = 4) writeonly buffer Pre4 { vec4 pre4[]; };
layout(binding = 5) buffer Sums { float sums[]; };
layout(binding = 5) buffer Sums4 { vec4 sums4[]; };
layout(push_constant) uniform Push {
    uint M;
    uint N;
    uint K;
    uint a_at;
    uint a_row;
    uint a_col;
    uint a_batch;
    uint b_at;
    uint b_row;
    uint b_col;
    uint b_batch;
    uint y_at;
    uint y_row;
    uint y_batch;
    uint from;
    uint biased;  // 1: add bias
};

// The bias of columns n .. n + 3.
vec4 bias_at(uint n) {
    if (biased == 0u) return vec4(0.0);
    if (FOURS) return bias4[(from + min(n, N - 4u)) / 4u];
    uint end = from + N - 1u;
    n += from;
    return vec4(bias[min(n, end)], bias[min(n + 1u, end)],
                bias[min(n + 2u, end)], bias[min(n + 3u, end)]);
}

void store_one(uint place, float v) {
    if (ACCUMULATE) v += y[place];
    if (GELU) pre[place] = v;
    y[place] = GELU ? gelu(vec4(v)).x : v;
}

// Columns n .. n + 3 of a row of y that begins at `row`; `there`: the row is one of y.
void store(bool there, uint row, uint n, vec4 v) {
    if (!there || n >= N) return;
    uint place = row + n;
    if (FOURS) {
        if (ACCUMULATE) v += y4[place / 4u];
        if (GELU) pre4[place / 4u] = v;
        y4[place / 4u] = GELU ? gelu(v) : v;
        return;
    }
    store_one(place, v.x);
    if (n + 1u < N) store_one(place + 1u, v.y);
    if (n + 2u < N) store_one(place + 2u, v.z);
    if (n + 3u < N) store_one(place + 3u, v.w);
}

void add_sums(uint n, vec4 v) {
    if (n >= N) return;
    if (FOURS) {
        sums4[(from + n) / 4u] += v;
        return;
    }
    for (uint c = 0u; c < 4u && n + c < N; ++c) sums[from + n + c] += v[c];
}
