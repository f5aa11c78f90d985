// Sums as NumPy forms them, so that rewards agree with Gymnasium's to the last bit.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace duet::envs {

// Sum of squares in the precision of `Sum`, in NumPy's order: from left to right below eight
// numbers, else eight running sums that are joined in pairs, then the rest. Exact for up to 128
// numbers, NumPy's block size.
template <typename Sum, typename Number>
Sum SumOfSquares(std::span<const Number> values) {
  const auto square = [&](std::size_t i) {
    const Sum value = static_cast<Sum>(values[i]);
    return value * value;
  };
  std::size_t i = 0;
  Sum sum = 0;
  if (values.size() >= 8) {
    std::array<Sum, 8> sums{};
    for (; i < 8; ++i) sums[i] = square(i);
    for (; i + 8 <= values.size(); i += 8) {
      for (std::size_t j = 0; j < 8; ++j) sums[j] += square(i + j);
    }
    sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
  for (; i < values.size(); ++i) sum += square(i);
  return sum;
}

// weight * sum of squared actions in float32 throughout, as NumPy 2 does with float32 actions and a
// Python weight.
inline double ControlCost(double weight, std::span<const float> action) {
  const float cost = static_cast<float>(weight) * SumOfSquares<float>(action);
  return static_cast<double>(cost);
}

}  // namespace duet::envs
