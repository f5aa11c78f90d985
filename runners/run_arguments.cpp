#include "runners/run_arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "runners/new_folder.h"

namespace duet::runners {

namespace fs = std::filesystem;

void AddRunArguments(CLI::App& command, RunArguments& arguments, const std::string& example) {
  command
      .add_option("config", arguments.config,
                  "settings file (TOML); with --resume the folder of a run")
      ->required();
  command.add_option("--out", arguments.out, "run folder (default: runs/NAME, numbered if taken)");
  command.add_flag("--resume", arguments.resume,
                   "continue the run in the folder given, bit for bit");
  command
      .add_option("--set", arguments.overrides,
                  "override a setting: key.path=value, as in " + example)
      ->allow_extra_args(false);
}

fs::path SettingsFile(const RunArguments& arguments) {
  if (!arguments.resume) {
    if (!fs::is_directory(arguments.config)) return arguments.config;
    throw ConfigError(
        fmt::format("{}: is a folder; allowed is a settings file, or --resume to continue the "
                    "run in the folder",
                    arguments.config));
  }
  if (!arguments.out.empty()) {
    throw ConfigError("--out: not together with --resume, which continues a run where it is");
  }
  const fs::path settings = fs::path(arguments.config) / "config.toml";
  if (fs::exists(settings)) return settings;
  throw ConfigError(fmt::format(
      "--resume {}: there is no config.toml; allowed is the folder of a run", arguments.config));
}

fs::path FolderFor(const RunArguments& arguments, const std::string& name) {
  return arguments.resume ? fs::path(arguments.config) : NewRunFolder(arguments.out, name);
}

}  // namespace duet::runners
