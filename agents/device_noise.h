// Normal numbers for updates, drawn where the learner computes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agents/tensor.h"
#include "core/archive.h"
#include "core/random.h"

namespace duet::agents {

// Standard normal numbers for many updates at once, each member's from a seed out of its own
// stream: a host draws fifty million of them in a second, which M members on a GPU would wait for.
// A member's numbers do not depend on which members run beside it. Those of a GPU are not those of
// the CPU.
class DeviceNoise {
 public:
  // Of an update: [m, B, N].
  DeviceNoise(std::int64_t members, std::int64_t batch, std::int64_t size, at::Device device);

  // Overwrites `noise`, [m, B, N] on the device, with the next update's numbers; `rngs` are the
  // members' streams, [m], of which a new block takes one number each.
  void Next(std::span<core::Rng> rngs, Tensor noise);

  // The place in the block; the streams are their owner's to save.
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  void Fill();

  Tensor seeds_;  // [m] int64 on the host, of the present block
  Tensor block_;  // [m, updates, B, N]
  std::int64_t position_;
};

}  // namespace duet::agents
