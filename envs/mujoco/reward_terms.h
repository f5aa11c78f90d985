// Sums as NumPy forms them, so that rewards agree with Gymnasium's to the last bit.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace duet::envs {

// Sum of term(value) in the precision of `Result`, in NumPy's order: from left to right below eight
// numbers, else eight running sums that are joined in pairs, then the rest. Exact for up to 128
// numbers, NumPy's block size.
template <typename Result, typename Number, typename Term>
Result Sum(std::span<const Number> values, const Term& term) {
  std::size_t i = 0;
  Result sum = 0;
  if (values.size() >= 8) {
    std::array<Result, 8> sums{};
    for (; i < 8; ++i) sums[i] = term(values[i]);
    for (; i + 8 <= values.size(); i += 8) {
      for (std::size_t j = 0; j < 8; ++j) sums[j] += term(values[i + j]);
    }
    sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
  for (; i < values.size(); ++i) sum += term(values[i]);
  return sum;
}

template <typename Result, typename Number>
Result SumOfSquares(std::span<const Number> values) {
  return Sum<Result>(values, [](Number number) {
    const Result value = static_cast<Result>(number);
    return value * value;
  });
}

// weight * sum of squared actions in float32 throughout, as NumPy 2 does with float32 actions and a
// Python weight.
inline double ControlCost(double weight, std::span<const float> action) {
  const float cost = static_cast<float>(weight) * SumOfSquares<float>(action);
  return static_cast<double>(cost);
}

// Distance of two points in space, summed with fused multiply-adds, as the BLAS behind NumPy's norm
// does on most processors; on others its last bit may differ.
inline double Distance(const double* a, const double* b) {
  const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return std::sqrt(std::fma(z, z, std::fma(y, y, x * x)));
}

}  // namespace duet::envs
