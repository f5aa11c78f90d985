// Finds the files of an image set.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duet::tasks {

// `directory`, or where that is empty the environment variable DUET_DATA. Throws ConfigError naming
// the set where neither is given, and IoError where it is no folder.
std::filesystem::path DataDirectory(const std::string& directory, std::string_view set);

// Names that stand for one part of a set; all of them are needed.
using FileNames = std::vector<std::string>;

// `set` is a published set's name. The files of the first alternative that has its first file,
// looked for in
//
// directory/<set>/<the archive's folder>, directory/<set>, directory/<the archive's folder> and
// directory. Throws IoError that says where the published files are to be had, how large they are
// and what their checksum is, where there is none, and one naming the file that is missing where
// there are others.
std::vector<std::filesystem::path> FindDataFiles(const std::filesystem::path& directory,
                                                 std::string_view set,
                                                 std::span<const FileNames> alternatives);

}  // namespace duet::tasks
