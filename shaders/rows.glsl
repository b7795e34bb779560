// Rows of a matrix, each the work of LANES neighbouring invocations of a workgroup. A lane takes
// every LANES-th four of the row's elements, and what the lanes found is joined by a tree in shared
// memory. With one lane, for software drivers, there is no tree and no barrier. rows.py makes
// the grid.
layout(local_size_x_id = 0) in;
#include "flat.glsl"
layout(constant_id = 1) const uint LANES = 1u;      // of a row: a power of two, divides LOCAL_X
layout(constant_id = 2) const bool VECTOR = false;  // rows are whole fours

const uint MOST_INVOCATIONS = 256u;
shared vec2 found[MOST_INVOCATIONS];

uint lane() { return LANES == 1u ? 0u : gl_LocalInvocationIndex % LANES; }
uint own_row() { return flat_index() / LANES; }

// The elements from c on that a lane takes at a time, and how far it is to its next
uint first_four() { return 4u * lane(); }
const uint STRIDE = 4u * LANES;

// Σ over the lanes of a row, of two numbers at a time. All invocations must come here.
vec2 over_lanes(vec2 mine) {
    if (LANES == 1u) return mine;
    uint place = gl_LocalInvocationIndex;
    barrier();  // what was found before may still be read
    found[place] = mine;
    for (uint reach = LANES / 2u; reach > 0u; reach /= 2u) {
        barrier();
        if (lane() < reach) found[place] += found[place + reach];
    }
    barrier();
    return found[place - lane()];
}

float over_lanes(float mine) { return over_lanes(vec2(mine, 0.0)).x; }

#include "fours.glsl"
