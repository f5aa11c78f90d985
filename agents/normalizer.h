// Running mean and variance of observations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/members.h"
#include "agents/tensor.h"

namespace duet::agents {

// One set of statistics per member. Replay holds raw observations; each learner, and each teacher,
// normalises them with its own statistics at the time of use.
class ObservationNormalizer {
 public:
  // A disabled one passes observations through. `clip` bounds the normalised values to ±clip.
  ObservationNormalizer(std::int64_t members, std::int64_t observation_size, bool enabled,
                        double clip, at::Device device);

  // Takes raw observations [M, E, O] into the statistics (Chan et al. 1979, one value at a time).
  void Update(std::span<const float> observations);

  // clip((x - mean) / sqrt(variance + 1e-8)): [M, B, O] -> [M, B, O].
  Tensor Normalize(const Tensor& observations) const;
  // The same for the members of a shard: [m, B, O].
  Tensor Normalize(const Tensor& observations, const Shard& shard) const;

  bool enabled() const { return enabled_; }

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Member m gets the statistics of the saved member members[m]. Throws IoError where sizes differ.
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);

 private:
  void RefreshDeviceCopies();
  Tensor NormalizeOnHost(const Tensor& observations, const Shard& shard) const;

  std::int64_t members_;
  std::int64_t size_;
  bool enabled_;
  double clip_;
  std::vector<double> count_;               // [M]
  std::vector<double> mean_;                // [M, O]
  std::vector<double> squared_deviations_;  // [M, O] sums
  Tensor host_;                             // [2, M, 1, O] mean and 1/standard deviation
  Tensor device_;                           // the same on the learner's device
};

}  // namespace duet::agents
