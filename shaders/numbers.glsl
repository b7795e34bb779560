// Floats as bits. A device may flush subnormal numbers and may compare NaN as it likes; integers
// have no such freedom. ordered() maps floats to integers of the same order: equal zeros, and NaN
// of either sign above infinity. unordered() is its inverse, which makes that NaN a NaN again.

const uint NAN = 0x7fc00000u;
const uint INFINITY = 0x7f800000u;

uint magnitude(float x) { return floatBitsToUint(x) & 0x7fffffffu; }

bool is_nan(float x) { return magnitude(x) > INFINITY; }

int ordered(float x) {
    int bits = floatBitsToInt(x);
    if (is_nan(x)) {
        return 0x7fffffff;
    }
    if (magnitude(x) == 0u) {
        return 0;
    }
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

float unordered(int key) { return intBitsToFloat(key ^ ((key >> 31) & 0x7fffffff)); }
