#include "core/config_checks.h"

#include <fmt/format.h>

#include <set>

#include "core/error.h"

namespace duet::core {

void CheckFolderName(const ConfigFile& file, std::string_view path, const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 100 && name[0] != '.' &&
                    name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789_.-+=,") == std::string::npos;
  if (fits) return;
  throw ConfigError(
      fmt::format("{} = \"{}\" cannot name a folder; allowed are letters, digits, '_', '-', '.', "
                  "'+', '=' and ','",
                  file.Where(path), name));
}

void CheckSeeds(const ConfigFile& file, std::string_view path,
                std::span<const std::int64_t> seeds) {
  if (seeds.empty()) {
    throw ConfigError(fmt::format("{} is empty; allowed is at least one seed", file.Where(path)));
  }
  if (std::set<std::int64_t>(seeds.begin(), seeds.end()).size() != seeds.size()) {
    throw ConfigError(
        fmt::format("{} holds a seed twice; allowed are different seeds", file.Where(path)));
  }
}

void CheckDevice(const ConfigFile& file, std::string_view path, const std::string& device) {
  if (device == "auto" || device == "cpu" || device == "cuda") return;
  throw ConfigError(fmt::format("{} = \"{}\" is not one of \"auto\", \"cpu\", \"cuda\"",
                                file.Where(path), device));
}

}  // namespace duet::core
