#include "runners/new_folder.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include "core/error.h"

namespace duet::runners {

namespace fs = std::filesystem;

namespace {

bool HasFiles(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder, code) && !fs::is_empty(folder, code);
}

}  // namespace

fs::path NewRunFolder(const std::string& out, const std::string& name) {
  if (!out.empty()) {
    if (HasFiles(out)) {
      throw ConfigError(
          fmt::format("--out {}: the folder is not empty; allowed are a new folder, or --resume to "
                      "continue the run in it",
                      out));
    }
    return out;
  }
  fs::path folder = fs::path("runs") / name;
  for (int number = 2; HasFiles(folder); ++number) {
    folder = fs::path("runs") / fmt::format("{}-{}", name, number);
  }
  return folder;
}

std::shared_ptr<spdlog::logger> OpenLog(const fs::path& folder) {
  const std::string path = (folder / "log.txt").string();
  try {
    auto log = std::make_shared<spdlog::logger>(
        "run", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
    log->set_pattern("%Y-%m-%dT%H:%M:%S%z %l %v");
    log->flush_on(spdlog::level::info);
    // A log that can no longer grow is no reason to stop training.
    log->set_error_handler([](const std::string&) {});
    return log;
  } catch (const spdlog::spdlog_ex&) {
    throw IoError(
        fmt::format("{}: cannot write; allowed is a folder that can be written to", path));
  }
}

}  // namespace duet::runners
