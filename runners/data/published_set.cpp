#include "runners/data/published_set.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/data/image_sets.h"
#include "runners/data/download.h"
#include "runners/data/unpack.h"

namespace duet::runners {
namespace {

// The published set `emnist` holds the image sets `emnist_…`.
bool IsMadeOf(std::string_view image_set, const tasks::PublishedSet& set) {
  return image_set == set.name || image_set.starts_with(set.name + "_");
}

CheckResult CheckFile(const std::filesystem::path& path, const tasks::PublishedFile& file) {
  const bool passed = IsPublishedFile(path, file);
  return {
      fmt::format("{}: {} bytes and {} {}", path.string(), file.bytes, tasks::ChecksumText(file),
                  passed ? "as published"
                         : "were published, but "
                           "not this file"),
      passed};
}

CheckResult CheckPart(const std::string& name, tasks::Part part,
                      const std::filesystem::path& directory) {
  tasks::DataConfig config;
  config.directory = directory.string();
  try {
    const tasks::ImageSet set = tasks::ReadImageSet(name, part, config);
    return {fmt::format("{}: {} images of {} x {} x {}, {} classes", set.name, set.size(),
                        set.channels(), set.height(), set.width(), set.num_classes)};
  } catch (const Error& error) {
    return {error.what(), false};
  }
}

}  // namespace

void GetPublishedSet(const tasks::PublishedSet& set, const std::filesystem::path& directory,
                     const FileProgress& progress) {
  const std::filesystem::path folder = directory / set.name;
  core::CreateFolder(folder);
  const core::FolderLock lock(folder);
  for (const tasks::PublishedFile& file : set.files) {
    const std::filesystem::path target = folder / file.name;
    if (!IsPublishedFile(target, file)) {
      Download(file, target, [&](std::int64_t bytes) { progress(file, bytes); });
    }
    if (IsArchive(target)) Unpack(target, folder);
  }
}

std::vector<CheckResult> CheckPublishedSet(const tasks::PublishedSet& set,
                                           const std::filesystem::path& directory) {
  std::vector<CheckResult> results;
  for (const tasks::PublishedFile& file : set.files) {
    for (const auto& path : {directory / set.name / file.name, directory / file.name}) {
      if (!std::filesystem::exists(path)) continue;
      results.push_back(CheckFile(path, file));
      break;
    }
  }
  for (const std::string& name : tasks::ImageSetNames()) {
    if (!IsMadeOf(name, set)) continue;
    for (const tasks::Part part : {tasks::Part::kTrain, tasks::Part::kTest}) {
      results.push_back(CheckPart(name, part, directory));
    }
  }
  return results;
}

}  // namespace duet::runners
