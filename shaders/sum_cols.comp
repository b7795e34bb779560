#version 460
#extension GL_GOOGLE_include_directive : require
// sum_cols
//
// Formula    y[first + k, c] = Σ x[r, c] over the rows r of block k, plus what y held where
//            `accumulate` is not 0. One block is the whole sum; of several, y is summed once more.
// Layout     x (R, C), y (more than blocks, C)
// Workgroup  LOCAL_X invocations, SLICES of them on four columns of one block (columns.glsl)
#include "columns.glsl"

layout(binding = 0) buffer Y { float y[]; };
layout(binding = 0) buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(push_constant) uniform Push {
    uint rows;
    uint cols;
    uint block;  // rows of a block
    uint first;
    uint accumulate;
};

READER(read_x, x, x4)
READER(read_y, y, y4)
WRITER(write_y, y, y4)

void main() {
    uint c = own_column();
    uint left = c < cols ? cols - c : 0u;
    uint start = gl_WorkGroupID.y * block + slice();
    uint end = left > 0u ? min((gl_WorkGroupID.y + 1u) * block, rows) : 0u;
    vec4 sums = vec4(0.0);
    for (uint r = start; r < end; r += SLICES) {
        sums += read_x(r * cols + c, left, 0.0);
    }
    sums = over_slices(sums);
    if (left == 0u || slice() > 0u) return;
    uint to = (first + gl_WorkGroupID.y) * cols + c;
    write_y(to, left, accumulate != 0u ? read_y(to, left, 0.0) + sums : sums);
}
