// Twin delayed deep deterministic policy gradient with a member axis.
#pragma once

#include <cstdint>
#include <memory>

#include "agents/agent.h"
#include "agents/exploration.h"
#include "agents/initialization.h"
#include "agents/off_policy.h"
#include "core/fields.h"

namespace duet::agents {

// Defaults are those of the authors' code, github.com/sfujim/TD3, which CleanRL shares; so are
// gamma, tau, batch size and layers. The paper has learning rates of 1e-3, layers of 400 and 300
// and batches of 100; Stable-Baselines3 its learning rate and layers.
struct Td3Config : TargetNetworkConfig {
  double actor_learning_rate = 3e-4;
  double critic_learning_rate = 3e-4;
  std::int64_t policy_delay = 2;  // the actor and all targets move at every so manyth update
  double target_noise = 0.2;      // standard deviation, on the target policy's actions …
  double noise_clip = 0.5;        // … and its bound, both in half action ranges
  InitializationConfig initialization = {};
  NoiseConfig noise = {};  // Gaussian of 0.1
};
void VisitFields(core::FieldVisitor& v, Td3Config& c);

// TD3 (arXiv:1802.09477, Algorithm 1). Episodes cut by a time limit bootstrap through the cut with
// the final observation, as in the authors' code.
std::unique_ptr<Agent> MakeTd3(const Td3Config& config, const AgentSpec& spec);

}  // namespace duet::agents
