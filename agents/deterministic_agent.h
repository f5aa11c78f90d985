// What replay learners with a deterministic policy share: how they act and explore.
#pragma once

#include <string>
#include <vector>

#include "agents/exploration.h"
#include "agents/network_policy.h"
#include "agents/off_policy.h"

namespace duet::agents {

// tanh of a network's output. Its Gaussian, if any, is that of the exploration.
class DeterministicPolicy : public NetworkPolicy {
 public:
  DeterministicPolicy(const OffPolicyConfig& config, const NoiseConfig& noise,
                      const AgentSpec& spec);

  PolicyOutput Interpret(const Tensor& output, const Tensor& free_parameters) const override;

 private:
  Tensor log_std_;  // [1, 1, 1] of the Gaussian exploration; undefined with another kind
};

class DeterministicAgent : public OffPolicyAgent {
 public:
  void Observe(const Transitions& transitions) override;
  void HoldPolicy() override { policy_.Hold(); }
  Policy& policy() override { return policy_; }
  const Policy& policy() const override { return policy_; }

 protected:
  DeterministicAgent(const OffPolicyConfig& config, const NoiseConfig& noise, const AgentSpec& spec,
                     std::vector<std::string> metric_names);

  void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
              std::span<float> actions) override;

  DeterministicPolicy policy_;
  ExplorationNoise noise_;
};

}  // namespace duet::agents
