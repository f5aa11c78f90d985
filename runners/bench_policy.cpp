#include "runners/bench_policy.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/error.h"
#include "runners/run_env.h"
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

BenchPolicy LoadBenchPolicy(const std::string& path, const std::string& id,
                            const envs::EnvOptions& options) {
  const std::filesystem::path policy = PolicyPath(path);
  const PolicyFacts facts = ReadPolicyFacts(policy);
  EnvironmentConfig env = RunEnvironment(policy);
  if (AbsoluteId(id, std::filesystem::current_path()) != env.id) {
    throw ConfigError(
        fmt::format("{}: trained on {}; allowed is a policy of {}", policy.string(), env.id, id));
  }
  if (env.wrappers != WrapperConfig()) {
    throw ConfigError(fmt::format(
        "{}: trained in env.wrappers, which hide the task; allowed is a policy of the bare {}",
        policy.string(), id));
  }
  for (const auto& [name, value] : options) env.options[name] = value;
  const envs::EnvSpec spec = MakeTask(env)->spec();
  CheckSizes(facts, policy, spec);
  const std::int64_t member = 0;
  const std::uint64_t seed = 0;  // greedy actions draw nothing
  std::shared_ptr<agents::Agent> agent =
      LoadFrozenAgent(policy, {&member, 1}, {&seed, 1}, 1, at::kCPU);
  return {.act =
              [agent, spec](std::span<const float> observations, std::span<float> actions) {
                if (spec.discrete()) {
                  return agent->Act(observations, agents::ActMode::kGreedy, actions);
                }
                std::vector<float> normed(actions.size());
                agent->Act(observations, agents::ActMode::kGreedy, normed);
                ScaleActions(spec, normed, actions);
              },
          .make = [env] { return MakeTask(env); }};
}

}  // namespace duet::runners
