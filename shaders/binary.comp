#version 460
#extension GL_GOOGLE_include_directive : require
// add, sub, mul, div, maximum, less
//
// Formula    y[i] = a[i] OP b[i], or a[i] OP b[0] where b has one element
// Layout     flat; y may be the memory of a or b, since an invocation reads before it writes
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "numbers.glsl"

layout(constant_id = 0) const int OP = 0;  // add 0, sub 1, mul 2, div 3, maximum 4, less 5
layout(constant_id = 1) const bool ONE = false;  // b has one element

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer A4 { vec4 a4[]; };
layout(binding = 2) readonly buffer B { float b[]; };
layout(binding = 2) readonly buffer B4 { vec4 b4[]; };
layout(push_constant) uniform Push { uint n; };

float maximum(float p, float q) {
    int key = max(ordered(p), ordered(q));
    return key == ordered(p) ? p : q;
}

float less(float p, float q) {
    return !is_nan(p) && ordered(p) < ordered(q) && !is_nan(q) ? 1.0 : 0.0;
}

vec4 result(vec4 p, vec4 q) {
    if (OP == 0) return p + q;
    if (OP == 1) return p - q;
    if (OP == 2) return p * q;
    if (OP == 3) return p / q;
    vec4 r;
    for (int k = 0; k < 4; ++k) {
        r[k] = OP == 4 ? maximum(p[k], q[k]) : less(p[k], q[k]);
    }
    return r;
}

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n) return;
    if (first + 4u <= n) {
        y4[i] = result(a4[i], ONE ? vec4(b[0]) : b4[i]);
        return;
    }
    for (uint k = first; k < n; ++k) {
        y[k] = result(vec4(a[k]), vec4(ONE ? b[0] : b[k])).x;
    }
}
