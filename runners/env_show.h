// `duet env list` and `duet env show`: what the environments are.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the commands `list` and `show` to `env`. Parsing runs them and sets `exit_code` to 0; errors
// are thrown as duet::Error.
void AddEnvListCommand(CLI::App& env, int& exit_code);
void AddEnvShowCommand(CLI::App& env, int& exit_code);

}  // namespace duet::runners
