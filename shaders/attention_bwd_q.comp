#version 460
#extension GL_GOOGLE_include_directive : require
// attention_bwd, the first of two passes: δ and dq; without shared memory and barriers, for software
// drivers
//
// Formula    δ = Σ_d g·y; p = e^(s − lse); ds = p·(g·v − δ)/√D; dq = Σ ds·k over the keys up to the
//            query's own place
// Layout     qkv and dqkv (B, T, 3·H·D), y and g (B, T, H·D), lse and δ (B, H, T)
// Workgroup  8 invocations, ROWS queries of one head in each, as in attention.comp
layout(local_size_x = 8) in;
#include "unrolled.glsl"

layout(binding = 0) writeonly buffer Dqkv { float dqkv[]; };
layout(binding = 0) writeonly buffer Dqkv4 { vec4 dqkv4[]; };
layout(binding = 1) writeonly buffer Delta { float delta[]; };
layout(binding = 2) readonly buffer Qkv { float qkv[]; };
layout(binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) readonly buffer Y { float y[]; };
layout(binding = 3) readonly buffer Y4 { vec4 y4[]; };
layout(binding = 4) readonly buffer Lse { float lse[]; };
layout(binding = 5) readonly buffer G { float g[]; };
layout(binding = 5) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint time; uint heads; uint size; float scale; };

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(qkv_at, qkv, qkv4)
READER(y_at, y, y4)
READER(g_at, g, g4)
WRITER(write, dqkv, dqkv4)

void main() {
    uint h = gl_WorkGroupID.y;
    uint b = gl_WorkGroupID.z;
    uint first = gl_WorkGroupID.x * 8u * ROWS;
    uint last = min(first + 8u * ROWS, time) - 1u;
    uint t = first + gl_LocalInvocationID.x;  // of row r: t + 8·r
    uint width = heads * size;
    uint k = b * time * 3u * width + width + h * size;
    uint v = k + width;

#define START(r) \
    uint row##r = b * time + min(t + 8u * r, time - 1u); \
    uint from##r = row##r * 3u * width + h * size; \
    uint answer##r = row##r * width + h * size; \
    uint place##r = (b * heads + h) * time + min(t + 8u * r, time - 1u); \
    bool there##r = ROWS > r && t + 8u * r < time; \
    float level##r = 0.0; \
    precise float sum##r = 0.0; \
    if (ROWS > r) level##r = lse[place##r];
    EACH_ROW(START)
#define NAME(r, c) \
    vec4 q##r##_##c, g##r##_##c; \
    precise vec4 dq##r##_##c; \
    if (ROWS > r && CHUNKS > c) { \
        q##r##_##c = qkv_at(from##r + 4u * c, size - 4u * c, 0.0); \
        g##r##_##c = g_at(answer##r + 4u * c, size - 4u * c, 0.0); \
        dq##r##_##c = vec4(0.0); \
        sum##r += added(g##r##_##c * y_at(answer##r + 4u * c, size - 4u * c, 0.0)); \
    }
#define NAMES(c, OF) OF(NAME, c)
    EACH_CHUNK(NAMES)

    for (uint j = 0u; j <= last; ++j) {
#define ZERO(r) precise vec4 s##r = vec4(0.0), dp##r = vec4(0.0);
        EACH_ROW(ZERO)
#define SCORE(r, c) \
        if (ROWS > r) { \
            s##r += q##r##_##c * k##c; \
            dp##r += g##r##_##c * value; \
        }
#define SCORES(c, OF) \
        vec4 k##c; \
        if (CHUNKS > c) { \
            k##c = qkv_at(k + 4u * c, size - 4u * c, 0.0); \
            vec4 value = qkv_at(v + 4u * c, size - 4u * c, 0.0); \
            OF(SCORE, c) \
        }
        EACH_CHUNK(SCORES)
#define SLOPE(r) \
        precise float ds##r = 0.0; \
        if (ROWS > r) { \
            precise float p = exponential(added(s##r) * scale - level##r); \
            ds##r = j <= t + 8u * r ? p * (added(dp##r) - sum##r) * scale : 0.0; \
        }
        EACH_ROW(SLOPE)
#define GRADIENT(r, c) if (ROWS > r) dq##r##_##c += ds##r * k##c;
#define GRADIENTS(c, OF) if (CHUNKS > c) { OF(GRADIENT, c) }
        EACH_CHUNK(GRADIENTS)
        k += 3u * width;
        v += 3u * width;
    }

#define STORE(r, c) if (there##r && CHUNKS > c) write(from##r + 4u * c, size - 4u * c, dq##r##_##c);
#define STORES(c, OF) OF(STORE, c)
    EACH_CHUNK(STORES)
#define REST(r) if (there##r) delta[place##r] = sum##r;
    EACH_ROW(REST)
}
