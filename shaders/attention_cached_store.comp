#version 460
#extension GL_GOOGLE_include_directive : require
// attention_cached, the first of two passes: what is new goes into the caches
//
// Formula    keys[b, h, position[b] + n, d] = k[b, n, h, d], and values alike; bits, so NaN too
// Layout     qkv (B, N, 3·H·D), caches (B, H, T, D), `count` = B·N·H·D elements of each
// Workgroup  64 invocations, one element of each cache
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(binding = 0) writeonly buffer Keys { uint keys[]; };
layout(binding = 1) writeonly buffer Values { uint values[]; };
layout(binding = 2) readonly buffer Qkv { uint qkv[]; };
layout(binding = 3) readonly buffer Position { int position[]; };
layout(push_constant) uniform Push { uint count; uint fresh; uint heads; uint size; uint time; };

void main() {
    uint i = flat_index();
    if (i >= count) return;
    uint width = heads * size;
    uint row = i / width, d = i % size, h = i / size % heads;
    uint b = row / fresh, n = row % fresh;
    uint to = ((b * heads + h) * time + uint(position[b]) + n) * size + d;
    uint from = row * 3u * width + i % width;
    keys[to] = qkv[from + width];
    values[to] = qkv[from + 2u * width];
}
