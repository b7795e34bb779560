#version 460
#extension GL_GOOGLE_include_directive : require
// gelu_bwd
//
// Formula    dx[i] = g[i]·d gelu(x[i])/dx; see gelu.glsl
// Layout     flat; dx may be the memory of x or g
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "numbers.glsl"
#include "functions.glsl"
#include "gelu.glsl"

layout(binding = 0) writeonly buffer Dx { float dx[]; };
layout(binding = 0) writeonly buffer Dx4 { vec4 dx4[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(binding = 2) readonly buffer G { float g[]; };
layout(binding = 2) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint n; };

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n) return;
    if (first + 4u <= n) {
        dx4[i] = g4[i] * gelu_slope(x4[i]);
        return;
    }
    for (uint k = first; k < n; ++k) {
        dx[k] = g[k] * gelu_slope(vec4(x[k])).x;
    }
}
