// Sums over the rows of a matrix, block by block of rows. An invocation has four columns and every
// SLICES-th row of a block; the slices are joined by a tree in shared memory. With one slice, for
// software drivers, there is no tree and no barrier. rows.py makes the grid.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint SLICES = 1u;     // of a block: a power of two, divides LOCAL_X
layout(constant_id = 2) const bool VECTOR = false;  // rows are whole fours

const uint MOST_INVOCATIONS = 256u;
shared vec4 found[MOST_INVOCATIONS];

// Neighbours take neighbouring columns
uint width() { return gl_WorkGroupSize.x / SLICES; }
uint slice() { return SLICES == 1u ? 0u : gl_LocalInvocationIndex / width(); }
uint own_column() {
    return 4u * (gl_WorkGroupID.x * width() + gl_LocalInvocationIndex % width());
}

// Σ over the slices, for slice 0. All invocations must come here.
vec4 over_slices(vec4 mine) {
    if (SLICES == 1u) return mine;
    uint place = gl_LocalInvocationIndex;
    barrier();  // what was found before may still be read
    found[place] = mine;
    for (uint reach = SLICES / 2u; reach > 0u; reach /= 2u) {
        barrier();
        if (slice() < reach) found[place] += found[place + reach * width()];
    }
    return found[place];
}

#include "fours.glsl"
