#include "distill/tasks/data/cifar.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <fstream>

#include "core/error.h"
#include "distill/tasks/data/data_files.h"
#include "distill/tasks/data/labels.h"
#include "distill/tasks/data/mapped_file.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kSide = 32, kChannels = 3;
constexpr std::int64_t kPixels = kChannels * kSide * kSide;
constexpr std::int64_t kCoarseClasses = 20;

// [N, label bytes + kPixels] uint8.
Tensor Records(const Tensor& bytes, std::int64_t label_bytes, std::string_view where) {
  const std::int64_t record = label_bytes + kPixels, other = 2 - label_bytes + 1 + kPixels;
  if (bytes.numel() == 0 || bytes.numel() % record != 0) {
    throw IoError(fmt::format(
        "{}: {} bytes are not whole records of {} bytes{}", where, bytes.numel(), record,
        bytes.numel() % other == 0 && bytes.numel() > 0
            ? (label_bytes == 1 ? "; as cifar100 they are" : "; as cifar10 they are")
            : ""));
  }
  return bytes.view({-1, record});
}

ImageSet Parse(const Tensor& bytes, std::int64_t label_bytes, std::int64_t num_classes,
               std::string_view where) {
  const Tensor records = Records(bytes, label_bytes, where);
  ImageSet set;
  set.pixels = records.narrow(1, label_bytes, kPixels).view({-1, kChannels, kSide, kSide});
  set.labels = records.select(1, label_bytes - 1).to(at::kLong);
  set.num_classes = num_classes;
  CheckLabels(set.labels, num_classes, where);
  if (label_bytes == 2) {
    CheckLabels(records.select(1, 0).to(at::kLong), kCoarseClasses,
                fmt::format("{}, coarse labels", where));
  }
  return set;
}

ImageSet Join(std::vector<ImageSet> sets) {
  if (sets.size() == 1) return sets.front();
  std::vector<Tensor> pixels, labels;
  for (const ImageSet& set : sets) {
    pixels.push_back(set.pixels);
    labels.push_back(set.labels);
  }
  sets.front().pixels = at::cat(pixels);
  sets.front().labels = at::cat(labels);
  return sets.front();
}

template <typename Parser>
ImageSet ReadFiles(const std::vector<std::filesystem::path>& files, Parser parse) {
  std::vector<ImageSet> sets;
  for (const std::filesystem::path& file : files) {
    sets.push_back(parse(MapFile(file), file.string()));
  }
  return Join(std::move(sets));
}

// Lines of a file beside the images, or nothing where it is not there.
std::vector<std::string> ReadNames(const std::filesystem::path& file, std::int64_t num_classes) {
  std::vector<std::string> names;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) names.push_back(line);
  }
  if (!names.empty() && static_cast<std::int64_t>(names.size()) != num_classes) {
    throw IoError(fmt::format("{}: {} names of classes; expected are {}", file.string(),
                              names.size(), num_classes));
  }
  return names;
}

std::string SingleFile(Part part) { return fmt::format("{}.bin", PartName(part)); }

}  // namespace

ImageSet ParseCifar10(const Tensor& bytes, std::string_view where) {
  ImageSet set = Parse(bytes, 1, 10, where);
  set.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                     "dog",      "frog",       "horse", "ship", "truck"};
  return set;
}

ImageSet ParseCifar100(const Tensor& bytes, std::string_view where) {
  return Parse(bytes, 2, 100, where);
}

ImageSet ReadCifar10(const std::filesystem::path& directory, Part part) {
  FileNames official = {"test_batch.bin"};
  if (part == Part::kTrain) {
    official.clear();
    for (int i = 1; i <= 5; ++i) official.push_back(fmt::format("data_batch_{}.bin", i));
  }
  const FileNames alternatives[] = {official, {SingleFile(part)}};
  return ReadFiles(FindDataFiles(directory, "cifar10", alternatives), &ParseCifar10);
}

ImageSet ReadCifar100(const std::filesystem::path& directory, Part part) {
  const FileNames alternatives[] = {{SingleFile(part)}};
  const auto files = FindDataFiles(directory, "cifar100", alternatives);
  ImageSet set = ReadFiles(files, &ParseCifar100);
  set.class_names =
      ReadNames(files.front().parent_path() / "fine_label_names.txt", set.num_classes);
  return set;
}

}  // namespace duet::tasks
