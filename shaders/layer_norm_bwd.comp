#version 460
#extension GL_GOOGLE_include_directive : require
// layer_norm_bwd: dx. The sums over rows, dw and db, are layer_norm_columns.comp's.
//
// Formula    dx = rstd·(h − mean(h) − n·mean(h·n)), h = g·w, n = (x − mean)·rstd, the means over the
//            columns of a row
// Layout     x, g, dx (R, C), w (C,); mean, rstd (more than R,), of which the rows from `first` on
// Workgroup  LOCAL_X invocations, LANES of them on a row (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"

layout(binding = 0) writeonly buffer Dx { float dx[]; };
layout(binding = 0) writeonly buffer Dx4 { vec4 dx4[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(binding = 2) readonly buffer W { float w[]; };
layout(binding = 2) readonly buffer W4 { vec4 w4[]; };
layout(binding = 3) readonly buffer Mean { float mean[]; };
layout(binding = 4) readonly buffer Rstd { float rstd[]; };
layout(binding = 5) readonly buffer G { float g[]; };
layout(binding = 5) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint rows; uint cols; uint first; };

READER(read_x, x, x4)
READER(read_w, w, w4)
READER(read_g, g, g4)
WRITER(write_dx, dx, dx4)

void main() {
    uint row = own_row();
    uint start = row * cols;
    uint end = row < rows ? cols : 0u;
    float per_column = 1.0 / float(cols);
    float middle = row < rows ? mean[first + row] : 0.0;
    float scale = row < rows ? rstd[first + row] : 0.0;
    vec4 sum_h = vec4(0.0), sum_hn = vec4(0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        uint left = cols - c;
        vec4 n = (read_x(start + c, left, 0.0) - middle) * scale;
        vec4 h = read_g(start + c, left, 0.0) * read_w(c, left, 0.0);
        sum_h += h;
        sum_hn += h * n;
    }
    vec2 means = over_lanes(vec2(total(sum_h), total(sum_hn))) * per_column;
    for (uint c = first_four(); c < end; c += STRIDE) {
        uint left = cols - c;
        vec4 n = (read_x(start + c, left, 0.0) - middle) * scale;
        vec4 h = read_g(start + c, left, 0.0) * read_w(c, left, 0.0);
        write_dx(start + c, left, scale * (h - means.x - n * means.y));
    }
}
