// Registers with names. A software driver keeps an array that is indexed in a loop in memory and
// takes seconds to compile it; so a tile of registers is a set of names, x<row>_<chunk>, and a loop
// over it is a macro. A row is D elements in CHUNKS fours: many rows where D is small, one where it
// is large. What is past ROWS or CHUNKS is under an `if` on a constant, and gone when compiled.
//
//   EACH_ROW(DO)    DO(r)
//   EACH_CHUNK(DO)  DO(c, OF), in which OF(THIS, c) is THIS(r, c) for all rows that chunk c can have

layout(constant_id = 0) const int ROWS = 1;    // 1, 2, 4 or 8: at most 32 / CHUNKS
layout(constant_id = 1) const int CHUNKS = 1;  // fours in D, at most 32

#define OF_1(DO, c) DO(0, c)
#define OF_2(DO, c) DO(0, c) DO(1, c)
#define OF_4(DO, c) DO(0, c) DO(1, c) DO(2, c) DO(3, c)
#define OF_8(DO, c) OF_4(DO, c) DO(4, c) DO(5, c) DO(6, c) DO(7, c)

#define EACH_ROW(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

#define EACH_CHUNK(DO) \
    DO(0, OF_8) DO(1, OF_8) DO(2, OF_8) DO(3, OF_8) \
    DO(4, OF_4) DO(5, OF_4) DO(6, OF_4) DO(7, OF_4) \
    DO(8, OF_2) DO(9, OF_2) DO(10, OF_2) DO(11, OF_2) \
    DO(12, OF_2) DO(13, OF_2) DO(14, OF_2) DO(15, OF_2) \
    DO(16, OF_1) DO(17, OF_1) DO(18, OF_1) DO(19, OF_1) \
    DO(20, OF_1) DO(21, OF_1) DO(22, OF_1) DO(23, OF_1) \
    DO(24, OF_1) DO(25, OF_1) DO(26, OF_1) DO(27, OF_1) \
    DO(28, OF_1) DO(29, OF_1) DO(30, OF_1) DO(31, OF_1)

// Σ of the four. `precise`, as all sums of these shaders: a driver that fuses or rearranges them at
// will would make other scores in backward than in forward.
float added(vec4 v) {
    precise float sum = (v.x + v.y) + (v.z + v.w);
    return sum;
}
