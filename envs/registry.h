// The table of environments.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

// A new environment with its step limit. Throws ConfigError naming the known ids on any other id.
std::unique_ptr<Env> MakeEnv(std::string_view id);

// All ids, sorted.
std::vector<std::string> EnvIds();

}  // namespace duet::envs
