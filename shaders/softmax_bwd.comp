#version 460
#extension GL_GOOGLE_include_directive : require
// softmax_bwd, log_softmax_bwd
//
// Formula    dx = y·(g − Σ g·y), or g − e^y·Σ g where LOG; the sums are of the row
// Layout     y, g, dx (R, C); dx may be the memory of y or g
// Workgroup  LOCAL_X invocations, LANES of them on a row (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"

layout(constant_id = 3) const bool LOG = false;

layout(binding = 0) writeonly buffer Dx { float dx[]; };
layout(binding = 0) writeonly buffer Dx4 { vec4 dx4[]; };
layout(binding = 1) readonly buffer Y { float y[]; };
layout(binding = 1) readonly buffer Y4 { vec4 y4[]; };
layout(binding = 2) readonly buffer G { float g[]; };
layout(binding = 2) readonly buffer G4 { vec4 g4[]; };
layout(push_constant) uniform Push { uint rows; uint cols; };

READER(read_y, y, y4)
READER(read_g, g, g4)
WRITER(write_dx, dx, dx4)

void main() {
    uint start = own_row() * cols;
    uint end = own_row() < rows ? cols : 0u;
    vec4 sums = vec4(0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        vec4 slope = read_g(start + c, cols - c, 0.0);
        sums += LOG ? slope : slope * read_y(start + c, cols - c, 0.0);
    }
    float sum = over_lanes(total(sums));
    for (uint c = first_four(); c < end; c += STRIDE) {
        vec4 slope = read_g(start + c, cols - c, 0.0);
        vec4 value = read_y(start + c, cols - c, 0.0);
        vec4 result = LOG ? slope - exponential(value) * sum : value * (slope - sum);
        write_dx(start + c, cols - c, result);
    }
}
