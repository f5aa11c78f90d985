#include "agents/registry.h"

#include <cstddef>
#include <span>

#include "core/config_writer.h"

namespace duet::agents {
namespace {

struct Row {
  core::Option<Algorithm> option;  // its word in settings files
  bool numbers;                    // it can act with numbers
  bool indices;                    // it can act with indices of discrete actions
};

// In the order of the enum.
constexpr Row kAlgorithms[] = {
    {{"ddpg", Algorithm::kDdpg}, true, false}, {{"ppo", Algorithm::kPpo}, true, true},
    {{"td3", Algorithm::kTd3}, true, false},   {{"sac", Algorithm::kSac}, true, false},
    {{"dqn", Algorithm::kDqn}, false, true},   {{"crossq", Algorithm::kCrossQ}, true, false},
};

const Row& RowOf(Algorithm algorithm) { return kAlgorithms[static_cast<std::size_t>(algorithm)]; }

}  // namespace

void VisitFields(core::FieldVisitor& v, AgentConfig& c) {
  std::vector<core::Option<Algorithm>> options;
  for (const Row& row : kAlgorithms) options.push_back(row.option);
  v.Choice("algorithm", c.algorithm, std::span<const core::Option<Algorithm>>(options),
           "how the agents learn from reward");
  switch (c.algorithm) {
    case Algorithm::kDdpg:
      return VisitFields(v, c.ddpg);
    case Algorithm::kPpo:
      return VisitFields(v, c.ppo);
    case Algorithm::kTd3:
      return VisitFields(v, c.td3);
    case Algorithm::kSac:
      return VisitFields(v, c.sac);
    case Algorithm::kDqn:
      return VisitFields(v, c.dqn);
    case Algorithm::kCrossQ:
      return VisitFields(v, c.crossq);
  }
}

namespace {

// The settings of an algorithm as the section that they stand in.
struct AgentSection {
  AgentConfig agent;
};
void VisitFields(core::FieldVisitor& v, AgentSection& c) {
  v.Section("agent", c.agent, "with another algorithm");
}

}  // namespace

std::string OtherAlgorithmsHelp() {
  std::string help;
  for (const Row& row : kAlgorithms) {
    AgentSection section;
    if (row.option.value == section.agent.algorithm) continue;
    section.agent.algorithm = row.option.value;
    help += core::SettingsHelp(section);
  }
  return help;
}

std::unique_ptr<Agent> MakeAgent(const AgentConfig& config, const AgentSpec& spec) {
  switch (config.algorithm) {
    case Algorithm::kDdpg:
      return MakeDdpg(config.ddpg, spec);
    case Algorithm::kPpo:
      return MakePpo(config.ppo, spec);
    case Algorithm::kTd3:
      return MakeTd3(config.td3, spec);
    case Algorithm::kSac:
      return MakeSac(config.sac, spec);
    case Algorithm::kDqn:
      return MakeDqn(config.dqn, spec);
    case Algorithm::kCrossQ:
      return MakeCrossQ(config.crossq, spec);
  }
  return nullptr;
}

std::int64_t ReplayCapacity(const AgentConfig& config) {
  switch (config.algorithm) {
    case Algorithm::kDdpg:
      return config.ddpg.replay_capacity;
    case Algorithm::kPpo:
      return config.ppo.replay_capacity;
    case Algorithm::kTd3:
      return config.td3.replay_capacity;
    case Algorithm::kSac:
      return config.sac.replay_capacity;
    case Algorithm::kDqn:
      return config.dqn.replay_capacity;
    case Algorithm::kCrossQ:
      return config.crossq.replay_capacity;
  }
  return 0;
}

std::vector<std::string_view> AlgorithmNames() {
  std::vector<std::string_view> names;
  for (const Row& row : kAlgorithms) names.push_back(row.option.name);
  return names;
}

std::string_view AlgorithmName(Algorithm algorithm) { return RowOf(algorithm).option.name; }

bool CanAct(Algorithm algorithm, bool discrete) {
  return discrete ? RowOf(algorithm).indices : RowOf(algorithm).numbers;
}

std::vector<std::string_view> AlgorithmsThatAct(bool discrete) {
  std::vector<std::string_view> names;
  for (const Row& row : kAlgorithms) {
    if (CanAct(row.option.value, discrete)) names.push_back(row.option.name);
  }
  return names;
}

}  // namespace duet::agents
