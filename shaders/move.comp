#version 460
#extension GL_GOOGLE_include_directive : require
// move
//
// Formula    out[out_offset + Σ i·out_strides] = x[x_offset + Σ i·x_strides], i within shape
// Layout     any strides, in elements of 32 bits; the last axis runs fastest. Where FOURS, the last
//            axis is a whole number of fours and counted in them; a four that lies together on a side
//            is read or written at once.
// Workgroup  64 invocations, one element each, or four where FOURS: finding the place costs more than
//            moving what is there
layout(local_size_x = 64) in;
#include "flat.glsl"

layout(constant_id = 0) const int RANK = 5;  // axes in use, the first of the arrays below
const int LAST = RANK > 0 ? RANK - 1 : 0;
layout(constant_id = 1) const bool FOURS = false;
layout(constant_id = 2) const bool OUT_TOGETHER = false;  // fours begin at whole fours of out
layout(constant_id = 3) const bool X_TOGETHER = false;    // and of x

layout(binding = 0) writeonly buffer Out { uint target[]; };
layout(binding = 0) writeonly buffer Out4 { uvec4 target4[]; };
layout(binding = 1) readonly buffer X { uint x[]; };
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(push_constant) uniform Push {
    uint n;  // elements, or fours
    uint out_offset;
    uint x_offset;
    uint shape[5];
    uint out_strides[5];
    uint x_strides[5];
};

void move_four(uint to, uint from) {
    uint by = x_strides[LAST];
    uvec4 four = X_TOGETHER ? x4[from / 4u]
                            : uvec4(x[from], x[from + by], x[from + 2u * by], x[from + 3u * by]);
    if (OUT_TOGETHER) {
        target4[to / 4u] = four;
        return;
    }
    by = out_strides[LAST];
    target[to] = four.x;
    target[to + by] = four.y;
    target[to + 2u * by] = four.z;
    target[to + 3u * by] = four.w;
}

void main() {
    uint rest = flat_index();
    if (rest >= n) return;
    uint to = out_offset;
    uint from = x_offset;
    for (int axis = RANK - 1; axis >= 0; --axis) {
        uint outer = axis > 0 ? rest / shape[axis] : 0u;
        uint i = rest - outer * shape[axis];
        if (FOURS && axis == LAST) i *= 4u;
        rest = outer;
        to += i * out_strides[axis];
        from += i * x_strides[axis];
    }
    if (FOURS) {
        move_four(to, from);
    } else {
        target[to] = x[from];
    }
}
