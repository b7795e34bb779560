#version 460
#extension GL_GOOGLE_include_directive : require
// attention and attention_cached, in tiles of shared memory
//
// Formula    s = q·kᵀ/√D for the keys up to the query's own place; p = e^(s − lse); y = p·v, and
//            lse = ln Σ e^s. Keys come in blocks: where one raises the maximum, the sums so far fade
//            to the new one (Dao et al. 2022, arXiv:2205.14135)
// Layout     q in qkv (B, T, 3·H·D), y (B, T, H·D), lse (B, H, T). k and v are in qkv too or, CACHED,
//            in caches of which `position` says how much is older than the T queries
// Workgroup  64 invocations: 32 queries of one head and STRIPS · 32 columns of y; where D has more
//            columns, `windows` workgroups share them. Long rows of keys start first
layout(local_size_x = 64) in;
#define PIECES 2
#define TABLES 1

layout(constant_id = 3) const bool CACHED = false;

layout(binding = 0) writeonly buffer Y { float y_out[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y_out4[]; };
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
    uint windows;
};

layout(constant_id = 2) const bool VECTOR = false;  // D is a multiple of four
#include "numbers.glsl"
#include "functions.glsl"
#include "fours.glsl"

READER(query_at, qkv, qkv4)
READER(key_at, keys, keys4)
READER(value_at, values, values4)
WRITER(write, y_out, y_out4)
#include "tile.glsl"

const float LOWEST = -3.4028234e38;

void main() {
    uint h = gl_WorkGroupID.y / windows;
    uint window = gl_WorkGroupID.y % windows * STRIPS * STRIP;
    uint b = gl_WorkGroupID.z;
    uint past = CACHED ? uint(position[b]) : 0u;
    uint first = (gl_NumWorkGroups.x - 1u - gl_WorkGroupID.x) * SIDE;
    uint rows = min(SIDE, time - first);
    uint known = past + first + rows;  // keys that any of the queries sees
    uint width = heads * size;
    uint q = (b * time + first) * 3u * width + h * size;
    uint k = b * key_batch + h * key_head + key_start;
    uint v = b * key_batch + h * key_head + value_start;
    uvec4 own = past + first + y + uvec4(0u, 8u, 16u, 24u);

    vec4 top = vec4(LOWEST), mass = vec4(0.0);
#define NAME(n) mat4 mean##n = mat4(0.0);
    EACH_STRIP(NAME)

    for (uint j = 0u; j < known; j += SIDE) {
        uint left = known - j - 1u;  // rows past it read this one, and do not count
        mat4 s = mat4(0.0);
        for (uint chunk = 0u; chunk < size; chunk += STEP) {
            BRING_PIECE(0u, query_at, chunk, q + min(r, rows - 1u) * 3u * width)
            BRING_PIECE(1u, key_at, chunk, k + (j + min(r, left)) * key_row)
            barrier();
            s = products(0u, 1u, s);
            barrier();
        }
        vec4 above = top;
#define MASK(c) \
        bvec4 seen##c = greaterThanEqual(own, uvec4(j + x + 8u * c)); \
        s[c] = mix(vec4(LOWEST), s[c] * scale, seen##c); \
        above = max(above, s[c]);
        MASK(0) MASK(1) MASK(2) MASK(3)
        above = largest(above);
        vec4 fade = exponential(top - above);
        top = above;
        mass *= fade;
#define WEIGH(c) \
        s[c] = mix(vec4(0.0), exponential(s[c] - top), seen##c); \
        mass += s[c];
        WEIGH(0) WEIGH(1) WEIGH(2) WEIGH(3)
        keep(0u, s);
#define MEAN(n) \
        if (STRIPS > n) { \
            BRING_STRIP(value_at, window + n * STRIP, v + (j + min(r, left)) * key_row) \
            barrier(); \
            mean##n = weighted(0u, scaled(mean##n, fade)); \
            barrier(); \
        }
        EACH_STRIP(MEAN)
    }

    mass = summed(mass);
    uint to = (b * time + first) * width + h * size;
#define STORE(n) \
    if (STRIPS > n) { \
        store(to, width, rows, window + n * STRIP + 4u * x, scaled(mean##n, 1.0 / mass)); \
    }
    EACH_STRIP(STORE)
    if (CACHED || x != 0u || window != 0u) return;
    uint place = (b * heads + h) * time + first + y;
#define REST(r) if (y + 8u * r < rows) lse[place + 8u * r] = top[r] + log_of_sum(mass[r]);
    REST(0) REST(1) REST(2) REST(3)
}
