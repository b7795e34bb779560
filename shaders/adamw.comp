#version 460
#extension GL_GOOGLE_include_directive : require
// adamw
//
// Formula    g' = g·scale; m = β1·m + (1 − β1)·g'; v = β2·v + (1 − β2)·g'²;
//            p −= lr·(m/c1 / (√(v/c2) + eps) + decay·p). Where ok is 0 nothing is written.
// Layout     p, m, v, g flat; hyper (7,): lr, β1, β2, eps, decay, c1, c2; scale (), ok ()
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "numbers.glsl"
#include "functions.glsl"

layout(binding = 0) buffer P { float p[]; };
layout(binding = 0) buffer P4 { vec4 p4[]; };
layout(binding = 1) buffer M { float m[]; };
layout(binding = 1) buffer M4 { vec4 m4[]; };
layout(binding = 2) buffer V { float v[]; };
layout(binding = 2) buffer V4 { vec4 v4[]; };
layout(binding = 3) readonly buffer G { float g[]; };
layout(binding = 3) readonly buffer G4 { vec4 g4[]; };
layout(binding = 4) readonly buffer Hyper { float hyper[]; };
layout(binding = 5) readonly buffer Scale { float scale[]; };
layout(binding = 6) readonly buffer Ok { float ok[]; };
layout(push_constant) uniform Push { uint n; };

void update(inout vec4 weight, inout vec4 mean, inout vec4 square, vec4 slope) {
    float beta1 = hyper[1], beta2 = hyper[2];
    slope *= scale[0];
    mean = beta1 * mean + (1.0 - beta1) * slope;
    square = beta2 * square + (1.0 - beta2) * (slope * slope);
    vec4 direction = (mean / hyper[5]) / (root(square / hyper[6]) + hyper[3]);
    weight -= hyper[0] * (direction + hyper[4] * weight);
}

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n || magnitude(ok[0]) == 0u) return;
    if (first + 4u <= n) {
        vec4 weight = p4[i], mean = m4[i], square = v4[i];
        update(weight, mean, square, g4[i]);
        p4[i] = weight;
        m4[i] = mean;
        v4[i] = square;
        return;
    }
    for (uint k = first; k < n; ++k) {
        vec4 weight = vec4(p[k]), mean = vec4(m[k]), square = vec4(v[k]);
        update(weight, mean, square, vec4(g[k]));
        p[k] = weight.x;
        m[k] = mean.x;
        v[k] = square.x;
    }
}
