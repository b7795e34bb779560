#version 460
#extension GL_GOOGLE_include_directive : require
// relu
//
// Formula    y[i] = max(x[i], 0), and NaN stays NaN
// Layout     flat; y may be the memory of x
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(push_constant) uniform Push { uint n; };

vec4 relu(vec4 v) { return mix(v, vec4(0.0), lessThan(v, vec4(0.0))); }

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n) return;
    if (first + 4u <= n) {
        y4[i] = relu(x4[i]);
        return;
    }
    for (uint k = first; k < n; ++k) {
        y[k] = relu(vec4(x[k])).x;
    }
}
