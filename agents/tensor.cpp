#include "agents/tensor.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/error.h"

namespace duet::agents {
namespace {

core::ElementType ToElementType(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return core::ElementType::kFloat32;
    case at::kDouble:
      return core::ElementType::kFloat64;
    case at::kLong:
      return core::ElementType::kInt64;
    case at::kByte:
      return core::ElementType::kUint8;
    default:
      throw std::invalid_argument("this tensor type cannot be saved");
  }
}

at::ScalarType ToScalarType(core::ElementType type) {
  switch (type) {
    case core::ElementType::kFloat32:
      return at::kFloat;
    case core::ElementType::kFloat64:
      return at::kDouble;
    case core::ElementType::kInt64:
      return at::kLong;
    case core::ElementType::kUint8:
      return at::kByte;
  }
  throw std::invalid_argument("unknown element type");
}

}  // namespace

void CheckShape(const Tensor& tensor, std::initializer_list<std::int64_t> shape,
                std::string_view what) {
  bool fits = tensor.defined() && tensor.dim() == static_cast<std::int64_t>(shape.size());
  std::int64_t axis = 0;
  for (const std::int64_t size : shape) {
    fits = fits && (size < 0 || tensor.size(axis) == size);
    ++axis;
  }
  if (fits) return;
  const std::vector<std::int64_t> found =
      tensor.defined() ? tensor.sizes().vec() : std::vector<std::int64_t>{};
  throw std::invalid_argument(fmt::format("{} has shape [{}]; expected is [{}]", what,
                                          fmt::join(found, ", "), fmt::join(shape, ", ")));
}

std::vector<double> Numbers(const Tensor& tensor) {
  const Tensor host = tensor.to(at::kCPU, at::kDouble).contiguous();
  const double* first = host.const_data_ptr<double>();
  return {first, first + host.numel()};
}

void SaveTensor(core::ArchiveWriter& archive, const std::string& name, const Tensor& tensor) {
  const core::ElementType type = ToElementType(tensor.scalar_type());
  if (tensor.device().is_cpu() && tensor.is_contiguous()) {
    archive.AddArray(name, type, tensor.sizes().vec(),
                     {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
    return;
  }
  const Tensor copy = tensor.cpu().contiguous();
  archive.AddOwnedArray(name, type, tensor.sizes().vec(),
                        {static_cast<const char*>(copy.const_data_ptr()), copy.nbytes()});
}

Tensor ReadTensor(const core::ArchiveReader& archive, const std::string& name) {
  const core::ArchiveReader::Array& array = archive.GetArray(name);
  Tensor tensor = at::empty(array.shape, at::TensorOptions().dtype(ToScalarType(array.type)));
  std::memcpy(tensor.mutable_data_ptr(), array.bytes.data(), array.bytes.size());
  return tensor;
}

void LoadTensor(const core::ArchiveReader& archive, const std::string& name, Tensor tensor) {
  const core::ArchiveReader::Array& array = archive.GetArray(name);
  if (ToScalarType(array.type) != tensor.scalar_type() || tensor.sizes() != array.shape) {
    throw IoError(fmt::format("{}: \"{}\" has shape [{}]; this run needs [{}]",
                              archive.path().string(), name, fmt::join(array.shape, ", "),
                              fmt::join(tensor.sizes(), ", ")));
  }
  tensor.copy_(ReadTensor(archive, name));
}

at::Device ChooseDevice(std::string_view name) {
  const bool cuda = at::globalContext().hasCUDA();
  if (name == "cuda" && !cuda) {
    throw ConfigError(
        "device = \"cuda\": no CUDA device is usable here; allowed are \"auto\" and \"cpu\"");
  }
  return at::Device(name != "cpu" && cuda ? at::kCUDA : at::kCPU);
}

}  // namespace duet::agents
