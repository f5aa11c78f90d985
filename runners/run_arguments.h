// What commands that start or continue a run take on the command line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace duet::runners {

struct RunArguments {
  std::string config;  // settings file; with `resume` the folder of a run
  std::string out;
  bool resume = false;
  std::vector<std::string> overrides;
};

// `example` is an override, "training.env_steps_total=20000".
void AddRunArguments(CLI::App& command, RunArguments& arguments, const std::string& example);

// The settings file to read. Throws ConfigError where the arguments do not fit together, or where
// the folder to resume is not that of a run.
std::filesystem::path SettingsFile(const RunArguments& arguments);

// The folder of the run, new or resumed, that has this name. Throws ConfigError.
std::filesystem::path FolderFor(const RunArguments& arguments, const std::string& name);

}  // namespace duet::runners
