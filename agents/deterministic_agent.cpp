#include "agents/deterministic_agent.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace duet::agents {

DeterministicPolicy::DeterministicPolicy(const OffPolicyConfig& config, const NoiseConfig& noise,
                                         const AgentSpec& spec)
    : NetworkPolicy({spec.members(), spec.observation_size, config.normalize_observations,
                     config.observation_clip, spec.device},
                    {{.members = spec.members(),
                      .input = spec.observation_size,
                      .hidden = config.hidden,
                      .output = spec.action_size,
                      .output_activation = OutputActivation::kTanh,
                      .precision = spec.precision},
                     spec.device}) {
  if (noise.kind == NoiseKind::kGaussian && noise.std > 0.0) {
    log_std_ = at::full({1, 1, 1}, std::log(noise.std),
                        at::TensorOptions().dtype(at::kFloat).device(spec.device));
  }
}

PolicyOutput DeterministicPolicy::Interpret(const Tensor& output,
                                            const Tensor& /*free_parameters*/) const {
  return {output, log_std_};
}

DeterministicAgent::DeterministicAgent(const OffPolicyConfig& config, const NoiseConfig& noise,
                                       const AgentSpec& spec, std::vector<std::string> metric_names)
    : OffPolicyAgent(config, spec, std::move(metric_names)),
      policy_(config, noise, spec),
      noise_(noise, spec.members(), spec.envs, spec.action_size) {}

void DeterministicAgent::Observe(const Transitions& transitions) {
  policy_.normalizer.Update(transitions.observations);
  OffPolicyAgent::Observe(transitions);
  for (std::size_t i = 0; i < transitions.terminated.size(); ++i) {
    if (transitions.terminated[i] != 0 || transitions.truncated[i] != 0) {
      noise_.Restart(static_cast<std::int64_t>(i));
    }
  }
}

void DeterministicAgent::Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
                                std::span<float> actions) {
  const PolicyOutput output = policy_.ActingAnswer(observations, explore);
  const Tensor answer = output.mean.cpu().contiguous();
  std::copy_n(answer.const_data_ptr<float>(), actions.size(), actions.data());
  if (explore) noise_.Perturb(rngs, actions);
}

}  // namespace duet::agents
