#version 460
#extension GL_GOOGLE_include_directive : require
// softmax, log_softmax
//
// Formula    y = e^(x − top)/sum, or x − top − ln sum where LOG; top and sum = Σ e^(x − top) are of
//            the row, found in one pass (softmax.glsl)
// Layout     x, y (R, C); y may be the memory of x
// Workgroup  LOCAL_X invocations, LANES of them on a row (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"
#include "softmax.glsl"

layout(constant_id = 3) const bool LOG = false;

layout(binding = 0) writeonly buffer Y { float y[]; };
layout(binding = 0) writeonly buffer Y4 { vec4 y4[]; };
layout(binding = 1) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer X4 { vec4 x4[]; };
layout(push_constant) uniform Push { uint rows; uint cols; };

READER(read_x, x, x4)
WRITER(write_y, y, y4)

void main() {
    uint start = own_row() * cols;
    uint end = own_row() < rows ? cols : 0u;
    Softmax part = Softmax(LOWEST, 0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        part = with_four(part, read_x(start + c, cols - c, MINUS_INFINITY));
    }
    Softmax row = over_lanes(part);
    float shift = LOG ? log_of_sum(row.sum) : 1.0 / row.sum;
    for (uint c = first_four(); c < end; c += STRIDE) {
        vec4 below = read_x(start + c, cols - c, 0.0) - row.top;
        write_y(start + c, cols - c, LOG ? below - shift : exponential(below) * shift);
    }
}
