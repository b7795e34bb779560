#version 460
#extension GL_GOOGLE_include_directive : require
// where
//
// Formula    y[i] = a[i] where mask[i] ≠ 0, else b[i]; a and b may have one element
// Layout     flat, as bits: what is chosen passes unchanged; y may be the memory of any input
// Workgroup  64 invocations, four elements each
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(constant_id = 0) const bool ONE_A = false;  // a has one element
layout(constant_id = 1) const bool ONE_B = false;  // b has one element

layout(binding = 0) writeonly buffer Y { uint y[]; };
layout(binding = 1) readonly buffer Mask { uint mask[]; };
layout(binding = 2) readonly buffer A { uint a[]; };
layout(binding = 3) readonly buffer B { uint b[]; };
layout(push_constant) uniform Push { uint n; };

void main() {
    uint first = 4u * flat_index();
    for (uint k = first; k < min(first + 4u, n); ++k) {
        bool chosen = (mask[k] & 0x7fffffffu) != 0u;
        y[k] = chosen ? a[ONE_A ? 0u : k] : b[ONE_B ? 0u : k];
    }
}
