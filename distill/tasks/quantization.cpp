#include "distill/tasks/quantization.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <stdexcept>
#include <vector>

namespace duet::tasks {
namespace {

constexpr double kSmallestStep = 1e-30;  // of a channel of zeros

std::int64_t LastLevel(std::int64_t bits) {
  if (bits < 2 || bits > 10) {
    throw std::invalid_argument(fmt::format("weights of {} bits; allowed are 2 to 10", bits));
  }
  return (std::int64_t{1} << (bits - 1)) - 1;
}

}  // namespace

Tensor QuantizationSteps(const Tensor& weights, std::int64_t bits) {
  const std::int64_t last = LastLevel(bits);
  const at::NoGradGuard no_grad;
  const Tensor step = (std::get<0>(weights.abs().max(1)).to(at::kFloat) / static_cast<double>(last))
                          .clamp_min(kSmallestStep);
  // Rounded up to as few digits that its multiples are exact, so that a second quantisation finds
  // the same step; with more than 10 bits it would grow by more than the largest weight allows.
  const std::int64_t unit = std::int64_t{1} << bits;
  const Tensor digits = step.view(at::kInt);
  return (digits + (unit - 1)).bitwise_and(-unit).view(at::kFloat);
}

Tensor FakeQuantize(const Tensor& weights, const Tensor& step, std::int64_t bits) {
  const std::int64_t last = LastLevel(bits);
  const Tensor zero_point = at::zeros(step.sizes(), step.options().dtype(at::kInt));
  return at::fake_quantize_per_channel_affine(weights, step, zero_point, /*axis=*/0, -last, last);
}

Tensor QuantizeWeights(std::span<const ParameterBlock> layout, const Tensor& parameters,
                       std::int64_t bits) {
  std::vector<Tensor> parts;
  for (const ParameterBlock& block : layout) {
    const Tensor rows = block.Rows(parameters);
    if (!block.is_weight()) {
      parts.push_back(rows);
      continue;
    }
    const Tensor channels = rows.reshape({parameters.size(0) * block.shape.front(), -1});
    parts.push_back(
        FakeQuantize(channels, QuantizationSteps(channels, bits), bits).view(rows.sizes()));
  }
  return at::cat(parts, 1);
}

}  // namespace duet::tasks
