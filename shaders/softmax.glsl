// Maximum and sum of a softmax in one pass over the row (Milakov and Gimelshein 2018,
// arXiv:1805.02867): where the maximum rises, the sum so far shrinks by e^(old − new).
// Needs rows.glsl, numbers.glsl, functions.glsl.

#define MINUS_INFINITY uintBitsToFloat(INFINITY | 0x80000000u)
const float LOWEST = -3.402823466e38;  // and not −inf: −inf − −inf would be NaN

struct Softmax {
    float top;
    float sum;  // of e^(x − top)
};

float shrunk(float sum, float top, float higher) {
    return top < higher ? sum * exponential(top - higher) : sum;
}

Softmax with_four(Softmax before, vec4 x) {
    float top = max(before.top, max(max(x.x, x.y), max(x.z, x.w)));
    return Softmax(top, shrunk(before.sum, before.top, top) + total(exponential(x - top)));
}

// That of the whole row from those of its lanes. All invocations must come here.
Softmax over_lanes(Softmax mine) {
    if (LANES == 1u) return mine;
    uint place = gl_LocalInvocationIndex;
    barrier();
    found[place] = vec2(mine.top, mine.sum);
    for (uint reach = LANES / 2u; reach > 0u; reach /= 2u) {
        barrier();
        if (lane() < reach) {
            vec2 a = found[place], b = found[place + reach];
            float top = max(a.x, b.x);
            found[place] = vec2(top, shrunk(a.y, a.x, top) + shrunk(b.y, b.x, top));
        }
    }
    barrier();
    vec2 all = found[place - lane()];
    return Softmax(all.x, all.y);
}
