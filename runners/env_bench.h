// `duet env bench`: how fast an environment steps.
#pragma once

#include <functional>
#include <string>

#include "envs/env.h"
#include "envs/stepping_rate.h"

namespace CLI {
class App;
}

namespace duet::runners {

// A trained policy and what makes the environments that it was trained for.
struct BenchPolicy {
  envs::BatchPolicy act;
  envs::EnvMaker make;
};

// Makes one out of the path that a person gave, for the task `id` with these options on top of
// those that it was trained with. Throws ConfigError where it is a policy of another task, and
// IoError where it cannot be read.
using PolicyLoader = std::function<BenchPolicy(const std::string& path, const std::string& id,
                                               const envs::EnvOptions& options)>;

// Adds the command `bench` to `env`; without a loader it has no option --policy. Parsing runs it
// and sets `exit_code` to 0; errors are thrown as duet::Error.
void AddEnvBenchCommand(CLI::App& env, int& exit_code, const PolicyLoader& load_policy);

}  // namespace duet::runners
