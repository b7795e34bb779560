#version 460
// move, where it exchanges two axes
//
// Formula    out[z·out_batch + r·out_row + c] = x[z·x_batch + c·x_row + r], with an offset on either
//            side; r < rows, c < cols
// Layout     as strides say; what is next to each other in out is not in x, and the other way round
// Workgroup  32 x 4 invocations on a tile of 32 x 32, which goes through shared memory so that reads
//            and writes are both of neighbours. One column more than needed keeps the banks apart.
layout(local_size_x = 32, local_size_y = 4) in;

layout(binding = 0) writeonly buffer Out { uint target[]; };
layout(binding = 1) readonly buffer X { uint x[]; };
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

const uint TILE = 32u;
shared uint tile[TILE][TILE + 1u];

void main() {
    uvec2 at = gl_LocalInvocationID.xy;
    uint first_c = gl_WorkGroupID.x * TILE;
    uint first_r = gl_WorkGroupID.y * TILE;
    uint from = x_offset + gl_WorkGroupID.z * x_batch + first_r + at.x;
    for (uint k = at.y; k < TILE; k += gl_WorkGroupSize.y) {
        uint c = first_c + k;
        if (c < cols && first_r + at.x < rows) tile[k][at.x] = x[from + c * x_row];
    }
    barrier();
    uint to = out_offset + gl_WorkGroupID.z * out_batch + first_c + at.x;
    for (uint k = at.y; k < TILE; k += gl_WorkGroupSize.y) {
        uint r = first_r + k;
        if (r < rows && first_c + at.x < cols) target[to + r * out_row] = tile[at.x][k];
    }
}
