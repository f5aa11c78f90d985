#include "agents/registry.h"

namespace duet::agents {
namespace {

constexpr core::Option<Algorithm> kAlgorithms[] = {{"ddpg", Algorithm::kDdpg}};

}  // namespace

void VisitFields(core::FieldVisitor& v, AgentConfig& c) {
  v.Choice("algorithm", c.algorithm, kAlgorithms, "how the agents learn from reward");
  switch (c.algorithm) {
    case Algorithm::kDdpg:
      VisitFields(v, c.ddpg);
  }
}

std::unique_ptr<Agent> MakeAgent(const AgentConfig& config, const AgentSpec& spec) {
  switch (config.algorithm) {
    case Algorithm::kDdpg:
      return MakeDdpg(config.ddpg, spec);
  }
  return nullptr;
}

std::vector<std::string_view> AlgorithmNames() {
  std::vector<std::string_view> names;
  for (const auto& option : kAlgorithms) names.push_back(option.name);
  return names;
}

}  // namespace duet::agents
