#include "runners/data/data_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "distill/tasks/data/image_sets.h"
#include "runners/data/published_set.h"

namespace duet::runners {
namespace {

constexpr double kMegabyte = 1e6;

struct DataOptions {
  std::string name;
  std::string directory;
  std::string mirror;
};

void List() {
  for (const tasks::PublishedSet& set : tasks::PublishedSets()) {
    fmt::print("{:<14} {}\n{:<14} {}\n", set.name, set.about, "", set.page);
    for (const tasks::PublishedFile& file : set.files) {
      fmt::print("{:<14} {}  {} bytes  {}\n", "", file.address, file.bytes,
                 tasks::ChecksumText(file));
    }
  }
  fmt::print("sets of settings files: {}\n", fmt::join(tasks::ImageSetNames(), ", "));
}

tasks::PublishedSet Find(const DataOptions& options) {
  const tasks::PublishedSet* found = tasks::FindPublishedSet(options.name);
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const tasks::PublishedSet& set : tasks::PublishedSets()) names.push_back(set.name);
    throw ConfigError(fmt::format("\"{}\" is no published set; allowed are {}", options.name,
                                  fmt::join(names, ", ")));
  }
  tasks::PublishedSet set = *found;
  if (options.mirror.empty()) return set;
  const char* separator = options.mirror.ends_with('/') ? "" : "/";
  for (tasks::PublishedFile& file : set.files) {
    file.address = options.mirror + separator + file.name;
  }
  return set;
}

std::filesystem::path Directory(const DataOptions& options) {
  const char* variable = std::getenv("DUET_DATA");
  if (!options.directory.empty()) return options.directory;
  if (variable != nullptr && *variable != '\0') return variable;
  throw ConfigError("where to? Give the folder with --data DIR, or set DUET_DATA");
}

int Check(const DataOptions& options) {
  bool passed = true;
  for (const CheckResult& result : CheckPublishedSet(Find(options), Directory(options))) {
    fmt::print("{}  {}\n", result.passed ? "ok  " : "FAIL", result.line);
    passed = passed && result.passed;
  }
  return passed ? 0 : 1;
}

// One line for a file: redrawn at each percent on a terminal, written once elsewhere.
class FileLines {
 public:
  void Show(const tasks::PublishedFile& file, std::int64_t bytes) {
    const std::int64_t percent = 100 * bytes / file.bytes;
    const bool same_file = file.name == name_;
    if (same_file && (percent == percent_ || !redraw_)) return;
    if (!same_file && !name_.empty() && redraw_) fmt::print(stderr, "\n");
    name_ = file.name;
    percent_ = percent;
    fmt::print(stderr, "{}{}, {:.1f} MB{}", redraw_ ? "\r" : "", file.address,
               static_cast<double>(file.bytes) / kMegabyte,
               redraw_ ? fmt::format(": {:3} %", percent) : "\n");
    std::fflush(stderr);
  }
  void End() const {
    if (!name_.empty() && redraw_) fmt::print(stderr, "\n");
  }

 private:
  bool redraw_ = ::isatty(STDERR_FILENO) == 1;
  std::string name_;
  std::int64_t percent_ = -1;
};

int Get(const DataOptions& options) {
  const tasks::PublishedSet set = Find(options);
  fmt::print("{}: {}; terms of use at {}\n", set.name, set.about, set.page);
  FileLines lines;
  GetPublishedSet(
      set, Directory(options),
      [&](const tasks::PublishedFile& file, std::int64_t bytes) { lines.Show(file, bytes); });
  lines.End();
  return Check(options);
}

}  // namespace

void AddDataCommand(CLI::App& app, int& exit_code) {
  CLI::App* data = app.add_subcommand("data", "list, fetch and check published image sets");
  data->require_subcommand(1);
  const auto options = std::make_shared<DataOptions>();
  data->add_subcommand("list", "the sets, where they are published, sizes and checksums")
      ->callback([&exit_code] {
        List();
        exit_code = 0;
      });
  CLI::App* check =
      data->add_subcommand("check", "compare checksums and read every image; exit code 1 if not");
  check->callback([options, &exit_code] { exit_code = Check(*options); });
  CLI::App* get = data->add_subcommand("get", "fetch a set, going on where an earlier try ended");
  get->add_option("--mirror", options->mirror,
                  "take the files of the same names from this address; sizes and checksums are "
                  "still the published ones");
  get->callback([options, &exit_code] { exit_code = Get(*options); });
  for (CLI::App* command : {check, get}) {
    command->add_option("NAME", options->name, "name of a set, as `duet data list` has it")
        ->required();
    command->add_option("--data", options->directory,
                        "the folder of all sets; default: the environment variable DUET_DATA");
  }
}

}  // namespace duet::runners
