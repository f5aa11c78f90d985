#include "distill/tasks/data/data_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <system_error>

#include "core/error.h"
#include "distill/tasks/data/catalog.h"

namespace duet::tasks {
namespace {

bool IsThere(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

std::string WhereToGet(const PublishedSet& set) {
  std::vector<std::string> files;
  for (const PublishedFile& file : set.files) {
    files.push_back(fmt::format("{} ({} bytes, {})", file.address, file.bytes, ChecksumText(file)));
  }
  return fmt::format("published as {}; `duet data get {}` fetches it", fmt::join(files, " and "),
                     set.name);
}

std::vector<std::filesystem::path> Folders(const std::filesystem::path& directory,
                                           const PublishedSet& set) {
  if (set.folder.empty()) return {directory / set.name, directory};
  return {directory / set.name / set.folder, directory / set.name, directory / set.folder,
          directory};
}

std::vector<std::filesystem::path> AllOf(const std::filesystem::path& folder,
                                         const FileNames& names) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& name : names) {
    if (!IsThere(folder / name)) {
      throw IoError(fmt::format("{}: not found, though {} is there; the set is not complete",
                                (folder / name).string(), names.front()));
    }
    paths.push_back(folder / name);
  }
  return paths;
}

}  // namespace

std::filesystem::path DataDirectory(const std::string& directory, std::string_view set) {
  const char* variable = std::getenv("DUET_DATA");
  const std::filesystem::path path =
      !directory.empty() ? directory : (variable != nullptr ? variable : "");
  if (path.empty()) {
    throw ConfigError(fmt::format(
        "data.directory is empty and DUET_DATA is not set; {} needs the folder of its files", set));
  }
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) {
    throw IoError(
        fmt::format("{}: not a folder; {} needs the folder of its files", path.string(), set));
  }
  return path;
}

std::vector<std::filesystem::path> FindDataFiles(const std::filesystem::path& directory,
                                                 std::string_view set,
                                                 std::span<const FileNames> alternatives) {
  const PublishedSet& published = *FindPublishedSet(set);
  std::vector<std::string> wanted;
  for (const std::filesystem::path& folder : Folders(directory, published)) {
    for (const FileNames& names : alternatives) {
      if (IsThere(folder / names.front())) return AllOf(folder, names);
    }
  }
  for (const FileNames& names : alternatives) wanted.push_back(names.front());
  throw IoError(fmt::format("{}: no {} of {}; it is {}", directory.string(),
                            fmt::join(wanted, " or "), set, WhereToGet(published)));
}

}  // namespace duet::tasks
