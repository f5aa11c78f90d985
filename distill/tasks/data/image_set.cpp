#include "distill/tasks/data/image_set.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/data/labels.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kImagesAtOnce = 512;  // bounds the memory of conversions

bool AreConsecutive(std::span<const std::int64_t> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i] != rows[i - 1] + 1) return false;
  }
  return true;
}

void CheckRows(const ImageSet& set, std::span<const std::int64_t> rows) {
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= set.size()) {
      throw std::out_of_range(fmt::format("{}: no row {} of {}", set.name, row, set.size()));
    }
  }
}

// [new size, old size]: the share of each old pixel in the area of a new one. Lengths are counted
// in old sizes of new pixels, so that overlaps are whole numbers.
Tensor AreaWeights(std::int64_t old_size, std::int64_t new_size) {
  Tensor weights = at::zeros({new_size, old_size}, at::kFloat);
  auto* rows = weights.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < new_size; ++i) {
    for (std::int64_t j = 0; j < old_size; ++j) {
      const std::int64_t overlap =
          std::min((i + 1) * old_size, (j + 1) * new_size) - std::max(i * old_size, j * new_size);
      if (overlap > 0) {
        rows[i * old_size + j] = static_cast<float>(overlap) / static_cast<float>(old_size);
      }
    }
  }
  return weights;
}

void Digest(core::Sha256& digest, const Tensor& tensor) {
  const Tensor plain = tensor.contiguous();
  digest.Update({static_cast<const std::byte*>(plain.const_data_ptr()), plain.nbytes()});
}

}  // namespace

void CheckLabels(const Tensor& labels, std::int64_t num_classes, std::string_view where,
                 std::int64_t first) {
  const auto* values = labels.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    if (values[i] < first || values[i] >= first + num_classes) {
      throw IoError(fmt::format("{}: sample {} has label {}; allowed are {} to {}", where, i,
                                values[i], first, first + num_classes - 1));
    }
  }
}

void CheckImageSet(const ImageSet& set) {
  agents::CheckShape(set.pixels, {-1, -1, -1, -1}, set.name + " pixels");
  agents::CheckShape(set.labels, {set.size()}, set.name + " labels");
  const auto classes = static_cast<std::int64_t>(set.class_names.size());
  if (set.pixels.scalar_type() != at::kByte || set.labels.scalar_type() != at::kLong ||
      !set.pixels.is_cpu() || !set.labels.is_contiguous() || set.num_classes < 1 ||
      (classes != 0 && classes != set.num_classes)) {
    throw std::invalid_argument(set.name + ": not a set of uint8 pixels and int64 labels");
  }
  CheckLabels(set.labels, set.num_classes, set.name);
}

ImageSet Subset(const ImageSet& set, std::span<const std::int64_t> rows) {
  CheckRows(set, rows);
  ImageSet subset = set;
  const auto count = static_cast<std::int64_t>(rows.size());
  if (AreConsecutive(rows)) {
    const std::int64_t first = rows.empty() ? 0 : rows.front();
    subset.pixels = set.pixels.narrow(0, first, count);
    subset.labels = set.labels.narrow(0, first, count);
    return subset;
  }
  const Tensor index = at::tensor(at::IntArrayRef(rows.data(), rows.size()), at::kLong);
  subset.pixels = set.pixels.index_select(0, index);
  subset.labels = set.labels.index_select(0, index);
  return subset;
}

ImageSet Resize(const ImageSet& set, std::int64_t size) {
  if (set.height() == size && set.width() == size) return set;
  const Tensor rows = AreaWeights(set.height(), size);
  const Tensor columns = AreaWeights(set.width(), size).t();
  ImageSet resized = set;
  resized.pixels = at::empty({set.size(), set.channels(), size, size}, at::kByte);
  for (std::int64_t first = 0; first < set.size(); first += kImagesAtOnce) {
    const std::int64_t count = std::min(kImagesAtOnce, set.size() - first);
    const Tensor images = set.pixels.narrow(0, first, count).to(at::kFloat);
    const Tensor averages = at::matmul(at::matmul(rows, images), columns);
    resized.pixels.narrow(0, first, count).copy_(averages.round().clamp(0, 255));
  }
  return resized;
}

std::string Fingerprint(const ImageSet& set) {
  core::Sha256 digest;
  digest.Update(fmt::format("{} x {} x {} x {}, {} classes\n", set.size(), set.channels(),
                            set.height(), set.width(), set.num_classes));
  for (std::int64_t first = 0; first < set.size(); first += kImagesAtOnce) {
    Digest(digest, set.pixels.narrow(0, first, std::min(kImagesAtOnce, set.size() - first)));
  }
  Digest(digest, set.labels);
  return digest.HexDigest();
}

}  // namespace duet::tasks
