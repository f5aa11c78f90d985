// Brings a published set onto this machine, and looks whether it is whole.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "distill/tasks/data/catalog.h"

namespace duet::runners {

// How far a file is.
using FileProgress = std::function<void(const tasks::PublishedFile& file, std::int64_t bytes)>;

// Fetches what is missing of the set's files into DIRECTORY/<name of the set> and unpacks archives
// there. Throws as Download and Unpack; one process at a time has the folder.
void GetPublishedSet(const tasks::PublishedSet& set, const std::filesystem::path& directory,
                     const FileProgress& progress);

struct CheckResult {
  std::string line;  // what was looked at and found
  bool passed = true;
};

// Compares published files that are there with their checksums, and reads every image set that is
// made of them, training and test part, as training does. A set that is not there does not pass.
std::vector<CheckResult> CheckPublishedSet(const tasks::PublishedSet& set,
                                           const std::filesystem::path& directory);

}  // namespace duet::runners
