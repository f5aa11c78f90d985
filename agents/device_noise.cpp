#include "agents/device_noise.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>

#include <limits>

#include "core/error.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kUpdates = 64;  // of a block

}  // namespace

DeviceNoise::DeviceNoise(std::int64_t members, std::int64_t batch, std::int64_t size,
                         at::Device device)
    : seeds_(at::zeros({members}, at::kLong)),
      block_(at::empty({members, kUpdates, batch, size},
                       at::TensorOptions().dtype(at::kFloat).device(device))),
      position_(kUpdates) {}

void DeviceNoise::Next(std::span<core::Rng> rngs, Tensor noise) {
  if (position_ == kUpdates) {
    std::int64_t* seed = seeds_.mutable_data_ptr<std::int64_t>();
    for (core::Rng& rng : rngs) *seed++ = rng.Index(std::numeric_limits<std::int64_t>::max());
    Fill();
    position_ = 0;
  }
  noise.copy_(block_.select(1, position_++));
}

void DeviceNoise::Fill() {
  at::Generator generator = at::globalContext().defaultGenerator(block_.device()).clone();
  for (std::int64_t m = 0; m < seeds_.size(0); ++m) {
    generator.set_current_seed(
        static_cast<std::uint64_t>(seeds_.const_data_ptr<std::int64_t>()[m]));
    block_[m].normal_(0.0, 1.0, generator);
  }
}

void DeviceNoise::Save(core::ArchiveWriter& archive, const std::string& name) const {
  SaveTensor(archive, name + ".seeds", seeds_);
  archive.AddNumber(name + ".position", position_);
}

void DeviceNoise::Load(const core::ArchiveReader& archive, const std::string& name) {
  LoadTensor(archive, name + ".seeds", seeds_);
  const std::int64_t position = archive.GetNumber(name + ".position");
  if (position < 0 || position > kUpdates) {
    throw IoError(archive.path().string() + ": \"" + name + ".position\" is outside the block");
  }
  position_ = position;
  if (position_ < kUpdates) Fill();
}

}  // namespace duet::agents
