#include "runners/bench_policy.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/error.h"
#include "runners/evaluator.h"
#include "runners/run_folder.h"

namespace duet::runners {
namespace {

std::filesystem::path PolicyPath(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return path;
  const std::vector<RunFolder> runs = FindTrainedRuns(path);
  if (runs.size() == 1) return runs.front().policy();
  throw ConfigError(fmt::format("{}: holds {} runs; allowed is the folder of one, as in {}", path,
                                runs.size(), runs.front().path.string()));
}

}  // namespace

envs::BatchPolicy LoadBenchPolicy(const std::string& path, const envs::EnvSpec& spec) {
  const std::filesystem::path policy = PolicyPath(path);
  const PolicyFacts facts = ReadPolicyFacts(policy);
  if (facts.env_id != spec.id || facts.observation_size != spec.observation_size ||
      facts.action_size != spec.action_size()) {
    throw ConfigError(fmt::format(
        "{}: trained on {} with {} observations and {} actions; allowed is {} with {} and {}",
        policy.string(), facts.env_id, facts.observation_size, facts.action_size, spec.id,
        spec.observation_size, spec.action_size()));
  }
  const std::int64_t member = 0;
  const std::uint64_t seed = 0;  // greedy actions draw nothing
  std::shared_ptr<agents::Agent> agent =
      LoadFrozenAgent(policy, {&member, 1}, {&seed, 1}, 1, at::kCPU);
  return [agent, spec](std::span<const float> observations, std::span<float> actions) {
    std::vector<float> normed(actions.size());
    agent->Act(observations, agents::ActMode::kGreedy, normed);
    ScaleActions(spec, normed, actions);
  };
}

}  // namespace duet::runners
