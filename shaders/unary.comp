#version 460
#extension GL_GOOGLE_include_directive : require
// exp, log, sqrt, tanh
//
// Formula    y[i] = f(a[i]). A driver's own functions are only good for ordinary arguments: what the
//            specification leaves open (NaN, infinity, zero, below zero, subnormal) is settled here.
//            tanh x = ±(1 − 2/(e^2|x| + 1)), which is exact at both ends and never inf/inf;
//            below 1/8 it is the series x − x³/3 + 2x⁵/15 − 17x⁷/315, where that form cancels.
// Layout     flat; y may be the memory of a
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "numbers.glsl"

layout(constant_id = 0) const int OP = 0;  // exp 0, log 1, sqrt 2, tanh 3

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer A4 { vec4 a4[]; };
layout(push_constant) uniform Push { uint n; };

const float LN2 = 0.69314718056;
const uint SMALLEST_NORMAL = 0x00800000u;

bool is_negative(float x) { return floatBitsToInt(x) < 0 && magnitude(x) != 0u; }

float logarithm(float x) {
    uint bits = magnitude(x);
    if (bits == 0u) return uintBitsToFloat(INFINITY | 0x80000000u);
    if (is_negative(x) || is_nan(x)) return uintBitsToFloat(NAN);
    if (bits == INFINITY) return x;
    if (bits < SMALLEST_NORMAL) return log(float(bits)) - 149.0 * LN2;  // bits · 2^−149
    return log(x);
}

float root(float x) {
    if (magnitude(x) == 0u || floatBitsToUint(x) == INFINITY) return x;
    if (is_negative(x) || is_nan(x)) return uintBitsToFloat(NAN);
    return sqrt(x);
}

float exponential(float x) {
    return is_nan(x) ? x : exp(x);
}

float tangent(float x) {
    if (is_nan(x)) return x;
    float far = abs(x);
    if (far < 0.125) {
        float s = x * x;
        return x + x * s * (-1.0 / 3.0 + s * (2.0 / 15.0 - s * (17.0 / 315.0)));
    }
    float t = 1.0 - 2.0 / (exp(2.0 * min(far, 20.0)) + 1.0);
    return x < 0.0 ? -t : t;
}

float result(float x) {
    if (OP == 0) return exponential(x);
    if (OP == 1) return logarithm(x);
    if (OP == 2) return root(x);
    return tangent(x);
}

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n) return;
    if (first + 4u <= n) {
        vec4 x = a4[i];
        y4[i] = vec4(result(x.x), result(x.y), result(x.z), result(x.w));
        return;
    }
    for (uint k = first; k < n; ++k) {
        y[k] = result(a[k]);
    }
}
