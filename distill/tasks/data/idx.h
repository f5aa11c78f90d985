// The IDX format of the MNIST family: four bytes that say type and number of axes, the length of
// each axis as a big-endian 32-bit number, then the values. Plain files and ones compressed with
// gzip.
#pragma once

#include <filesystem>
#include <string_view>

#include "distill/tasks/data/image_sets.h"

namespace duet::tasks {

// Bytes of an IDX file as [N, H, W] or [N] uint8, a view of them where they are not compressed.
// `axes` is 3 for images and 1 for labels. Throws IoError naming `where` where the header is
// another one or does not fit the length.
Tensor ParseIdx(const Tensor& bytes, std::int64_t axes, bool compressed, std::string_view where);

// How the sets of the family differ.
struct IdxSet {
  std::string_view published;  // name in the catalog
  std::string_view prefix;     // of the files' names
  std::int64_t num_classes;
  std::int64_t first_label = 0;  // what is stored for class 0
  bool transposed = false;       // stored column by column
};

// One part out of <prefix>train-images-idx3-ubyte, <prefix>train-labels-idx1-ubyte and the same
// with t10k or test for the test part, each maybe with .gz. Throws as FindDataFiles and ParseIdx,
// and IoError where the numbers of images and labels differ or a label is out of range.
ImageSet ReadIdx(const IdxSet& set, const std::filesystem::path& directory, Part part);

ImageSet ReadMnist(const std::filesystem::path& directory, Part part);
ImageSet ReadFashionMnist(const std::filesystem::path& directory, Part part);
ImageSet ReadEmnistBalanced(const std::filesystem::path& directory, Part part);
ImageSet ReadEmnistByClass(const std::filesystem::path& directory, Part part);
ImageSet ReadEmnistByMerge(const std::filesystem::path& directory, Part part);
ImageSet ReadEmnistDigits(const std::filesystem::path& directory, Part part);
ImageSet ReadEmnistLetters(const std::filesystem::path& directory, Part part);

}  // namespace duet::tasks
