// tanh of a diagonal Gaussian, as an actor's output; its gradients are written out.
#pragma once

#include "agents/tensor.h"
#include "core/fields.h"

namespace duet::agents {

// How an actor's output becomes a log standard deviation.
enum class LogStdBounds {
  kClamp,    // cut to [-20, 2]: the code of arXiv:1801.01290, Spinning Up, Stable-Baselines3
  kRescale,  // tanh, stretched to [-5, 2]: github.com/denisyarats/pytorch_sac, CleanRL
};

// The setting "log_std_bounds" of the present section.
void VisitFields(core::FieldVisitor& v, LogStdBounds& bounds);

struct TanhGaussian {
  Tensor location;  // [M, B, A] mean before the tanh
  Tensor log_std;   // [M, B, A] within its bounds
};

// The distribution that an actor's output, [M, B, 2A], stands for: locations, then log standard
// deviations before their bounds. Autograd can go through it.
TanhGaussian ReadTanhGaussian(const Tensor& output, LogStdBounds bounds);

// log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2x)), which is exact where tanh(x) rounds to ±1.
Tensor LogTanhSlope(const Tensor& x);

struct TanhGaussianSample {
  Tensor actions;    // [M, B, A] tanh(location + std * noise)
  Tensor log_probs;  // [M, B] of these actions; arXiv:1812.05905, appendix C
};
// `noise` is standard normal, [M, B, A].
TanhGaussianSample SampleTanhGaussian(const TanhGaussian& distribution, const Tensor& noise);

// The gradient of a loss by the actor's output, [M, B, 2A], where the loss depends on the output
// through a sample's actions and log probabilities: `by_action` is [M, B, A], `by_log_prob` [M, 1,
// 1] or whatever broadcasts to [M, B, 1].
Tensor TanhGaussianGradient(const Tensor& output, LogStdBounds bounds,
                            const TanhGaussian& distribution, const Tensor& noise,
                            const TanhGaussianSample& sample, const Tensor& by_action,
                            const Tensor& by_log_prob);

}  // namespace duet::agents
