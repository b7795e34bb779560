#version 460
#extension GL_GOOGLE_include_directive : require
// cross_entropy, the first of two passes; total.comp then takes the mean
//
// Formula    lse[n] = top + ln sum, losses[n] = lse[n] − z[n, target[n]]; top and
//            sum = Σ e^(z − top) are of the row, found in one pass (softmax.glsl)
// Layout     z (N, V); targets, lse, losses (more than N,), of which the rows from `first` on
// Workgroup  LOCAL_X invocations, LANES of them on a row (rows.glsl)
#include "numbers.glsl"
#include "functions.glsl"
#include "rows.glsl"
#include "softmax.glsl"

layout(binding = 0) writeonly buffer Lse { float lse[]; };
layout(binding = 1) writeonly buffer Losses { float losses[]; };
layout(binding = 2) readonly buffer Z { float z[]; };
layout(binding = 2) readonly buffer Z4 { vec4 z4[]; };
layout(binding = 3) readonly buffer Targets { uint targets[]; };
layout(push_constant) uniform Push { uint rows; uint cols; uint first; };

READER(read_z, z, z4)

void main() {
    uint row = own_row();
    uint start = row * cols;
    uint end = row < rows ? cols : 0u;
    Softmax part = Softmax(LOWEST, 0.0);
    for (uint c = first_four(); c < end; c += STRIDE) {
        part = with_four(part, read_z(start + c, cols - c, MINUS_INFINITY));
    }
    Softmax whole = over_lanes(part);
    if (row >= rows || lane() > 0u) return;
    float log_sum = log_of_sum(whole.sum);
    lse[first + row] = whole.top + log_sum;
    losses[first + row] = (whole.top - z[start + targets[first + row]]) + log_sum;
}
