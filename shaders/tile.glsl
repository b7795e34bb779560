// Tiles of 32 by 32 in shared memory, for workgroups of 64 invocations that each own four rows and
// four columns of one. Invocation (x, y) of 8 by 8 has rows y, y + 8, y + 16, y + 24 and columns
// x, x + 8, x + 16, x + 24: neighbours then touch neighbouring memory.
// A product over D of rows with rows takes D in steps of 16: a piece is 32 rows of 4 fours, with one
// more between rows, so that eight rows lie in different banks. Weights of a tile lie by column, and
// in each the four rows of an invocation together. A strip is 32 rows of 8 fours, the 32 columns that
// one step of weights · rows makes. PIECES and TABLES say how much memory the shader needs; `size`
// is D, and write(from, left, four) is the shader's own WRITER (fours.glsl).

const uint SIDE = 32u;
const uint STEP = 16u;  // of D, in products
const uint STRIP = 32u;  // columns of a strip
const uint PIECE = 32u * 5u;
const uint TABLE = 32u * 9u;

layout(constant_id = 0) const int STRIPS = 1;  // that a workgroup owns: at most 4

shared vec4 pieces[PIECES * PIECE];  // or one strip of 256
shared vec4 tables[TABLES * TABLE];
shared vec4 shares[64];

uint id = gl_LocalInvocationIndex;
uint x = id % 8u;
uint y = id / 8u;

#define EACH_STRIP(DO) DO(0) DO(1) DO(2) DO(3)

// Bring piece `to`: elements chunk .. chunk + 15 of 32 rows. Row r starts at `place`, in which i, d and
// r are names of this macro
#define BRING_PIECE(to, read, chunk, place) \
    for (uint i = id; i < 128u; i += 64u) { \
        uint r = i / 4u, d = chunk + 4u * (i % 4u); \
        vec4 four = vec4(0.0); \
        if (d < size) four = read(place + d, size - d, 0.0); \
        pieces[to * PIECE + r * 5u + i % 4u] = four; \
    }

// The same for a strip: elements column .. column + 31
#define BRING_STRIP(read, column, place) \
    for (uint i = id; i < 256u; i += 64u) { \
        uint r = i / 8u, d = column + 4u * (i % 8u); \
        vec4 four = vec4(0.0); \
        if (d < size) four = read(place + d, size - d, 0.0); \
        pieces[i] = four; \
    }

// sums[c][r] plus row r of piece `left` · row c of piece `right`, counted in this invocation's own
mat4 products(uint left, uint right, mat4 sums) {
    left = left * PIECE + y * 5u;
    right = right * PIECE + x * 5u;
    for (uint d = 0u; d < 4u; ++d) {
        mat4 rows = mat4(pieces[left + d], pieces[left + d + 40u],
                         pieces[left + d + 80u], pieces[left + d + 120u]);
        sums[0] += pieces[right + d] * rows;  // four dot products
        sums[1] += pieces[right + d + 40u] * rows;
        sums[2] += pieces[right + d + 80u] * rows;
        sums[3] += pieces[right + d + 120u] * rows;
    }
    return sums;
}

// Column c of a tile, four rows of it, to table `to`
void keep(uint to, mat4 columns) {
    uint place = to * TABLE + x * 9u + y;
    tables[place] = columns[0];
    tables[place + 72u] = columns[1];
    tables[place + 144u] = columns[2];
    tables[place + 216u] = columns[3];
}

// sums[r] plus the rows of the strip, weighted by row r of table `from`: four columns from 4·x on
mat4 weighted(uint from, mat4 sums) {
    from = from * TABLE + y;
    for (uint j = 0u; j < 32u; ++j) {
        vec4 weights = tables[from + j * 9u];
        vec4 row = pieces[j * 8u + x];
        sums[0] += weights.x * row;
        sums[1] += weights.y * row;
        sums[2] += weights.z * row;
        sums[3] += weights.w * row;
    }
    return sums;
}

// What the eight invocations of a row have, put together; all of them get it
vec4 largest(vec4 own) {
    shares[id] = own;
    barrier();
    for (uint i = 0u; i < 8u; ++i) own = max(own, shares[y * 8u + i]);
    barrier();
    return own;
}

vec4 summed(vec4 own) {
    shares[id] = own;
    barrier();
    own = vec4(0.0);
    for (uint i = 0u; i < 8u; ++i) own += shares[y * 8u + i];
    barrier();
    return own;
}

mat4 scaled(mat4 rows, vec4 by) {
    return mat4(rows[0] * by.x, rows[1] * by.y, rows[2] * by.z, rows[3] * by.w);
}

// Four rows of four columns from `d` on; row 0 of the tile starts at `to`, and it has `count` rows
void store(uint to, uint stride, uint count, uint d, mat4 rows) {
    if (d >= size) return;
    if (y < count) write(to + y * stride + d, size - d, rows[0]);
    if (y + 8u < count) write(to + (y + 8u) * stride + d, size - d, rows[1]);
    if (y + 16u < count) write(to + (y + 16u) * stride + d, size - d, rows[2]);
    if (y + 24u < count) write(to + (y + 24u) * stride + d, size - d, rows[3]);
}
