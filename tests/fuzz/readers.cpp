#include "tests/fuzz/readers.h"

#include <ATen/ops/from_blob.h>

#include <stdexcept>

#include "core/error.h"
#include "distill/tasks/data/cifar.h"
#include "distill/tasks/data/idx.h"
#include "distill/tasks/data/image_file.h"

namespace duet::fuzz {
namespace {

using agents::Tensor;

Tensor AsTensor(std::span<const std::byte> bytes) {
  return at::from_blob(const_cast<std::byte*>(bytes.data()),
                       {static_cast<std::int64_t>(bytes.size())}, at::kByte);
}

template <typename Parse>
bool Accepts(Parse parse) {
  try {
    parse();
    return true;
  } catch (const Error&) {
    return false;
  }
}

template <tasks::ImageSet (*Parse)(const Tensor& bytes, std::string_view where)>
bool ReadRecords(std::span<const std::byte> bytes) {
  return Accepts([&] { tasks::CheckImageSet(Parse(AsTensor(bytes), "file")); });
}

template <std::int64_t axes, bool compressed>
bool ReadIdx(std::span<const std::byte> bytes) {
  return Accepts([&] {
    const Tensor values = tasks::ParseIdx(AsTensor(bytes), axes, compressed, "file");
    if (values.dim() != axes || values.numel() == 0) throw std::logic_error("not as promised");
    values.sum();  // touches every value
  });
}

bool ReadPicture(std::span<const std::byte> bytes) {
  return Accepts([&] {
    const Tensor picture = tasks::DecodeImage(bytes, "file");
    if (picture.dim() != 3 || picture.size(0) != 3) throw std::logic_error("not as promised");
    picture.sum();
  });
}

constexpr Format kFormats[] = {{"cifar10", &ReadRecords<&tasks::ParseCifar10>},
                               {"cifar100", &ReadRecords<&tasks::ParseCifar100>},
                               {"idx_images", &ReadIdx<3, false>},
                               {"idx_labels", &ReadIdx<1, false>},
                               {"idx_gzip", &ReadIdx<3, true>},
                               {"picture", &ReadPicture}};

}  // namespace

std::span<const Format> Formats() { return kFormats; }

}  // namespace duet::fuzz
