#include "agents/tanh_gaussian.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <numbers>

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, LogStdBounds& bounds) {
  static constexpr core::Option<LogStdBounds> kBounds[] = {{"clamp", LogStdBounds::kClamp},
                                                           {"rescale", LogStdBounds::kRescale}};
  v.Choice("log_std_bounds", bounds, kBounds,
           "of the policy: cut to [-20, 2], or tanh stretched to [-5, 2]");
}

namespace {

constexpr double kClampLow = -20.0;
constexpr double kRescaleLow = -5.0;
constexpr double kHigh = 2.0;
constexpr double kRescaleHalf = (kHigh - kRescaleLow) / 2.0;

// The derivative of the bounded log standard deviation by the raw one.
Tensor BoundSlope(const Tensor& raw, const Tensor& log_std, LogStdBounds bounds) {
  switch (bounds) {
    case LogStdBounds::kClamp:
      return raw.ge(kClampLow).logical_and_(raw.le(kHigh)).to(raw.scalar_type());
    case LogStdBounds::kRescale: {
      // low + half (t + 1) has the slope half (1 - t^2).
      const Tensor t = (log_std - (kRescaleLow + kRescaleHalf)) / kRescaleHalf;
      return t.square_().neg_().add_(1.0).mul_(kRescaleHalf);
    }
  }
  return {};
}

}  // namespace

TanhGaussian ReadTanhGaussian(const Tensor& output, LogStdBounds bounds) {
  const std::int64_t size = output.size(2) / 2;
  const Tensor raw = output.narrow(2, size, size);
  return {output.narrow(2, 0, size), bounds == LogStdBounds::kClamp
                                         ? raw.clamp(kClampLow, kHigh)
                                         : kRescaleLow + kRescaleHalf * (raw.tanh() + 1.0)};
}

Tensor LogTanhSlope(const Tensor& x) {
  return 2.0 * (std::numbers::ln2 - x - at::softplus(-2.0 * x));
}

TanhGaussianSample SampleTanhGaussian(const TanhGaussian& distribution, const Tensor& noise) {
  const auto& [location, log_std] = distribution;
  const Tensor x = at::addcmul(location, log_std.exp(), noise);
  const double constant = 0.5 * std::log(2.0 * std::numbers::pi) * static_cast<double>(x.size(2));
  const Tensor terms = at::addcmul(log_std + LogTanhSlope(x), noise, noise, 0.5);
  return {x.tanh(), -(terms.sum(2) + constant)};
}

Tensor TanhGaussianGradient(const Tensor& output, LogStdBounds bounds,
                            const TanhGaussian& distribution, const Tensor& noise,
                            const TanhGaussianSample& sample, const Tensor& by_action,
                            const Tensor& by_log_prob) {
  const auto& [location, log_std] = distribution;
  const std::int64_t size = noise.size(2);
  // Before the tanh. The noise being what it is, -log(1 - tanh(x)^2) alone changes with x in the
  // log probability; its slope is 2 tanh(x).
  const Tensor by_x =
      at::addcmul(at::tanh_backward(by_action, sample.actions), sample.actions, by_log_prob, 2.0);
  const Tensor by_log_std = at::addcmul(-by_log_prob, by_x * noise, log_std.exp());
  Tensor gradient = at::empty_like(output);
  gradient.narrow(2, 0, size).copy_(by_x);
  gradient.narrow(2, size, size)
      .copy_(by_log_std.mul(BoundSlope(output.narrow(2, size, size), log_std, bounds)));
  return gradient;
}

}  // namespace duet::agents
