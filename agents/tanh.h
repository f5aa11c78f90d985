// The hyperbolic tangent of many numbers.
#pragma once

#include <cstdint>

namespace duet::agents {

// Replaces each number by its tanh, within 4e-7 of it (relative) and never beyond ±1; NaN stays.
// The same on all processors, and with AVX2 in less than a quarter of the time of LibTorch's.
void Tanh(float* values, std::int64_t count);

}  // namespace duet::agents
