#version 460
#extension GL_GOOGLE_include_directive : require
// attention_bwd, the second of two passes: dk and dv; without shared memory and barriers, for
// software drivers
//
// Formula    p = e^(s − lse); ds = p·(g·v − δ)/√D; dv = Σ p·g and dk = Σ ds·q over the queries from
//            the key's own place on
// Layout     qkv and dqkv (B, T, 3·H·D), g (B, T, H·D), lse and δ (B, H, T)
// Workgroup  8 invocations, ROWS keys of one head in each, in registers. All of them need the same
//            query at a time
layout(local_size_x = 8) in;
#include "unrolled.glsl"

layout(binding = 0) writeonly buffer Dqkv { float dqkv[]; };
layout(binding = 0) writeonly buffer Dqkv4 { vec4 dqkv4[]; };
layout(binding = 1) readonly buffer Delta { float delta[]; };
layout(binding = 2) readonly buffer Qkv { float qkv[]; };
layout(binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) readonly buffer Lse { float lse[]; };
layout(binding = 4) readonly buffer G { float g[]; };
layout(binding = 4) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint time; uint heads; uint size; float scale; };

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(qkv_at, qkv, qkv4)
READER(g_at, g, g4)
WRITER(write, dqkv, dqkv4)

void main() {
    uint h = gl_WorkGroupID.y;
    uint b = gl_WorkGroupID.z;
    uint first = gl_WorkGroupID.x * 8u * ROWS;
    uint u = first + gl_LocalInvocationID.x;  // of row r: u + 8·r
    uint width = heads * size;
    uint q = (b * time + first) * 3u * width + h * size;
    uint answer = (b * time + first) * width + h * size;
    uint place = (b * heads + h) * time;

#define START(r) \
    uint from##r = (b * time + min(u + 8u * r, time - 1u)) * 3u * width + width + h * size; \
    bool there##r = ROWS > r && u + 8u * r < time;
    EACH_ROW(START)
#define NAME(r, c) \
    vec4 k##r##_##c, v##r##_##c; \
    precise vec4 dk##r##_##c, dv##r##_##c; \
    if (ROWS > r && CHUNKS > c) { \
        k##r##_##c = qkv_at(from##r + 4u * c, size - 4u * c, 0.0); \
        v##r##_##c = qkv_at(from##r + width + 4u * c, size - 4u * c, 0.0); \
        dk##r##_##c = vec4(0.0); \
        dv##r##_##c = vec4(0.0); \
    }
#define NAMES(c, OF) OF(NAME, c)
    EACH_CHUNK(NAMES)

    for (uint i = first; i < time; ++i) {
        float level = lse[place + i], sum = delta[place + i];
#define ZERO(r) precise vec4 s##r = vec4(0.0), dp##r = vec4(0.0);
        EACH_ROW(ZERO)
#define SCORE(r, c) \
        if (ROWS > r) { \
            s##r += k##r##_##c * q##c; \
            dp##r += v##r##_##c * g##c; \
        }
#define SCORES(c, OF) \
        vec4 q##c, g##c; \
        if (CHUNKS > c) { \
            q##c = qkv_at(q + 4u * c, size - 4u * c, 0.0); \
            g##c = g_at(answer + 4u * c, size - 4u * c, 0.0); \
            OF(SCORE, c) \
        }
        EACH_CHUNK(SCORES)
#define SLOPE(r) \
        precise float p##r = 0.0, ds##r = 0.0; \
        if (ROWS > r) { \
            p##r = i >= u + 8u * r ? exponential(added(s##r) * scale - level) : 0.0; \
            ds##r = p##r * (added(dp##r) - sum) * scale; \
        }
        EACH_ROW(SLOPE)
#define GRADIENT(r, c) \
        if (ROWS > r) { \
            dk##r##_##c += ds##r * q##c; \
            dv##r##_##c += p##r * g##c; \
        }
#define GRADIENTS(c, OF) if (CHUNKS > c) { OF(GRADIENT, c) }
        EACH_CHUNK(GRADIENTS)
        q += 3u * width;
        answer += width;
    }

#define STORE(r, c) \
    if (there##r && CHUNKS > c) { \
        write(from##r + 4u * c, size - 4u * c, dk##r##_##c); \
        write(from##r + width + 4u * c, size - 4u * c, dv##r##_##c); \
    }
#define STORES(c, OF) OF(STORE, c)
    EACH_CHUNK(STORES)
}
