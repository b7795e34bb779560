#version 460
// move, where it exchanges two axes, without shared memory and barriers, for software drivers
//
// Formula    out[z·out_batch + r·out_row + c] = x[z·x_batch + c·x_row + r], with an offset on either
//            side; r < rows, c < cols
// Layout     rows, cols, strides and offsets are whole fours
// Workgroup  16 invocations, each a block of 4 x 4 in registers
layout(local_size_x = 16) in;

layout(binding = 0) writeonly buffer Out4 { uvec4 target4[]; };
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(push_constant) uniform Push {
    uint rows;
    uint cols;
    uint out_offset;
    uint x_offset;
    uint out_row;
    uint x_row;
    uint out_batch;
    uint x_batch;
};

void main() {
    uint r = 4u * gl_WorkGroupID.y;
    uint c = 4u * gl_GlobalInvocationID.x;
    if (c >= cols) return;
    uint from = (x_offset + gl_WorkGroupID.z * x_batch + c * x_row + r) / 4u;
    uint to = (out_offset + gl_WorkGroupID.z * out_batch + r * out_row + c) / 4u;
    uvec4 p = x4[from], q = x4[from + x_row / 4u];
    uvec4 s = x4[from + x_row / 2u], t = x4[from + 3u * x_row / 4u];
    target4[to] = uvec4(p.x, q.x, s.x, t.x);
    target4[to + out_row / 4u] = uvec4(p.y, q.y, s.y, t.y);
    target4[to + out_row / 2u] = uvec4(p.z, q.z, s.z, t.z);
    target4[to + 3u * out_row / 4u] = uvec4(p.w, q.w, s.w, t.w);
}
