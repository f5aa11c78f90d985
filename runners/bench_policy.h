// Trained policies for measurements of speed.
#pragma once

#include <string>

#include "envs/env.h"
#include "envs/stepping_rate.h"

namespace duet::runners {

// The first member of a trained run, without exploration, for any number of environments of this
// spec. `path` is the folder of one run or a policy file. Throws ConfigError where it was trained
// on another task or is one of several, and IoError where it cannot be read.
envs::BatchPolicy LoadBenchPolicy(const std::string& path, const envs::EnvSpec& spec);

}  // namespace duet::runners
