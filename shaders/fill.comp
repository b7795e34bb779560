#version 460
#extension GL_GOOGLE_include_directive : require
// fill
//
// Formula    out[i] = value, any 32-bit number, given as its bits
// Layout     flat
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(binding = 0) writeonly buffer Out { uint values[]; };
layout(binding = 0) writeonly buffer Out4 { uvec4 values4[]; };
layout(push_constant) uniform Push { uint n; uint word; };

void main() {
    uint i = flat_index();
    uint first = 4u * i;
    if (first >= n) return;
    if (first + 4u <= n) {
        values4[i] = uvec4(word);
        return;
    }
    for (uint k = first; k < n; ++k) {
        values[k] = word;
    }
}
