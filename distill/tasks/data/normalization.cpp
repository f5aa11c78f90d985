#include "distill/tasks/data/normalization.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace duet::tasks {
namespace {

constexpr double kWhite = 255.0;
constexpr std::int64_t kImagesAtOnce = 512;
constexpr double kSmallestStd = 1e-3;  // of a channel with more than one colour, far below 1 / 255

// How often each value occurs in a channel: sums over it are exact.
std::array<std::int64_t, 256> Histogram(const Tensor& channel) {
  std::array<std::int64_t, 256> counts{};
  for (std::int64_t first = 0; first < channel.size(0); first += kImagesAtOnce) {
    const std::int64_t count = std::min(kImagesAtOnce, channel.size(0) - first);
    const Tensor values = channel.narrow(0, first, count).contiguous();
    const auto* value = values.const_data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < values.numel(); ++i) ++counts[value[i]];
  }
  return counts;
}

}  // namespace

Normalization MeasureNormalization(const ImageSet& set) {
  if (set.size() == 0) throw std::invalid_argument(set.name + ": no samples to measure");
  Normalization normalization;
  for (std::int64_t d = 0; d < set.channels(); ++d) {
    const auto counts = Histogram(set.pixels.select(1, d));
    double total = 0.0, sum = 0.0, squares = 0.0;
    for (std::size_t value = 0; value < counts.size(); ++value) {
      const auto count = static_cast<double>(counts[value]);
      total += count;
      sum += count * (static_cast<double>(value) / kWhite);
    }
    const double mean = sum / total;
    for (std::size_t value = 0; value < counts.size(); ++value) {
      const double deviation = static_cast<double>(value) / kWhite - mean;
      squares += static_cast<double>(counts[value]) * deviation * deviation;
    }
    const double std = std::sqrt(squares / total);
    normalization.mean.push_back(mean);
    normalization.std.push_back(std < kSmallestStd ? 1.0 : std);
  }
  return normalization;
}

Normalization SymmetricNormalization(std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels);
  return {std::vector<double>(count, 0.5), std::vector<double>(count, 0.5)};
}

}  // namespace duet::tasks
