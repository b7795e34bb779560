#version 460
#extension GL_GOOGLE_include_directive : require
// attention_bwd, the first of two passes: δ and dq; in tiles of shared memory
//
// Formula    δ = Σ_d g·y; p = e^(s − lse); ds = p·(g·v − δ)/√D; dq = Σ ds·k over the keys up to the
//            query's own place
// Layout     qkv and dqkv (B, T, 3·H·D), y and g (B, T, H·D), lse and δ (B, H, T)
// Workgroup  64 invocations: 32 queries of one head and STRIPS · 32 columns of dq, as in
//            attention_tiled.comp
layout(local_size_x = 64) in;
#define PIECES 4
#define TABLES 1

layout(binding = 0) writeonly buffer Dqkv { float dqkv[]; };
layout(binding = 0) writeonly buffer Dqkv4 { vec4 dqkv4[]; };
layout(binding = 1) writeonly buffer Delta { float delta[]; };
layout(binding = 2) readonly buffer Qkv { float qkv[]; };
layout(binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) readonly buffer Y { float answers[]; };
layout(binding = 3) readonly buffer Y4 { vec4 answers4[]; };
layout(binding = 4) readonly buffer Lse { float lse[]; };
layout(binding = 5) readonly buffer G { float g[]; };
layout(binding = 5) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint time; uint heads; uint size; float scale; uint windows; };

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(qkv_at, qkv, qkv4)
READER(y_at, answers, answers4)
READER(g_at, g, g4)
WRITER(write, dqkv, dqkv4)
#include "tile.glsl"

void main() {
    uint h = gl_WorkGroupID.y / windows;
    uint window = gl_WorkGroupID.y % windows * STRIPS * STRIP;
    uint b = gl_WorkGroupID.z;
    uint first = (gl_NumWorkGroups.x - 1u - gl_WorkGroupID.x) * SIDE;
    uint rows = min(SIDE, time - first);
    uint known = first + rows;  // keys that any of the queries sees
    uint width = heads * size;
    uint packed = 3u * width;
    uint q = (b * time + first) * packed + h * size;
    uint k = b * time * packed + width + h * size;
    uint v = k + width;
    uint answer = (b * time + first) * width + h * size;
    uint place = (b * heads + h) * time + first;
    uvec4 row = y + uvec4(0u, 8u, 16u, 24u);

    vec4 sum = vec4(0.0), level = vec4(0.0);
#define START(r) \
    { \
        uint own = min(row[r], rows - 1u); \
        level[r] = lse[place + own]; \
        for (uint d = 4u * x; d < size; d += 32u) { \
            uint at = answer + own * width + d; \
            sum[r] += total(g_at(at, size - d, 0.0) * y_at(at, size - d, 0.0)); \
        } \
    }
    START(0) START(1) START(2) START(3)
    sum = summed(sum);
#define NAME(n) mat4 dq##n = mat4(0.0);
    EACH_STRIP(NAME)

    for (uint j = 0u; j < known; j += SIDE) {
        uint left = known - j - 1u;  // rows past it read this one, and do not count
        mat4 s = mat4(0.0), dp = mat4(0.0);
        for (uint chunk = 0u; chunk < size; chunk += STEP) {
            BRING_PIECE(0u, qkv_at, chunk, q + min(r, rows - 1u) * packed)
            BRING_PIECE(1u, qkv_at, chunk, k + (j + min(r, left)) * packed)
            BRING_PIECE(2u, g_at, chunk, answer + min(r, rows - 1u) * width)
            BRING_PIECE(3u, qkv_at, chunk, v + (j + min(r, left)) * packed)
            barrier();
            s = products(0u, 1u, s);
            dp = products(2u, 3u, dp);
            barrier();
        }
#define SLOPE(c) \
        dp[c] = exponential(s[c] * scale - level) * (dp[c] - sum) * scale; \
        dp[c] = mix(vec4(0.0), dp[c], greaterThanEqual(first + row, uvec4(j + x + 8u * c)));
        SLOPE(0) SLOPE(1) SLOPE(2) SLOPE(3)
        keep(0u, dp);
#define GRADIENT(n) \
        if (STRIPS > n) { \
            BRING_STRIP(qkv_at, window + n * STRIP, k + (j + min(r, left)) * packed) \
            barrier(); \
            dq##n = weighted(0u, dq##n); \
            barrier(); \
        }
        EACH_STRIP(GRADIENT)
    }

#define STORE(n) \
    if (STRIPS > n) store(q, packed, rows, window + n * STRIP + 4u * x, dq##n);
    EACH_STRIP(STORE)
    if (x != 0u || window != 0u) return;
#define REST(r) if (row[r] < rows) delta[place + row[r]] = sum[r];
    REST(0) REST(1) REST(2) REST(3)
}
