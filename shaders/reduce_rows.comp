#version 460
#extension GL_GOOGLE_include_directive : require
// sum_rows, max_rows
//
// Formula    y[r, s] = Σ or max over the `length` elements of row r from s·length on. One segment
//            is the whole reduction; of several, y is reduced once more.
//            Eight running values, then a tree: a fixed order, and short chains of rounding.
// Layout     x (R, C), y (R, segments); C a multiple of four where VECTOR
// Workgroup  64 invocations, one segment each; no shared memory and no barrier
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "numbers.glsl"

layout(constant_id = 0) const bool MAXIMUM = false;
layout(constant_id = 1) const bool VECTOR = false;

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(push_constant) uniform Push { uint rows; uint cols; uint segments; uint length_; };

const int LEAST = -0x7fffffff - 1;  // below every key

ivec4 keys(vec4 v) { return ivec4(ordered(v.x), ordered(v.y), ordered(v.z), ordered(v.w)); }

vec4 load(uint k) { return VECTOR ? x4[k / 4u] : vec4(x[k], x[k + 1u], x[k + 2u], x[k + 3u]); }

void main() {
    uint i = flat_index();
    if (i >= rows * segments) return;
    uint row = i / segments;
    uint start = (i % segments) * length_;
    uint end = row * cols + min(start + length_, cols);
    uint k = row * cols + start;
    vec4 sums = vec4(0.0), more_sums = vec4(0.0);
    ivec4 top = ivec4(LEAST), more_top = ivec4(LEAST);
    for (; k + 8u <= end; k += 8u) {
        if (MAXIMUM) {
            top = max(top, keys(load(k)));
            more_top = max(more_top, keys(load(k + 4u)));
        } else {
            sums += load(k);
            more_sums += load(k + 4u);
        }
    }
    for (uint lane = 0u; k < end; ++k, ++lane) {
        if (MAXIMUM) {
            top.x = max(top.x, ordered(x[k]));
        } else if (lane < 4u) {
            sums[lane] += x[k];
        } else {
            more_sums[lane - 4u] += x[k];
        }
    }
    top = max(top, more_top);
    sums += more_sums;
    y[i] = MAXIMUM ? unordered(max(max(top.x, top.y), max(top.z, top.w)))
                   : (sums.x + sums.y) + (sums.z + sums.w);
}
