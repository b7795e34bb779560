#version 460
#extension GL_GOOGLE_include_directive : require
// attention_bwd, the second of two passes: dk and dv; in tiles of shared memory
//
// Formula    p = e^(s − lse); ds = p·(g·v − δ)/√D; dv = Σ p·g and dk = Σ ds·q over the queries from
//            the key's own place on
// Layout     qkv and dqkv (B, T, 3·H·D), g (B, T, H·D), lse and δ (B, H, T)
// Workgroup  64 invocations: 32 keys of one head and STRIPS · 32 columns of dk and dv, as in
//            attention_tiled.comp, with keys as rows and queries as columns
layout(local_size_x = 64) in;
#define PIECES 4
#define TABLES 2

layout(binding = 0) writeonly buffer Dqkv { float dqkv[]; };
layout(binding = 0) writeonly buffer Dqkv4 { vec4 dqkv4[]; };
layout(binding = 1) readonly buffer Delta { float delta[]; };
layout(binding = 2) readonly buffer Qkv { float qkv[]; };
layout(binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) readonly buffer Lse { float lse[]; };
layout(binding = 4) readonly buffer G { float g[]; };
layout(binding = 4) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint time; uint heads; uint size; float scale; uint windows; };

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(qkv_at, qkv, qkv4)
READER(g_at, g, g4)
WRITER(write, dqkv, dqkv4)
#include "tile.glsl"

void main() {
    uint h = gl_WorkGroupID.y / windows;
    uint window = gl_WorkGroupID.y % windows * STRIPS * STRIP;
    uint b = gl_WorkGroupID.z;
    uint first = gl_WorkGroupID.x * SIDE;
    uint rows = min(SIDE, time - first);
    uint width = heads * size;
    uint packed = 3u * width;
    uint q = b * time * packed + h * size;
    uint k = q + width + first * packed;
    uint v = k + width;
    uint answer = b * time * width + h * size;
    uint place = (b * heads + h) * time;
    uvec4 row = y + uvec4(0u, 8u, 16u, 24u);

#define NAME(n) mat4 dk##n = mat4(0.0), dv##n = mat4(0.0);
    EACH_STRIP(NAME)

    for (uint j = first; j < time; j += SIDE) {
        uint left = time - j - 1u;  // rows past it read this one, and do not count
        mat4 s = mat4(0.0), dp = mat4(0.0);
        for (uint chunk = 0u; chunk < size; chunk += STEP) {
            BRING_PIECE(0u, qkv_at, chunk, k + min(r, rows - 1u) * packed)
            BRING_PIECE(1u, qkv_at, chunk, q + (j + min(r, left)) * packed)
            BRING_PIECE(2u, qkv_at, chunk, v + min(r, rows - 1u) * packed)
            BRING_PIECE(3u, g_at, chunk, answer + (j + min(r, left)) * width)
            barrier();
            s = products(0u, 1u, s);
            dp = products(2u, 3u, dp);
            barrier();
        }
#define SLOPE(c) \
        { \
            uint query = j + x + 8u * c, at = place + min(query, time - 1u); \
            bvec4 seen = lessThanEqual(first + row, uvec4(query)); \
            if (query >= time) seen = bvec4(false); \
            s[c] = mix(vec4(0.0), exponential(s[c] * scale - lse[at]), seen); \
            dp[c] = mix(vec4(0.0), s[c] * (dp[c] - delta[at]) * scale, seen); \
        }
        SLOPE(0) SLOPE(1) SLOPE(2) SLOPE(3)
        keep(0u, s);
        keep(1u, dp);
#define GRADIENT(n) \
        if (STRIPS > n) { \
            BRING_STRIP(g_at, window + n * STRIP, answer + (j + min(r, left)) * width) \
            barrier(); \
            dv##n = weighted(0u, dv##n); \
            barrier(); \
            BRING_STRIP(qkv_at, window + n * STRIP, q + (j + min(r, left)) * packed) \
            barrier(); \
            dk##n = weighted(1u, dk##n); \
            barrier(); \
        }
        EACH_STRIP(GRADIENT)
    }

#define STORE(n) \
    if (STRIPS > n) { \
        store(k, packed, rows, window + n * STRIP + 4u * x, dk##n); \
        store(v, packed, rows, window + n * STRIP + 4u * x, dv##n); \
    }
    EACH_STRIP(STORE)
}
