// Soft actor-critic with a member axis.
#pragma once

#include <cstdint>
#include <memory>

#include "agents/agent.h"
#include "agents/initialization.h"
#include "agents/off_policy.h"
#include "agents/tanh_gaussian.h"
#include "core/fields.h"

namespace duet::agents {

// Defaults are those of arXiv:1812.05905, Table 1 (as are gamma, tau, batch size and layers), where
// not said otherwise; Stable-Baselines3 has the same.
struct SacConfig : TargetNetworkConfig {
  double actor_learning_rate = 3e-4;
  double critic_learning_rate = 3e-4;  // CleanRL: 1e-3
  std::int64_t policy_delay = 1;       // actor and temperature move at every so manyth update
  bool learn_temperature = true;
  double initial_temperature = 1.0;  // alpha, per unit of reward; Stable-Baselines3, CleanRL
  double temperature_learning_rate = 3e-4;
  double target_entropy = -1.0;  // per entry of the action, in nats: -dim(A) in all
  LogStdBounds log_std_bounds = LogStdBounds::kClamp;
  InitializationConfig initialization = {};
};
void VisitFields(core::FieldVisitor& v, SacConfig& c);

// SAC (arXiv:1812.05905, Algorithm 1) with a temperature learned by each member. Episodes cut by a
// time limit bootstrap through the cut with the final observation.
//
// Value is the soft value V(s) = E[min_i Q_i(s, a) - alpha log pi(a|s)] estimated at the mode of
// the Gaussian, without a draw: min_i Q_i(s, tanh(mu)) + alpha * (H(N(mu, sigma)) + sum_j log(1 -
// tanh(mu_j)^2)), with H the Gaussian's entropy and the sum its change by the tanh, to first order.
std::unique_ptr<Agent> MakeSac(const SacConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
