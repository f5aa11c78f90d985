// Where a run keeps its files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/registry.h"
#include "envs/env.h"
#include "runners/config.h"

namespace duet::runners {

// Files of one training run.
struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path config() const { return path / "config.toml"; }
  std::filesystem::path checkpoint() const { return path / "checkpoints" / "latest.safetensors"; }
  std::filesystem::path policy() const { return path / "policy.safetensors"; }
  std::filesystem::path result() const { return path / "result.json"; }
  std::filesystem::path teacher() const { return path / "teacher"; }
};

// The training runs below a folder that have policies: the folder itself, or the methods of a
// comparison by name. Throws IoError where there is none.
std::vector<RunFolder> FindTrainedRuns(const std::filesystem::path& path);

// What a policy takes and gives, as agents count it (agents::AgentSpec).
struct PolicySizes {
  std::int64_t observation_size = 0;
  std::int64_t action_size = 0;
  std::int64_t num_actions = 0;

  bool operator==(const PolicySizes&) const = default;
  // "11 observations and 3 actions", "4 observations and 2 discrete actions"
  std::string Text() const;
};
PolicySizes SizesOf(const envs::EnvSpec& spec);

// Who the members of a saved population are.
struct PolicyFacts {
  std::string env_id;  // TaskId
  std::int64_t observation_size = 0;
  std::int64_t action_size = 0;
  std::int64_t num_actions = 0;  // 0: actions are numbers
  std::vector<std::int64_t> seeds;
  std::int64_t learners = 1;         // per seed; member = seed index * learners + learner
  std::int64_t env_steps_total = 0;  // per seed, of the training
  agents::AgentConfig agent = {};

  PolicySizes sizes() const { return {observation_size, action_size, num_actions}; }
};

// The environment of the run to which a policy file belongs, from the config.toml beside it; where
// there is none, the task by its id alone. Throws ConfigError or IoError on a bad file.
EnvironmentConfig RunEnvironment(const std::filesystem::path& policy);
// Throws ConfigError where the policy is for other sizes than those of this environment.
void CheckSizes(const PolicyFacts& facts, const std::filesystem::path& policy,
                const envs::EnvSpec& env);

// Saves the population's networks and statistics with what is needed to use them elsewhere. The
// file holds nothing of time or place: equal parameters give equal bytes.
void SavePolicyFile(const std::filesystem::path& path, const agents::Agent& agent,
                    const PolicyFacts& facts);
// Throws IoError where the file is missing, damaged or of another kind.
PolicyFacts ReadPolicyFacts(const std::filesystem::path& path);

// The frozen population of a finished run, member m being its member members[m], with random
// streams from seeds[m] and room for `replay_capacity` transitions. Throws IoError as above.
std::unique_ptr<agents::Agent> LoadFrozenAgent(const std::filesystem::path& policy_path,
                                               std::span<const std::int64_t> members,
                                               std::span<const std::uint64_t> seeds,
                                               std::int64_t replay_capacity, at::Device device);

}  // namespace duet::runners
