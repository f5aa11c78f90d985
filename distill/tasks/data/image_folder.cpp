#include "distill/tasks/data/image_folder.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/data/image_file.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kFilesPerTask = 8;

// What is in a folder, without hidden names, sorted.
std::vector<std::filesystem::path> Listing(const std::filesystem::path& folder) {
  std::error_code code;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    if (!entry->path().filename().string().starts_with('.')) paths.push_back(entry->path());
  }
  if (code) throw IoError(fmt::format("{}: cannot read: {}", folder.string(), code.message()));
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> ClassesOf(const std::filesystem::path& folder) {
  std::vector<std::string> classes;
  for (const std::filesystem::path& path : Listing(folder)) {
    if (!std::filesystem::is_directory(path)) {
      throw IoError(fmt::format("{}: not a folder; {} has one folder for each class", path.string(),
                                folder.string()));
    }
    classes.push_back(path.filename().string());
  }
  if (classes.empty()) {
    throw IoError(
        fmt::format("{}: the folder is empty; it has one folder for each class", folder.string()));
  }
  return classes;
}

struct Files {
  std::vector<std::filesystem::path> paths;
  std::vector<std::int64_t> labels;
};

void AddClass(const std::filesystem::path& folder, std::int64_t label, Files& files) {
  const std::vector<std::filesystem::path> paths = Listing(folder);
  if (paths.empty()) throw IoError(fmt::format("{}: the class has no images", folder.string()));
  for (const std::filesystem::path& path : paths) {
    if (!IsImageName(path)) {
      throw IoError(
          fmt::format("{}: not an image; allowed are .png, .jpg, .jpeg, .pbm, .pgm, .ppm "
                      "and .pnm files",
                      path.string()));
    }
    files.paths.push_back(path);
    files.labels.push_back(label);
  }
}

Tensor ReadImage(const std::filesystem::path& path, std::int64_t resolution) {
  const std::string content = core::ReadFile(path);
  ImageSet image;
  image.pixels = DecodeImage(std::as_bytes(std::span(content)), path.string()).unsqueeze(0);
  return resolution > 0 ? Resize(image, resolution).pixels : image.pixels;
}

}  // namespace

ImageSet ReadImageFolder(const std::filesystem::path& directory, Part part,
                         std::int64_t resolution) {
  const std::filesystem::path folder = directory / PartName(part);
  ImageSet set;
  set.class_names = ClassesOf(directory / PartName(Part::kTrain));
  set.num_classes = static_cast<std::int64_t>(set.class_names.size());
  Files files;
  for (const std::string& name : ClassesOf(folder)) {
    const auto found = std::ranges::find(set.class_names, name);
    if (found == set.class_names.end()) {
      throw IoError(
          fmt::format("{}: the training part has no class of this name", (folder / name).string()));
    }
    AddClass(folder / name, found - set.class_names.begin(), files);
  }
  const Tensor first = ReadImage(files.paths.front(), resolution);
  const auto count = static_cast<std::int64_t>(files.paths.size());
  set.pixels = at::empty({count, first.size(1), first.size(2), first.size(3)}, at::kByte);
  set.labels = at::tensor(at::IntArrayRef(files.labels), at::kLong);
  at::parallel_for(0, count, kFilesPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::filesystem::path& path = files.paths[static_cast<std::size_t>(i)];
      const Tensor image = ReadImage(path, resolution);
      if (image.sizes() != first.sizes()) {
        throw IoError(
            fmt::format("{}: {} x {} pixels, but {} has {} x {}; data.resolution brings "
                        "all images to one size",
                        path.string(), image.size(2), image.size(3), files.paths.front().string(),
                        first.size(2), first.size(3)));
      }
      set.pixels.narrow(0, i, 1).copy_(image);
    }
  });
  return set;
}

}  // namespace duet::tasks
