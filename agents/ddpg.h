// Deep deterministic policy gradient with a member axis.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/agent.h"
#include "agents/exploration.h"
#include "core/fields.h"

namespace duet::agents {

// Defaults are those of arXiv:1802.09477 (its own DDPG) where not said otherwise.
struct DdpgConfig {
  double gamma = 0.99;                            // discount per step
  double tau = 0.005;                             // share of the online nets in each target update
  std::int64_t batch_size = 256;                  // transitions per member and update
  std::int64_t replay_capacity = 1'000'000;       // transitions per member
  std::vector<std::int64_t> hidden = {256, 256};  // ReLU layers of actor and critic
  double actor_learning_rate = 1e-3;
  double critic_learning_rate = 1e-3;
  double critic_l2 = 0.0;               // 1e-2 in arXiv:1509.02971, section 7
  double max_gradient_norm = 0.0;       // per member and network; 0: no clipping
  double final_layer_scale = 3e-3;      // last layers start in ±this; arXiv:1509.02971, section 7
  double reward_scale = 1.0;            // rewards are multiplied by this
  bool normalize_observations = false;  // running mean and variance per member
  double observation_clip = 5.0;        // bound of normalised observations
  NoiseConfig noise;
};
void VisitFields(core::FieldVisitor& v, DdpgConfig& c);

// DDPG (arXiv:1509.02971). Episodes cut by a time limit bootstrap through the cut with the final
// observation; the published algorithm treats them as ends.
std::unique_ptr<Agent> MakeDdpg(const DdpgConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
