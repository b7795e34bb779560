#version 460
#extension GL_GOOGLE_include_directive : require
// take_rows
//
// Formula    y[k, :] = table[ids[k], :]
// Layout     table (V, C), ids (N,), y (N, C), as bits; C a multiple of four where VECTOR
// Workgroup  64 invocations, one element each, or four where VECTOR
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(constant_id = 0) const bool VECTOR = false;

layout(binding = 0) writeonly buffer Y { uint y[]; };
layout(binding = 0) writeonly buffer Y4 { uvec4 y4[]; };
layout(binding = 1) readonly buffer Table { uint table[]; };
layout(binding = 1) readonly buffer Table4 { uvec4 table4[]; };
layout(binding = 2) readonly buffer Ids { uint ids[]; };
layout(push_constant) uniform Push { uint n; uint width; };  // in elements, or in fours

void main() {
    uint i = flat_index();
    if (i >= n) return;
    uint from = ids[i / width] * width + i % width;
    if (VECTOR) {
        y4[i] = table4[from];
    } else {
        y[i] = table[from];
    }
}
