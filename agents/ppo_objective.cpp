#include "agents/ppo_objective.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

namespace duet::agents {
namespace {

const double kHalfLogTwoPi = 0.5 * std::log(2.0 * std::numbers::pi);

// What an advantage is multiplied with after a number is added to it.
struct Standardization {
  double shift = 0.0;
  double factor = 1.0;
};

Standardization StandardizeAdvantages(const PpoObjectiveConfig& config, const PpoSamples& samples) {
  const std::int64_t size = samples.size();
  if (!config.normalize_advantages || size < 2) return {};
  double mean = 0.0;
  for (std::int64_t b = 0; b < size; ++b) mean += samples.advantage(b);
  mean /= static_cast<double>(size);
  double squares = 0.0;
  for (std::int64_t b = 0; b < size; ++b) {
    squares += (samples.advantage(b) - mean) * (samples.advantage(b) - mean);
  }
  const double std = std::sqrt(squares / static_cast<double>(size - 1));
  return {-mean, 1.0 / (std + 1e-8)};
}

// The clipped surrogate. `log_probs`, [B], of the present policy become the loss's gradients by
// them.
void DifferentiateSurrogate(const PpoObjectiveConfig& config, const PpoSamples& samples,
                            std::span<float> log_probs, PpoLosses& losses) {
  const Standardization standard = StandardizeAdvantages(config, samples);
  const double size = static_cast<double>(samples.size());
  for (std::int64_t b = 0; b < samples.size(); ++b) {
    float& log_prob = log_probs[static_cast<std::size_t>(b)];
    const double log_ratio = static_cast<double>(log_prob) - samples.log_prob(b);
    const double ratio = std::exp(log_ratio);
    const double advantage = (samples.advantage(b) + standard.shift) * standard.factor;
    const double clipped = std::clamp(ratio, 1.0 - config.clip_range, 1.0 + config.clip_range);
    const bool within = clipped == ratio;
    const double loss = -advantage * ratio;
    const double clipped_loss = -advantage * clipped;
    losses.policy_gradient_loss += std::max(loss, clipped_loss) / size;
    losses.approx_kl += ((ratio - 1.0) - log_ratio) / size;
    losses.clip_fraction += (within ? 0.0 : 1.0) / size;
    log_prob = within || loss > clipped_loss ? static_cast<float>(loss / size) : 0.0F;
  }
}

}  // namespace

double PpoLosses::Total(const PpoObjectiveConfig& config) const {
  return policy_gradient_loss + config.value_coef * value_loss + config.entropy_coef * entropy_loss;
}

float GaussianLogProb(std::span<const float> action, std::span<const float> mean,
                      std::span<const float> log_std) {
  double log_prob = 0.0;
  for (std::size_t i = 0; i < action.size(); ++i) {
    const double z = (static_cast<double>(action[i]) - mean[i]) * std::exp(-log_std[i]);
    log_prob -= 0.5 * z * z + log_std[i] + kHalfLogTwoPi;
  }
  return static_cast<float>(log_prob);
}

void LogSoftmax(std::span<const float> logits, std::span<float> log_probs) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double log_sum = largest + std::log(sum);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    log_probs[i] = static_cast<float>(logits[i] - log_sum);
  }
}

