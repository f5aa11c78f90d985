// Labelled images, as every supervised image task uses them.
//
// Letters of shapes: N samples of a set, D colour channels, H and W pixels; M members and B batch
// as everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/tensor.h"

namespace duet::tasks {

using agents::Tensor;

// The samples of one split.
struct ImageSet {
  std::string name;  // "cifar10/train"
  // [N, D, H, W] uint8 on the host, with any strides: it may be a view of a memory-mapped file,
  // which the tensor keeps open. Nobody may write into it.
  Tensor pixels;
  Tensor labels;                         // [N] int64 in [0, num_classes), contiguous
  std::int64_t num_classes = 0;          // at least 1
  std::vector<std::string> class_names;  // one for each class, or empty

  std::int64_t size() const { return pixels.defined() ? pixels.size(0) : 0; }
  std::int64_t channels() const { return pixels.size(1); }
  std::int64_t height() const { return pixels.size(2); }
  std::int64_t width() const { return pixels.size(3); }
};

// Throws std::invalid_argument where shapes or types are not those above, and IoError naming the
// set, the row and what is allowed where a label is outside [0, num_classes).
void CheckImageSet(const ImageSet& set);

// The samples of these rows, in their order; a run of consecutive rows stays a view. Throws
// std::out_of_range on a row that is not in [0, size()).
ImageSet Subset(const ImageSet& set, std::span<const std::int64_t> rows);

// Every image as size x size pixels: each new pixel is the average of the area it covers, rounded.
// The set itself where it has that size. Requires size > 0.
ImageSet Resize(const ImageSet& set, std::int64_t size);

// SHA-256 in hexadecimal of shape, pixels, labels and the number of classes: what training on the
// set can depend on. Strides, file names and class names do not count.
std::string Fingerprint(const ImageSet& set);

}  // namespace duet::tasks
