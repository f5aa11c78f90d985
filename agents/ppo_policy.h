// The stochastic policies that PPO learns.
#pragma once

#include <cstdint>
#include <span>

#include "agents/agent.h"
#include "agents/network_policy.h"
#include "agents/ppo.h"

namespace duet::agents {

// A network whose outputs are the means of a diagonal Gaussian, or the logits of a categorical
// distribution where actions are discrete. The Gaussian's log standard deviations are the network's
// free parameters.
class PpoPolicy : public NetworkPolicy {
 public:
  PpoPolicy(const PpoConfig& config, const AgentSpec& spec);

  PolicyOutput Interpret(const Tensor& output, const Tensor& free_parameters) const override;

  bool discrete() const { return discrete_; }

  // For outputs [M, B, out] of the network, row by row: the likeliest actions, within [-1, 1] …
  void Likeliest(const Tensor& outputs, std::span<float> actions) const;
  // … actions drawn, each member's from its own stream, with their log-probabilities [M, B] …
  void Draw(const Tensor& outputs, std::span<core::Rng> rngs, std::span<float> actions,
            std::span<float> log_probs) const;
  // … the log-probabilities of given actions.
  void LogProbs(const Tensor& outputs, std::span<const float> actions,
                std::span<float> log_probs) const;

 private:
  bool discrete_;
};

}  // namespace duet::agents
