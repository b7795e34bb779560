// Functions that are right for every argument, where a driver's own are only good for ordinary ones:
// NaN stays NaN, a root of zero or infinity is itself, a logarithm of nothing is NaN.
// Needs numbers.glsl.

float exponential(float x) { return is_nan(x) ? x : exp(x); }

vec4 exponential(vec4 x) {
    return vec4(exponential(x.x), exponential(x.y), exponential(x.z), exponential(x.w));
}

// Of a sum that is positive, or NaN, or nothing at all
float log_of_sum(float x) { return x > 0.0 ? log(x) : uintBitsToFloat(NAN); }

float root(float x) {
    if (magnitude(x) == 0u || floatBitsToUint(x) == INFINITY) return x;
    return x > 0.0 ? sqrt(x) : uintBitsToFloat(NAN);
}

vec4 root(vec4 x) { return vec4(root(x.x), root(x.y), root(x.z), root(x.w)); }

// Σ of the four, in a fixed order
float total(vec4 v) { return (v.x + v.y) + (v.z + v.w); }
