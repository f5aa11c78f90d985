// Deep Q-networks with a member axis, for discrete actions.
#pragma once

#include <cstdint>
#include <memory>

#include "agents/agent.h"
#include "agents/off_policy.h"
#include "core/fields.h"

namespace duet::agents {

struct DqnConfig : TargetNetworkConfig {
  double learning_rate = 1e-3;  // of Adam; arXiv:1312.5602's successor in Nature uses RMSProp
  bool double_q = true;         // arXiv:1509.06461, Eq. 4
  bool dueling = false;         // arXiv:1511.06581, Eq. 9; each stream is one linear layer
  double huber_delta = 1.0;     // errors count linearly beyond it ("clipped" in Nature); 0: squared
  // Gradient steps between updates of the target network, which then takes the share `tau` of the
  // online one: 1 and a small tau average, tau = 1 copies every so many steps as in Nature.
  std::int64_t target_update_interval = 1;
  double initial_epsilon = 1.0;  // share of random actions at the start of training …
  double final_epsilon = 0.05;   // … and from exploration_fraction of it on, linear in between
  double exploration_fraction = 0.1;  // of training
  double temperature = 0.01;          // of the softmax over Q as an answer; arXiv:1511.06295, 4.1
};
void VisitFields(core::FieldVisitor& v, DqnConfig& c);

// DQN ("Human-level control through deep reinforcement learning", Nature 518, 2015, Algorithm 1)
// with double Q-learning. Its policy answers softmax(Q / temperature). Episodes cut by a time limit
// bootstrap through the cut. Throws std::invalid_argument where the spec's actions are numbers.
std::unique_ptr<Agent> MakeDqn(const DqnConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
