// The losses of PPO on one member's minibatch, and their gradients, written out.
#pragma once

#include <cstdint>
#include <span>

namespace duet::agents {

struct PpoObjectiveConfig {
  double clip_range = 0.2;        // of the probability ratio around 1
  double value_clip_range = 0.0;  // of the change of a value; 0: not clipped
  double value_coef = 0.5;
  double entropy_coef = 0.0;
  bool normalize_advantages = true;  // to mean 0 and standard deviation 1 over the minibatch
};

// B samples, row by row: the action (A numbers), then its log-probability when it was drawn, its
// advantage, the return that is the value's target, the value when the return was estimated.
struct PpoSamples {
  static constexpr std::int64_t kColumns = 4;  // beside the action

  std::span<const float> rows;  // [B, A + 4]
  std::int64_t action_size = 1;

  std::int64_t width() const { return action_size + kColumns; }
  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()) / width(); }
  const float* action(std::int64_t b) const { return &rows[static_cast<std::size_t>(b * width())]; }
  float log_prob(std::int64_t b) const { return action(b)[action_size]; }
  float advantage(std::int64_t b) const { return action(b)[action_size + 1]; }
  float target(std::int64_t b) const { return action(b)[action_size + 2]; }
  float value(std::int64_t b) const { return action(b)[action_size + 3]; }
};

// Averages over the minibatch.
struct PpoLosses {
  double policy_gradient_loss = 0.0;  // of the clipped surrogate, Eq. 7 of arXiv:1707.06347
  double value_loss = 0.0;            // squared error, clipped where asked for
  double entropy_loss = 0.0;          // minus the entropy
  double approx_kl = 0.0;             // of the old and the present policy: (r - 1) - log r
  double clip_fraction = 0.0;         // share of the samples with a ratio out of range
  double std = 0.0;                   // of a Gaussian, over the action's entries

  // What is minimised.
  double Total(const PpoObjectiveConfig& config) const;
};

// Each of these adds its losses to `losses` and overwrites the gradients of the total loss by what
// it is given. Of a diagonal Gaussian policy with means [B, A] and one log standard deviation per
// action entry, [A] …
void DifferentiateGaussian(const PpoObjectiveConfig& config, const PpoSamples& samples,
                           std::span<const float> means, std::span<const float> log_std,
                           std::span<float> by_means, std::span<float> by_log_std,
                           PpoLosses& losses);
// … of a categorical policy with logits [B, C], the action being the index …
void DifferentiateCategorical(const PpoObjectiveConfig& config, const PpoSamples& samples,
                              std::span<const float> logits, std::span<float> by_logits,
                              PpoLosses& losses);
// … of values [B].
void DifferentiateValues(const PpoObjectiveConfig& config, const PpoSamples& samples,
                         std::span<const float> values, std::span<float> by_values,
                         PpoLosses& losses);

// ln p(action) of a diagonal Gaussian: [A] each.
float GaussianLogProb(std::span<const float> action, std::span<const float> mean,
                      std::span<const float> log_std);
// Writes the logarithms of the probabilities that logits, [C], stand for.
void LogSoftmax(std::span<const float> logits, std::span<float> log_probs);

}  // namespace duet::agents
