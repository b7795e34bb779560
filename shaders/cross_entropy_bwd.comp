#version 460
#extension GL_GOOGLE_include_directive : require
// cross_entropy_bwd
//
// Formula    dz = (e^(z − lse) − one_hot(targets))·g·per_row, per_row = 1/N
// Layout     z, dz (N, V), dz possibly the memory of z; targets, lse (more than N,), of which the
//            rows from `first` on; g ()
// Workgroup  LOCAL_X invocations on one row, four elements each at a time. What belongs to the row a
//            software driver then loads once for all of them.
layout(local_size_x_id = 0) in;
#include "numbers.glsl"
#include "functions.glsl"

layout(constant_id = 2) const bool VECTOR = false;  // rows are whole fours
#include "fours.glsl"

layout(binding = 0) writeonly buffer Dz { float dz[]; };
layout(binding = 0) writeonly buffer Dz4 { vec4 dz4[]; };
layout(binding = 1) readonly buffer Z { float z[]; };
layout(binding = 1) readonly buffer Z4 { vec4 z4[]; };
layout(binding = 2) readonly buffer Targets { uint targets[]; };
layout(binding = 3) readonly buffer Lse { float lse[]; };
layout(binding = 4) readonly buffer G { float g[]; };
layout(push_constant) uniform Push { uint rows; uint cols; uint first; float per_row; };

READER(read_z, z, z4)
WRITER(write_dz, dz, dz4)

void main() {
    uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (row >= rows) return;
    uint start = row * cols;
    uint target = targets[first + row];
    float log_sum = lse[first + row];
    float scale = g[0] * per_row;
    for (uint c = 4u * gl_LocalInvocationIndex; c < cols; c += 4u * gl_WorkGroupSize.x) {
        vec4 p = exponential(read_z(start + c, cols - c, 0.0) - log_sum);
        p -= vec4(equal(uvec4(c, c + 1u, c + 2u, c + 3u), uvec4(target)));
        write_dz(start + c, cols - c, p * scale);
    }
}
