// Where a new run goes, and its log.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace duet::runners {

// The folder of a new run: `out` where it was asked for, or the first free one of runs/NAME,
// runs/NAME-2 … Throws ConfigError where the folder asked for holds files.
std::filesystem::path NewRunFolder(const std::string& out, const std::string& name);

// log.txt of a run, which grows over resumes; every line is on disk at once. Throws IoError.
std::shared_ptr<spdlog::logger> OpenLog(const std::filesystem::path& folder);

}  // namespace duet::runners
