#version 460
#extension GL_GOOGLE_include_directive : require
// matmul, linear, up to four rows (as in generation): the form for real GPUs
//
// Formula    product.glsl
// Layout     product.glsl; a in fours along k, b in fours along either axis, one product
// Workgroup  128 invocations. The work is to read b once, so neighbours read neighbouring fours of it:
//            16 fours of a row of b by 8 slices of K, or 8 columns by 16 slices of K. The slices
//            meet in shared memory and are added in order.
layout(local_size_x = 128) in;
#include "product.glsl"

const uint THREADS = 128u;

shared vec4 parts[4u * THREADS];

#define FOUR(DO) DO(0) DO(1) DO(2) DO(3)

void main() {
    uint me = gl_LocalInvocationIndex;
    uint near = me % 16u, far = me / 16u;
    uint first = gl_WorkGroupID.x * (B == ALONG_K ? 8u : 64u);
#define START(r) vec4 sum##r = vec4(0.0); uint row##r = a_at + min(uint(r), M - 1u) * a_row;
    FOUR(START)

    if (B == ALONG_K) {
        uint column = b_at + min(first + far, N - 1u) * b_col;
        for (uint k = 4u * near; k < K; k += 64u) {
            vec4 p = b4[(column + k) / 4u];
#define DOWN(r) sum##r += a4[(row##r + k) / 4u] * p;
            FOUR(DOWN)
        }
    } else {
        uint column = b_at + min(first + 4u * near, N - 4u);
        for (uint k = 4u * far; k < K; k += 32u) {
            vec4 p0 = b4[(column + k * b_row) / 4u], p1 = b4[(column + (k + 1u) * b_row) / 4u];
            vec4 p2 = b4[(column + (k + 2u) * b_row) / 4u], p3 = b4[(column + (k + 3u) * b_row) / 4u];
#define ALONG(r) { \
            vec4 f = a4[(row##r + k) / 4u]; \
            sum##r += f.x * p0; sum##r += f.y * p1; sum##r += f.z * p2; sum##r += f.w * p3; \
            }
            FOUR(ALONG)
        }
    }
#define KEEP(r) parts[r * THREADS + me] = sum##r;
    FOUR(KEEP)
    barrier();

    uint fours = B == ALONG_K ? 2u : 16u;
    if (me >= 4u * fours) return;
    uint m = me / fours, four = me % fours;
    vec4 result = vec4(0.0);
    for (uint s = 0u; s < (B == ALONG_K ? 16u : 8u); ++s) {
        if (B == ALONG_K) {
            uint place = m * THREADS + 64u * four + s;
            result += vec4(dot(parts[place], vec4(1.0)), dot(parts[place + 16u], vec4(1.0)),
                          dot(parts[place + 32u], vec4(1.0)), dot(parts[place + 48u], vec4(1.0)));
        } else {
            result += parts[m * THREADS + s * 16u + four];
        }
    }
    uint n = first + 4u * four;
    store(m < M, y_at + m * y_row, n, result + bias_at(n));
}
