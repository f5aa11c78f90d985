// `duet env`: the environments from the command line.
#pragma once

#include "runners/env_bench.h"

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the command `env` with `list`, `show`, `replay` and `bench`. Parsing runs it and writes
// `exit_code`: 0, or 1 where a replay is past its tolerance, or 2 where a trace file cannot be
// used. Other errors are thrown as duet::Error. `load_policy` is for `bench`.
void AddEnvCommand(CLI::App& app, int& exit_code, const PolicyLoader& load_policy = nullptr);

}  // namespace duet::runners
