#version 460
#extension GL_GOOGLE_include_directive : require
// add_rows, the first of two passes
//
// Formula    link[k] = the next place that holds the same id (END where none does), and the HEAD bit
//            where no place before it does. So each id that occurs has a chain, in the order of the
//            places, which the second pass walks: no atomics, and the same sum every time.
// Layout     ids (N,), link (N,)
// Workgroup  64 invocations, one place each
layout(local_size_x = 64) in;
#include "flat.glsl"
#include "chain.glsl"

layout(binding = 0) writeonly buffer Link { uint link[]; };
layout(binding = 1) readonly buffer Ids { uint ids[]; };
layout(push_constant) uniform Push { uint n; };

void main() {
    uint k = flat_index();
    if (k >= n) return;
    uint id = ids[k];
    uint before = k;
    while (before > 0u && ids[before - 1u] != id) --before;
    uint next = k + 1u;
    while (next < n && ids[next] != id) ++next;
    link[k] = (next < n ? next : END) | (before == 0u ? HEAD : 0u);
}