void DifferentiateGaussian(const PpoObjectiveConfig& config, const PpoSamples& samples,
                           std::span<const float> means, std::span<const float> log_std,
                           std::span<float> by_means, std::span<float> by_log_std,
                           PpoLosses& losses) {
  const std::size_t width = log_std.size();
  std::vector<float> inverse_std(width), by_log_prob(static_cast<std::size_t>(samples.size()));
  double constant = 0.0;  // of the log-probability
  for (std::size_t i = 0; i < width; ++i) {
    inverse_std[i] = std::exp(-log_std[i]);
    losses.std += 1.0 / (inverse_std[i] * static_cast<double>(width));
    constant -= log_std[i] + kHalfLogTwoPi;
  }
  // (action - mean) / std, where the gradients go afterwards.
  const std::span<float> z = by_means;
  for (std::int64_t b = 0; b < samples.size(); ++b) {
    const std::size_t row = static_cast<std::size_t>(b) * width;
    float squares = 0.0F;
    for (std::size_t i = 0; i < width; ++i) {
      z[row + i] = (samples.action(b)[i] - means[row + i]) * inverse_std[i];
      squares += z[row + i] * z[row + i];
    }
    by_log_prob[static_cast<std::size_t>(b)] = static_cast<float>(constant - 0.5 * squares);
  }
  DifferentiateSurrogate(config, samples, by_log_prob, losses);
  // The entropy is the sum of log std + ln(2 pi e) / 2.
  losses.entropy_loss += constant - 0.5 * static_cast<double>(width);
  std::fill(by_log_std.begin(), by_log_std.end(), static_cast<float>(-config.entropy_coef));
  for (std::int64_t b = 0; b < samples.size(); ++b) {
    const std::size_t row = static_cast<std::size_t>(b) * width;
    const float gradient = by_log_prob[static_cast<std::size_t>(b)];
    for (std::size_t i = 0; i < width; ++i) {
      by_log_std[i] += gradient * (z[row + i] * z[row + i] - 1.0F);
      z[row + i] *= gradient * inverse_std[i];
    }
  }
}

void DifferentiateCategorical(const PpoObjectiveConfig& config, const PpoSamples& samples,
                              std::span<const float> logits, std::span<float> by_logits,
                              PpoLosses& losses) {
  const std::size_t size = static_cast<std::size_t>(samples.size());
  const std::size_t width = logits.size() / size;
  std::vector<float> log_probs(logits.size()), by_log_prob(size);
  for (std::size_t b = 0; b < size; ++b) {
    const auto row = std::span(log_probs).subspan(b * width, width);
    LogSoftmax(logits.subspan(b * width, width), row);
    by_log_prob[b] = row[static_cast<std::size_t>(*samples.action(static_cast<std::int64_t>(b)))];
  }
  DifferentiateSurrogate(config, samples, by_log_prob, losses);
  for (std::size_t b = 0; b < size; ++b) {
    const auto row = std::span<const float>(log_probs).subspan(b * width, width);
    double minus_entropy = 0.0;
    for (const float log_prob : row) minus_entropy += std::exp(log_prob) * log_prob;
    losses.entropy_loss += minus_entropy / static_cast<double>(size);
    const auto taken = static_cast<std::size_t>(*samples.action(static_cast<std::int64_t>(b)));
    const double entropy_factor = config.entropy_coef / static_cast<double>(size);
    for (std::size_t i = 0; i < width; ++i) {
      const double prob = std::exp(row[i]);
      const double by_logit = (i == taken ? 1.0 : 0.0) - prob;
      by_logits[b * width + i] = static_cast<float>(
          by_log_prob[b] * by_logit + entropy_factor * prob * (row[i] - minus_entropy));
    }
  }
}

void DifferentiateValues(const PpoObjectiveConfig& config, const PpoSamples& samples,
                         std::span<const float> values, std::span<float> by_values,
                         PpoLosses& losses) {
  const double size = static_cast<double>(samples.size());
  const double range = config.value_clip_range;
  for (std::int64_t b = 0; b < samples.size(); ++b) {
    const double value = values[static_cast<std::size_t>(b)];
    const double error = value - samples.target(b);
    double loss = error * error;
    double gradient = 2.0 * error;
    if (range > 0.0) {
      const double change = value - samples.value(b);
      const double clipped_error =
          samples.value(b) + std::clamp(change, -range, range) - samples.target(b);
      if (std::abs(change) > range && clipped_error * clipped_error > loss) {
        loss = clipped_error * clipped_error;
        gradient = 0.0;
      }
    }
    losses.value_loss += loss / size;
    by_values[static_cast<std::size_t>(b)] =
        static_cast<float>(config.value_coef * gradient / size);
  }
}

}  // namespace duet::agents
