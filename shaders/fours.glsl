// Reading and writing rows in fours, also where a row does not end with a whole one.
// Needs VECTOR: rows are whole fours.

// READER(name, a, a4) makes name(from, left, rest): four elements of the buffer, `from` a multiple of
// four where VECTOR; of which the row has only `left`, and `rest` stands for the others.
#define READER(name, a, a4) \
vec4 name(uint from, uint left, float rest) { \
    if (VECTOR) return a4[from / 4u]; \
    vec4 four = vec4(a[from], rest, rest, rest); \
    if (left > 1u) four.y = a[from + 1u]; \
    if (left > 2u) four.z = a[from + 2u]; \
    if (left > 3u) four.w = a[from + 3u]; \
    return four; \
}

// WRITER(name, a, a4) makes name(from, left, four): stores what the row has of them.
#define WRITER(name, a, a4) \
void name(uint from, uint left, vec4 four) { \
    if (VECTOR) { \
        a4[from / 4u] = four; \
        return; \
    } \
    a[from] = four.x; \
    if (left > 1u) a[from + 1u] = four.y; \
    if (left > 2u) a[from + 2u] = four.z; \
    if (left > 3u) a[from + 3u] = four.w; \
}
