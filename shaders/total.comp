#version 460
#extension GL_GOOGLE_include_directive : require
// sumsq, and the mean of losses: Σ over all elements
//
// Formula    y[first + s] = scale·Σ x[i], or x[i]² where SQUARE, over segment s, `segment` elements.
//            One segment is the whole sum; of several, y is summed once more.
// Layout     x flat, n elements; y (more than segments,)
// Workgroup  LOCAL_X invocations, LANES of them on a segment (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"

layout(constant_id = 3) const bool SQUARE = false;

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(push_constant) uniform Push { uint n; uint segment; uint first; float scale; };

vec4 addend(vec4 v) { return SQUARE ? v * v : v; }

void main() {
    uint start = min(own_row() * segment, n);
    uint end = min(start + segment, n);
    uint i = start + first_four();
    vec4 sums = vec4(0.0), more_sums = vec4(0.0);
    for (; i + STRIDE + 4u <= end; i += 2u * STRIDE) {
        sums += addend(x4[i / 4u]);
        more_sums += addend(x4[(i + STRIDE) / 4u]);
    }
    if (i + 4u <= end) {
        sums += addend(x4[i / 4u]);
        i += STRIDE;
    }
    if (i < end) {  // less than four, at the end of all
        vec4 rest = vec4(x[i], 0.0, 0.0, 0.0);
        if (i + 1u < end) rest.y = x[i + 1u];
        if (i + 2u < end) rest.z = x[i + 2u];
        more_sums += addend(rest);
    }
    float sum = over_lanes(total(sums + more_sums));
    if (start < end && lane() == 0u) y[first + own_row()] = sum * scale;
}
