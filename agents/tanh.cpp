#include "agents/tanh.h"

#include "agents/wide_vectors.h"

namespace duet::agents {
namespace {

// From here on tanh rounds to 1.
constexpr float kOne = 9.02F;

// A rational function in x^2 of degrees 4 and 4, of the least largest relative error up to kOne:
// 2.1e-8, before rounding.
inline float Approximate(float x) {
  x = x > kOne ? kOne : x;
  x = x < -kOne ? -kOne : x;
  const float z = x * x;
  float above = 1.33190739e-08F;
  above = above * z + 2.05834822e-05F;
  above = above * z + 3.49403458e-03F;
  above = above * z + 1.33797179e-01F;
  above = above * z + 9.99999979e-01F;
  float below = 7.76202011e-07F;
  below = below * z + 3.28309290e-04F;
  below = below * z + 2.58710733e-02F;
  below = below * z + 4.67130332e-01F;
  below = below * z + 1.0F;
  float y = x * above / below;
  y = y > 1.0F ? 1.0F : y;
  return y < -1.0F ? -1.0F : y;
}

}  // namespace

DUET_WIDE_VECTORS void Tanh(float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = Approximate(values[i]);
}

}  // namespace duet::agents
