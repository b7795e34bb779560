#version 460
#extension GL_GOOGLE_include_directive : require
// layer_norm_bwd: dw and db, block by block of rows
//
// Formula    dw[line + k, c] = Σ g·n and db[line + k, c] = Σ g over the rows of block k,
//            n = (x − mean)·rstd, plus what they held where `accumulate` is not 0
// Layout     x, g (R, C); mean, rstd (more than R,), of which the rows from `first` on; dw, db (more
//            than blocks, C), each possibly absent
// Workgroup  LOCAL_X invocations, SLICES of them on four columns of one block (columns.glsl)
#include "columns.glsl"

layout(binding = 0) buffer Dw { float dw[]; };
layout(binding = 0) buffer Dw4 { vec4 dw4[]; };
layout(binding = 1) buffer Db { float db[]; };
layout(binding = 1) buffer Db4 { vec4 db4[]; };
layout(binding = 2) readonly buffer X { float x[]; };
layout(binding = 2) readonly buffer X4 { vec4 x4[]; };
layout(binding = 3) readonly buffer Mean { float mean[]; };
layout(binding = 4) readonly buffer Rstd { float rstd[]; };
layout(binding = 5) readonly buffer G { float g[]; };
layout(binding = 5) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push {
    uint rows;
    uint cols;
    uint block;  // rows of a block
    uint first;
    uint line;
    uint accumulate;
    uint has_dw;
    uint has_db;
};

READER(read_x, x, x4)
READER(read_g, g, g4)
READER(read_dw, dw, dw4)
READER(read_db, db, db4)
WRITER(write_dw, dw, dw4)
WRITER(write_db, db, db4)

void main() {
    uint c = own_column();
    uint left = c < cols ? cols - c : 0u;
    uint start = gl_WorkGroupID.y * block + slice();
    uint end = left > 0u ? min((gl_WorkGroupID.y + 1u) * block, rows) : 0u;
    vec4 sum_gn = vec4(0.0), sum_g = vec4(0.0);
    for (uint r = start; r < end; r += SLICES) {
        vec4 slope = read_g(r * cols + c, left, 0.0);
        vec4 centred = read_x(r * cols + c, left, 0.0) - mean[first + r];
        sum_gn += slope * (centred * rstd[first + r]);
        sum_g += slope;
    }
    sum_gn = over_slices(sum_gn);
    sum_g = over_slices(sum_g);
    if (left == 0u || slice() > 0u) return;
    uint to = (line + gl_WorkGroupID.y) * cols + c;
    if (has_dw != 0u) {
        write_dw(to, left, accumulate != 0u ? read_dw(to, left, 0.0) + sum_gn : sum_gn);
    }
    if (has_db != 0u) {
        write_db(to, left, accumulate != 0u ? read_db(to, left, 0.0) + sum_g : sum_g);
    }
}
