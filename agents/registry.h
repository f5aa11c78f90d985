// The table of agents and their settings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agents/agent.h"
#include "agents/crossq.h"
#include "agents/ddpg.h"
#include "agents/dqn.h"
#include "agents/ppo.h"
#include "agents/sac.h"
#include "agents/td3.h"
#include "core/fields.h"

namespace duet::agents {

enum class Algorithm { kDdpg, kPpo, kTd3, kSac, kDqn, kCrossQ };

// The algorithm's name and its settings, side by side in one section.
struct AgentConfig {
  Algorithm algorithm = Algorithm::kDdpg;
  DdpgConfig ddpg;
  PpoConfig ppo;
  Td3Config td3;
  SacConfig sac;
  DqnConfig dqn;
  CrossQConfig crossq;
};
void VisitFields(core::FieldVisitor& v, AgentConfig& c);

// One section of help for each algorithm but the default one, which AgentConfig itself shows.
std::string OtherAlgorithmsHelp();

std::unique_ptr<Agent> MakeAgent(const AgentConfig& config, const AgentSpec& spec);

// Transitions per member that the agent's settings keep.
std::int64_t ReplayCapacity(const AgentConfig& config);

// Words for `algorithm` in settings files.
std::vector<std::string_view> AlgorithmNames();

std::string_view AlgorithmName(Algorithm algorithm);
// Whether it can act with the indices of discrete actions, or else with numbers.
bool CanAct(Algorithm algorithm, bool discrete);
// The words of those that can.
std::vector<std::string_view> AlgorithmsThatAct(bool discrete);

}  // namespace duet::agents
