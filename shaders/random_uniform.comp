#version 460
#extension GL_GOOGLE_include_directive : require
// random_uniform
//
// Formula    y[i] = (word i % 4 of block i / 4) >> 8, times 2⁻²⁴. A block is Philox4x32-10 of the
//            counter (block, site, key[2], key[3]) under the key (key[0], key[1]) (Salmon, Moraes,
//            Dror and Shaw 2011): element i depends on its own number only
// Layout     key (4,), y flat, of which element 0 here is that of block `first`
// Workgroup  64 invocations, one block of four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer Key { uint key[]; };
layout(push_constant) uniform Push { uint n; uint first; uint site; };

uvec4 philox(uvec4 counter, uvec2 bump) {
    for (int round = 0; round < 10; ++round) {
        uint high_left, low_left, high_right, low_right;
        umulExtended(counter.x, 0xD2511F53u, high_left, low_left);
        umulExtended(counter.z, 0xCD9E8D57u, high_right, low_right);
        counter = uvec4(high_right ^ counter.y ^ bump.x, low_right,
                        high_left ^ counter.w ^ bump.y, low_left);
        bump += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

void main() {
    uint i = flat_index();
    if (4u * i >= n) return;
    uvec4 words = philox(uvec4(first + i, site, key[2], key[3]), uvec2(key[0], key[1]));
    vec4 numbers = vec4(words >> 8u) * 5.9604644775390625e-8;  // 2⁻²⁴
    if (4u * i + 4u <= n) {
        y4[i] = numbers;
        return;
    }
    for (uint k = 4u * i; k < n; ++k) {
        y[k] = numbers[k % 4u];
    }
}
