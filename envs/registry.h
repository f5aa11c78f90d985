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

namespace duet::envs {

// A new environment with its step limit. Throws ConfigError naming the known ids on any other id.
std::unique_ptr<Env> MakeEnv(std::string_view id);

// The same with settings of the task, and with another step limit where one is given. Throws
// ConfigError on an option that the task does not have or a value that it does not allow.
std::unique_ptr<Env> MakeEnv(std::string_view id, const EnvOptions& options,
                             std::optional<std::int64_t> max_episode_steps = std::nullopt);

// All ids, sorted.
std::vector<std::string> EnvIds();

// Name and version of what simulates it: "MuJoCo 3.17.0". Throws ConfigError like MakeEnv.
std::string EnvEngine(std::string_view id);

// SHA-256 of the compiled model of the reference implementation, as ModelDigest forms it; empty for
// a task without a model. Throws ConfigError like MakeEnv.
std::string_view ReferenceModelDigest(std::string_view id);

}  // namespace duet::envs
