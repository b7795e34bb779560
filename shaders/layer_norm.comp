#version 460
#extension GL_GOOGLE_include_directive : require
// layer_norm
//
// Formula    y = (x − mean)·rstd·w + b, rstd = 1/√(mean of (x − mean)² + eps), over the columns of a
//            row; b may be absent
// Layout     x, y (R, C), w, b (C,); mean, rstd (more than R,), of which the rows from `first` on
// Workgroup  LOCAL_X invocations, LANES of them on a row (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) writeonly buffer Mean { float mean[]; };
layout(binding = 2) writeonly buffer Rstd { float rstd[]; };
layout(binding = 3) readonly buffer X { float x[]; };
layout(binding = 3) readonly buffer X4 { vec4 x4[]; };
layout(binding = 4) readonly buffer W { float w[]; };
layout(binding = 4) readonly buffer W4 { vec4 w4[]; };
layout(binding = 5) readonly buffer B { float b[]; };
layout(binding = 5) readonly buffer B4 { vec4 b4[]; };
layout(push_constant) uniform Push { uint rows; uint cols; uint first; uint has_b; float eps; };

READER(read_x, x, x4)
READER(read_w, w, w4)
READER(read_b, b, b4)
WRITER(write_y, y, y4)

void main() {
    uint row = own_row();
    uint start = row * cols;
    uint end = row < rows ? cols : 0u;
    float per_column = 1.0 / float(cols);
    vec4 sums = vec4(0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        sums += read_x(start + c, cols - c, 0.0);
    }
    float middle = over_lanes(total(sums)) * per_column;
    vec4 squares = vec4(0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        vec4 centred = read_x(start + c, cols - c, middle) - middle;
        squares += centred * centred;
    }
    float scale = 1.0 / root(over_lanes(total(squares)) * per_column + eps);
    if (row < rows && lane() == 0u) {
        mean[first + row] = middle;
        rstd[first + row] = scale;
    }
    for (uint c = first_four(); c < end; c += STRIDE) {
        uint left = cols - c;
        vec4 scaled = (read_x(start + c, left, 0.0) - middle) * scale * read_w(c, left, 0.0);
        write_y(start + c, left, has_b != 0u ? scaled + read_b(c, left, 0.0) : scaled);
    }
}
