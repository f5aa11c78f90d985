// Trained policies for measurements of speed.
#pragma once

#include <string>

#include "envs/env_options.h"
#include "runners/env_bench.h"

namespace duet::runners {

// The first member of a trained run, without exploration, and the run's task. `path` is the folder
// of one run or a policy file. Throws as PolicyLoader says, and ConfigError where the folder holds
// several runs, where the options give other sizes, or where the run's environments have wrappers.
BenchPolicy LoadBenchPolicy(const std::string& path, const std::string& id,
                            const envs::EnvOptions& options);

}  // namespace duet::runners
