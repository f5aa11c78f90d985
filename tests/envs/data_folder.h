// Where the reference implementation's files lie.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace duet::envs {

inline std::filesystem::path DataFolder() {
  return std::filesystem::path(DUET_SOURCE_DIR) / "tests" / "envs" / "data";
}

// All of them, where they lie beside the checkout; may not exist.
inline std::filesystem::path SharedTraceFolder() {
  return std::filesystem::path(DUET_SOURCE_DIR).parent_path() / "shared" / "envs" / "traces";
}

inline nlohmann::json ReadJson(const std::filesystem::path& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

// The JSON files of a folder, sorted.
inline std::vector<std::filesystem::path> JsonFiles(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace duet::envs
