#include "agents/tanh_gaussian.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "agents/host_loops.h"

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
const double kHalfLogTwoPi = 0.5 * std::log(2.0 * std::numbers::pi);

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

// Of the same at one entry.
float BoundSlope(float raw, float log_std, LogStdBounds bounds) {
  if (bounds == LogStdBounds::kClamp) return raw >= kClampLow && raw <= kHigh ? 1.0F : 0.0F;
  const double t = (log_std - (kRescaleLow + kRescaleHalf)) / kRescaleHalf;
  return static_cast<float>((1.0 - t * t) * kRescaleHalf);
}

// See TanhGaussianGradient, which says why.
Tensor GradientOnHost(const Tensor& output, LogStdBounds bounds, const Tensor& log_stds,
                      const Tensor& noise, const Tensor& actions, const Tensor& by_action,
                      const Tensor& by_log_prob) {
  const HostNumbers raw(output), log_std(log_stds), draw(noise), action(actions);
  const HostNumbers action_gradient(by_action), log_prob_gradient(by_log_prob);
  const std::int64_t size = noise.size(2);
  Tensor gradients = EmptyLike(output, output.sizes());
  float* gradient = gradients.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < noise.size(0); ++m) {
    for (std::int64_t b = 0; b < noise.size(1); ++b, gradient += 2 * size) {
      for (std::int64_t i = 0; i < size; ++i) {
        const float a = action(m, b, i), log_std_of = log_std(m, b, i);
        const float by_log_prob_of = log_prob_gradient(m, b);
        const float by_x = action_gradient(m, b, i) * (1.0F - a * a) + 2.0F * a * by_log_prob_of;
        const float by_log_std = by_x * draw(m, b, i) * std::exp(log_std_of) - by_log_prob_of;
        gradient[i] = by_x;
        gradient[size + i] = by_log_std * BoundSlope(raw(m, b, size + i), log_std_of, bounds);
      }
    }
  }
  return gradients;
}

TanhGaussianSample SampleOnHost(const TanhGaussian& distribution, const Tensor& noise) {
  const HostNumbers location(distribution.location), log_std(distribution.log_std), draw(noise);
  const std::int64_t members = noise.size(0), batch = noise.size(1), size = noise.size(2);
  TanhGaussianSample sample{EmptyLike(noise, {members, batch, size}),
                            EmptyLike(noise, {members, batch})};
  float* action = sample.actions.mutable_data_ptr<float>();
  float* log_prob = sample.log_probs.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < members; ++m) {
    for (std::int64_t b = 0; b < batch; ++b) {
      double terms = kHalfLogTwoPi * static_cast<double>(size);
      for (std::int64_t i = 0; i < size; ++i) {
        const float noise_of = draw(m, b, i), log_std_of = log_std(m, b, i);
        const float x = location(m, b, i) + std::exp(log_std_of) * noise_of;
        // With q = 1 - exp(-2 |x|): tanh |x| = q / (2 - q) and, as softplus is what it is,
        // log(1 - tanh(x)^2) = 2 (log 2 - |x| - log(2 - q)).
        const float q = -std::expm1(-2.0F * std::abs(x));
        *action++ = std::copysign(q / (2.0F - q), x);
        const float slope = 2.0F * (std::numbers::ln2_v<float> - std::abs(x) - std::log(2.0F - q));
        terms += log_std_of + slope + 0.5F * noise_of * noise_of;
      }
      *log_prob++ = static_cast<float>(-terms);
    }
  }
  return sample;
}

}  // namespace

TanhGaussian ReadTanhGaussian(const Tensor& output, LogStdBounds bounds) {
  const std::int64_t size = output.size(2) / 2;
  if (OnHost(output) && bounds == LogStdBounds::kClamp) {
    const HostNumbers raw(output);
    Tensor location = EmptyLike(output, {output.size(0), output.size(1), size});
    Tensor log_std = EmptyLike(output, location.sizes());
    float* mean = location.mutable_data_ptr<float>();
    float* log_deviation = log_std.mutable_data_ptr<float>();
    constexpr auto kLow = static_cast<float>(kClampLow), kTop = static_cast<float>(kHigh);
    for (std::int64_t m = 0; m < output.size(0); ++m) {
      for (std::int64_t b = 0; b < output.size(1); ++b) {
        for (std::int64_t i = 0; i < size; ++i) {
          *mean++ = raw(m, b, i);
          *log_deviation++ = std::clamp(raw(m, b, size + i), kLow, kTop);
        }
      }
    }
    return {location, log_std};
  }
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
  if (OnHost(location) && OnHost(log_std)) return SampleOnHost(distribution, noise);
  const Tensor x = at::addcmul(location, log_std.exp(), noise);
  const double constant = kHalfLogTwoPi * static_cast<double>(x.size(2));
  const Tensor terms = at::addcmul(log_std + LogTanhSlope(x), noise, noise, 0.5);
  return {x.tanh(), -(terms.sum(2) + constant)};
}

Tensor TanhGaussianGradient(const Tensor& output, LogStdBounds bounds,
                            const TanhGaussian& distribution, const Tensor& noise,
                            const TanhGaussianSample& sample, const Tensor& by_action,
                            const Tensor& by_log_prob) {
  const auto& [location, log_std] = distribution;
  const std::int64_t size = noise.size(2);
  if (OnHost(output)) {
    return GradientOnHost(output, bounds, log_std, noise, sample.actions, by_action, by_log_prob);
  }
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
