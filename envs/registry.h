// The table of environments.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/mujoco/mjcf_task.h"

namespace duet::envs {

// What simulates a task.
enum class Engine { kMujoco, kBox2d, kEquations };

// One row of the table.
struct EnvEntry {
  std::string_view id;
  Engine engine = Engine::kEquations;
  std::int64_t max_episode_steps = 0;  // > 0
  // Asks for the options of the task, and makes it without a step limit.
  std::unique_ptr<Env> (*make)(OptionReader& options) = nullptr;
  std::string_view summary;  // what the task is, in a few words
  // MuJoCo only: how far observations may be from recorded ones after 20 steps with a model that
  // differs in rounding; where a solver does not converge, that grows fast.
  double window_tolerance = 0.0;
  std::string_view reference_digest = {};  // MuJoCo only: see EnvDescription
};

// A new environment with its step limit. The id is one of the table, or mjcf:FILE for a model file
// of one's own with the defaults of MjcfTask. Throws ConfigError naming the known ids on any
// other id.
std::unique_ptr<Env> MakeEnv(std::string_view id);

// The same with settings of the task, and with another step limit where one is given. Throws
// ConfigError on an option that the task does not have or a value that it does not allow.
std::unique_ptr<Env> MakeEnv(std::string_view id, const EnvOptions& options,
                             std::optional<std::int64_t> max_episode_steps = std::nullopt);

// The same from a row of one's own.
std::unique_ptr<Env> MakeEnv(const EnvEntry& entry, const EnvOptions& options = {},
                             std::optional<std::int64_t> max_episode_steps = std::nullopt);

// Whether `id` names a model file: mjcf:FILE.
bool IsModelFile(std::string_view id);

// A task of one's own on the model file of `id`, with its step limit; throws as MakeMjcfEnv.
std::unique_ptr<Env> MakeModelEnv(std::string_view id, const MjcfTask& task,
                                  std::optional<std::int64_t> max_episode_steps = std::nullopt);

// All ids, sorted.
std::vector<std::string> EnvIds();
// Those that an engine simulates, sorted.
std::vector<std::string> EnvIds(Engine engine);

// The options of a task, in the order in which it asks for them. Throws ConfigError like MakeEnv.
std::vector<OptionFacts> DescribeOptions(std::string_view id);

// How far a replay may be from a recorded episode.
struct ReplayTolerance {
  double observation = 0.0;
  double reward = 0.0;
};

// What is worth knowing about an environment without making one.
struct EnvDescription {
  std::string engine;   // what simulates it, with its version: "MuJoCo 3.17.0"
  std::string summary;  // what the task is, in a few words
  // SHA-256 of the reference implementation's compiled model, as ModelDigest forms it; empty for a
  // task without a model.
  std::string reference_model_digest;
  ReplayTolerance episode_tolerance;  // in the whole episode
  // In 20 steps from a recorded state, also with a model or an engine that differs in rounding.
  ReplayTolerance window_tolerance;
};

// Throws ConfigError like MakeEnv.
EnvDescription DescribeEnv(std::string_view id);

}  // namespace duet::envs
