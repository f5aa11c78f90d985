// Rewards brought to one scale.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agents/tensor.h"

namespace duet::agents {

// Divides rewards by the running standard deviation of the discounted return, as the normalising
// wrappers of Gymnasium and Stable-Baselines3 do; means stay. One set of statistics per member.
class RewardNormalizer {
 public:
  // A disabled one passes rewards through. `clip` bounds normalised rewards to ±clip.
  RewardNormalizer(std::int64_t members, std::int64_t envs, bool enabled, double gamma,
                   double clip);

  // Takes the rewards of one step, [M, E], into the statistics and writes them normalised. Returns
  // start anew after every end of an episode.
  void Normalize(std::span<const double> rewards, std::span<const std::uint8_t> terminated,
                 std::span<const std::uint8_t> truncated, std::span<float> normalized);

  // One reward by the statistics as they are.
  float Normalize(double reward, std::int64_t member) const;
  // What a normalised reward of 1 is worth; 1 where disabled.
  double Scale(std::int64_t member) const;

  // The statistics.
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Member m gets those of the saved member members[m].
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);
  // The returns so far of the episodes that are under way.
  void SaveReturns(core::ArchiveWriter& archive, const std::string& name) const;
  void LoadReturns(const core::ArchiveReader& archive, const std::string& name);

 private:
  bool enabled_;
  double gamma_;
  double clip_;
  Tensor statistics_;  // [M, 3] float64: count, mean, sum of squared deviations
  Tensor returns_;     // [M, E] float64: discounted, so far
};

}  // namespace duet::agents
