// GELU in its tanh form: ½·x·(1 + tanh u) = x·σ(2u) with σ(t) = 1/(1 + e^(−t)),
// 2u = 2·√(2/π)·(x + 0.044715·x³), so one exponential and one division. Needs numbers.glsl,
// functions.glsl.

const float TWO_ROOT = 1.5957691216057308;  // 2·√(2/π)
const float CUBIC = 0.044715;
const float FLAT = 400.0;  // from x² = 400 on both σ and its slope have reached their ends

// Below −88 it is less than the least normal number, and e^(−t) leaves the range.
vec4 sigmoid(vec4 t) {
    return mix(1.0 / (1.0 + exponential(-t)), vec4(0.0), lessThan(t, vec4(-88.0)));
}

vec4 gelu(vec4 x) { return x * sigmoid(TWO_ROOT * x * (1.0 + CUBIC * x * x)); }

// σ(2u) + x·σ(2u)·(1 − σ(2u))·d(2u)/dx; x² is limited so that 0·inf cannot come up
vec4 gelu_slope(vec4 x) {
    vec4 square = min(x * x, vec4(FLAT));
    vec4 sigma = sigmoid(TWO_ROOT * x * (1.0 + CUBIC * square));
    return sigma + x * sigma * (1.0 - sigma) * (TWO_ROOT + 3.0 * CUBIC * TWO_ROOT * square);
}
