// Deep deterministic policy gradient with a member axis.
#pragma once

#include <memory>

#include "agents/agent.h"
#include "agents/exploration.h"
#include "agents/off_policy.h"
#include "core/fields.h"

namespace duet::agents {

// Defaults are those of arXiv:1802.09477 (its own DDPG) where not said otherwise.
struct DdpgConfig : TargetNetworkConfig {
  double actor_learning_rate = 1e-3;
  double critic_learning_rate = 1e-3;
  double critic_l2 = 0.0;           // 1e-2 in arXiv:1509.02971, section 7
  double final_layer_scale = 3e-3;  // last layers start in ±this; arXiv:1509.02971, section 7
  NoiseConfig noise;
};
void VisitFields(core::FieldVisitor& v, DdpgConfig& c);

// DDPG (arXiv:1509.02971). Episodes cut by a time limit bootstrap through the cut with the final
// observation; the published algorithm treats them as ends.
std::unique_ptr<Agent> MakeDdpg(const DdpgConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
