#include "agents/soft_actor.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "agents/host_loops.h"
#include "agents/members.h"
#include "agents/tanh.h"

namespace duet::agents {

MlpShape SoftActorShape(const OffPolicyConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size,
          .hidden = config.hidden,
          .output = 2 * spec.action_size,
          .precision = spec.precision};
}

template <typename Network>
SoftPolicy<Network>::SoftPolicy(const OffPolicyConfig& config, const AgentSpec& spec,
                                LogStdBounds bounds, Network network)
    : PolicyOf<Network>({spec.members(), spec.observation_size, config.normalize_observations,
                         config.observation_clip, spec.device},
                        std::move(network)),
      bounds_(bounds) {}

namespace {

Tensor Mode(const Tensor& location) {
  if (!OnHost(location)) return location.tanh();
  Tensor mode = location.clone(at::MemoryFormat::Contiguous);
  Tanh(mode.mutable_data_ptr<float>(), mode.numel());
  return mode;
}

// Without a deviation the mode.
void ChooseOnHost(const Tensor& location, const Tensor& log_std, std::span<core::Rng> rngs,
                  std::span<float> actions) {
  const Tensor means = location.contiguous();
  std::copy_n(means.const_data_ptr<float>(), actions.size(), actions.data());
  if (log_std.defined()) {
    const Tensor log_stds = log_std.contiguous();
    const float* log_deviation = log_stds.const_data_ptr<float>();
    const std::size_t per_member = actions.size() / rngs.size();
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const auto noise = static_cast<float>(rngs[i / per_member].Normal());
      actions[i] += std::exp(log_deviation[i]) * noise;
    }
  }
  Tanh(actions.data(), static_cast<std::int64_t>(actions.size()));
}

}  // namespace

template <typename Network>
PolicyOutput SoftPolicy<Network>::Interpret(const Tensor& output,
                                            const Tensor& /*free_parameters*/) const {
  const auto [location, log_std] = ReadTanhGaussian(output, bounds_);
  return {Mode(location), log_std, location};
}

template <typename Network>
void SoftPolicy<Network>::Choose(const Tensor& observations, bool explore,
                                 std::span<core::Rng> rngs, std::span<float> actions) const {
  const Tensor output = this->ActingOutput(observations, explore);
  const auto [location, log_std] = ReadTanhGaussian(output, bounds_);
  if (OnHost(output)) {
    return ChooseOnHost(location, explore ? log_std : Tensor(), rngs, actions);
  }
  Tensor chosen = location;
  if (explore) {
    const Tensor noise = DrawNormal(rngs, location.sizes(), location.device());
    chosen = at::addcmul(location, log_std.exp(), noise);
  }
  chosen = chosen.tanh().cpu().contiguous();
  std::copy_n(chosen.const_data_ptr<float>(), actions.size(), actions.data());
}

template class SoftPolicy<Mlp>;
template class SoftPolicy<BatchRenormMlp>;

Tensor EntropyAtMode(const PolicyOutput& answer) {
  const double unit_entropy = 0.5 * std::log(2.0 * std::numbers::pi * std::numbers::e);
  return (answer.log_std + LogTanhSlope(answer.location) + unit_entropy).sum(2);
}

Tensor SoftValues(Tensor values, const Tensor& temperatures, const Tensor& log_probs) {
  if (!OnHost(values)) return values.addcmul_(temperatures, log_probs, -1.0);
  const HostNumbers value(values), log_prob(log_probs), temperature(temperatures);
  for (std::int64_t m = 0; m < values.size(0); ++m) {
    for (std::int64_t b = 0; b < values.size(1); ++b) {
      value(m, b) -= temperature(m) * log_prob(m, b);
    }
  }
  return values;
}

namespace {

// All but the gradient.
SoftActorLoss LossOnHost(const Tensor& values, const Tensor& log_probs,
                         const Tensor& temperatures) {
  const HostNumbers value(values), log_prob(log_probs), temperature(temperatures);
  SoftActorLoss loss{.losses = EmptyLike(values, {values.size(0)}),
                     .entropies = EmptyLike(values, {values.size(0)}),
                     .by_output = {}};
  const auto batch = static_cast<double>(values.size(1));
  for (std::int64_t m = 0; m < values.size(0); ++m) {
    double log_prob_sum = 0.0, value_sum = 0.0;
    for (std::int64_t b = 0; b < values.size(1); ++b) {
      log_prob_sum += log_prob(m, b);
      value_sum += value(m, b);
    }
    loss.losses.mutable_data_ptr<float>()[m] =
        static_cast<float>((temperature(m) * log_prob_sum - value_sum) / batch);
    loss.entropies.mutable_data_ptr<float>()[m] = static_cast<float>(-log_prob_sum / batch);
  }
  return loss;
}

}  // namespace

template <typename Network>
SoftActorLoss DifferentiateSoftActor(const Tensor& output, LogStdBounds bounds, const Tensor& noise,
                                     const Tensor& temperatures,
                                     const TwinCriticsOf<Network>& critics,
                                     const Tensor& observations) {
  const TanhGaussian distribution = ReadTanhGaussian(output, bounds);
  const auto sample = SampleTanhGaussian(distribution, noise);
  const auto [values, by_action] = critics.MinimumByAction(observations, sample.actions);
  const double share = 1.0 / static_cast<double>(values.size(1));
  SoftActorLoss loss =
      OnHost(values) ? LossOnHost(values, sample.log_probs, temperatures)
                     : SoftActorLoss{.losses = (temperatures * sample.log_probs - values).mean(1),
                                     .entropies = sample.log_probs.mean(1).neg_(),
                                     .by_output = {}};
  loss.by_output =
      TanhGaussianGradient(output, bounds, distribution, noise, sample, Scaled(by_action, -share),
                           Scaled(temperatures, share).unsqueeze(2));
  return loss;
}

template SoftActorLoss DifferentiateSoftActor(const Tensor&, LogStdBounds, const Tensor&,
                                              const Tensor&, const TwinCriticsOf<Mlp>&,
                                              const Tensor&);
template SoftActorLoss DifferentiateSoftActor(const Tensor&, LogStdBounds, const Tensor&,
                                              const Tensor&, const TwinCriticsOf<BatchRenormMlp>&,
                                              const Tensor&);

}  // namespace duet::agents
