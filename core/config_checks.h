// Checks of settings that several kinds of runs have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/config_reader.h"

namespace duet::core {

// All throw ConfigError that says where the setting at the dotted `path` was given.

// A name that can be a folder's.
void CheckFolderName(const ConfigFile& file, std::string_view path, const std::string& name);
// At least one seed, and none twice.
void CheckSeeds(const ConfigFile& file, std::string_view path, std::span<const std::int64_t> seeds);
// "auto", "cpu" or "cuda".
void CheckDevice(const ConfigFile& file, std::string_view path, const std::string& device);

}  // namespace duet::core
