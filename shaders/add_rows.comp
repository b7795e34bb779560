#version 460
#extension GL_GOOGLE_include_directive : require
// add_rows, the second of two passes
//
// Formula    out[ids[k], :] += rows[k, :] for every k, in the order of k
// Layout     out (V, C), ids (N,), rows (N, C), link (N,) from the first pass
// Workgroup  64 invocations, one column of a chain each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "chain.glsl"

layout(binding = 0) buffer Out { float table[]; };
layout(binding = 1) readonly buffer Ids { uint ids[]; };
layout(binding = 2) readonly buffer Rows { float rows[]; };
layout(binding = 3) readonly buffer Link { uint link[]; };
layout(push_constant) uniform Push { uint n; uint width; };  // n: all elements of rows

void main() {
    uint i = flat_index();
    if (i >= n) return;
    uint k = i / width;
    uint column = i % width;
    if ((link[k] & HEAD) == 0u) return;
    uint to = ids[k] * width + column;
    float sum = table[to];
    for (; k != END; k = link[k] & ~HEAD) {
        sum += rows[k * width + column];
    }
    table[to] = sum;
}
