#version 460
#extension GL_GOOGLE_include_directive : require
// attention and attention_cached, the form without shared memory and barriers, for software drivers
//
// Formula    s = q·kᵀ/√D for the keys up to the query's own place; p = e^(s − lse); y = p·v, and
//            lse = ln Σ e^s. Keys come one by one: where one is above the maximum so far, the sums
//            fade to the new one (Milakov and Gimelshein 2018, arXiv:1805.02867)
// Layout     q in qkv (B, T, 3·H·D), y (B, T, H·D), lse (B, H, T). k and v are in qkv too or, CACHED,
//            in caches of which `position` says how much is older than the T queries
// Workgroup  8 invocations, ROWS queries of one head in each, in registers. All of them need the same
//            key at a time, so what is loaded for one product serves ROWS of them
layout(local_size_x = 8) in;
#include "unrolled.glsl"

layout(constant_id = 3) const bool CACHED = false;

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) writeonly buffer Lse { float lse[]; };
layout(binding = 2) readonly buffer Qkv { float qkv[]; };
layout(binding = 2) readonly buffer Qkv4 { vec4 qkv4[]; };
layout(binding = 3) readonly buffer Keys { float keys[]; };
layout(binding = 3) readonly buffer Keys4 { vec4 keys4[]; };
layout(binding = 4) readonly buffer Values { float values[]; };
layout(binding = 4) readonly buffer Values4 { vec4 values4[]; };
layout(binding = 5) readonly buffer Position { int position[]; };
layout(push_constant) uniform Push {
    uint time;
    uint heads;
    uint size;
    uint key_row;  // elements from one key to the next, from a head, from a sequence
    uint key_head;
    uint key_batch;
    uint key_start;
    uint value_start;
    float scale;
};

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(query_at, qkv, qkv4)
READER(key_at, keys, keys4)
READER(value_at, values, values4)
WRITER(write, y, y4)

const float LOWEST = -3.4028234e38;

void main() {
    uint h = gl_WorkGroupID.y;
    uint b = gl_WorkGroupID.z;
    uint past = CACHED ? uint(position[b]) : 0u;
    uint first = gl_WorkGroupID.x * 8u * ROWS;
    uint last = past + min(first + 8u * ROWS, time) - 1u;
    uint t = first + gl_LocalInvocationID.x;  // of row r: t + 8·r
    uint width = heads * size;
    uint k = b * key_batch + h * key_head + key_start;
    uint v = b * key_batch + h * key_head + value_start;

#define START(r) \
    uint row##r = b * time + min(t + 8u * r, time - 1u); \
    uint from##r = row##r * 3u * width + h * size; \
    bool there##r = ROWS > r && t + 8u * r < time; \
    float top##r = LOWEST; \
    precise float mass##r = 0.0;
    EACH_ROW(START)
#define NAME(r, c) \
    vec4 q##r##_##c; \
    precise vec4 mean##r##_##c; \
    if (ROWS > r && CHUNKS > c) { \
        q##r##_##c = query_at(from##r + 4u * c, size - 4u * c, 0.0); \
        mean##r##_##c = vec4(0.0); \
    }
#define NAMES(c, OF) OF(NAME, c)
    EACH_CHUNK(NAMES)

    for (uint j = 0u; j <= last; ++j) {
#define ZERO(r) precise vec4 s##r = vec4(0.0);
        EACH_ROW(ZERO)
#define SCORE(r, c) if (ROWS > r) s##r += q##r##_##c * key;
#define SCORES(c, OF) \
        if (CHUNKS > c) { \
            vec4 key = key_at(k + 4u * c, size - 4u * c, 0.0); \
            OF(SCORE, c) \
        }
        EACH_CHUNK(SCORES)
#define WEIGH(r) \
        float p##r = 0.0, fade##r = 1.0; \
        if (ROWS > r) { \
            precise float score = added(s##r) * scale; \
            bool seen = j <= past + t + 8u * r, higher = seen && score > top##r; \
            float fall = exponential(-abs(score - top##r)); \
            fade##r = higher ? fall : 1.0; \
            p##r = higher ? 1.0 : seen ? fall : 0.0; \
            top##r = higher ? score : top##r; \
            mass##r = mass##r * fade##r + p##r; \
        }
        EACH_ROW(WEIGH)
#define MEAN(r, c) if (ROWS > r) mean##r##_##c = mean##r##_##c * fade##r + p##r * value;
#define MEANS(c, OF) \
        if (CHUNKS > c) { \
            vec4 value = value_at(v + 4u * c, size - 4u * c, 0.0); \
            OF(MEAN, c) \
        }
        EACH_CHUNK(MEANS)
        k += key_row;
        v += key_row;
    }

#define STORE(r, c) \
    if (there##r && CHUNKS > c) { \
        write(row##r * width + h * size + 4u * c, size - 4u * c, mean##r##_##c / mass##r); \
    }
#define STORES(c, OF) OF(STORE, c)
    EACH_CHUNK(STORES)
#define REST(r) \
    if (there##r && !CACHED) { \
        lse[(b * heads + h) * time + t + 8u * r] = top##r + log_of_sum(mass##r); \
    }
    EACH_ROW(REST)
}
