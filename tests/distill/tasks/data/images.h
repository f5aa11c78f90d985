// Small image sets and files for the tests.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "distill/tasks/data/image_set.h"

namespace duet::tasks {

// `count` images whose pixels are all different from each other's; labels take turns.
inline ImageSet NumberedImages(std::int64_t count, std::int64_t channels = 3,
                               std::int64_t height = 6, std::int64_t width = 5,
                               std::int64_t num_classes = 3) {
  ImageSet set;
  set.name = "numbered/train";
  set.num_classes = num_classes;
  const std::int64_t numbers = count * channels * height * width;
  set.pixels = (at::arange(numbers, at::kLong) * 37 + at::arange(numbers, at::kLong) / 256)
                   .remainder(256)
                   .to(at::kByte)
                   .view({count, channels, height, width});
  set.labels = at::arange(count, at::kLong).remainder(num_classes);
  return set;
}

inline void WriteBytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// Records of CIFAR's binary format: labels first, then 3,072 pixels that count up from the record's
// number.
inline std::string CifarRecords(const std::vector<std::string>& labels) {
  std::string bytes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    bytes += labels[i];
    for (std::size_t p = 0; p < 3072; ++p) bytes += static_cast<char>((i + p) % 251);
  }
  return bytes;
}

// The environment variable DUET_DATA for as long as this lives.
class DataVariable {
 public:
  explicit DataVariable(const std::string& value) { ::setenv("DUET_DATA", value.c_str(), 1); }
  ~DataVariable() { ::unsetenv("DUET_DATA"); }
  DataVariable(const DataVariable&) = delete;
  DataVariable& operator=(const DataVariable&) = delete;
};

}  // namespace duet::tasks
