// Returns and lengths of training episodes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/archive.h"
#include "runners/learner_envs.h"

namespace duet::runners {

// Sums the rewards of each environment's running episode, exploration and all, and averages over
// the episodes that ended.
class TrainingEpisodes {
 public:
  TrainingEpisodes(std::int64_t members, std::int64_t envs);

  // Takes the latest step of the M E environments.
  void Add(const LearnerEnvs& env);
  // Means per member, [M], over the episodes that ended since the last call; NaN where none did.
  struct Means {
    std::vector<double> returns;
    std::vector<double> lengths;  // in environment steps
  };
  Means Take();

  void Save(core::ArchiveWriter& archive) const;
  // Throws IoError where the archive holds another number of environments.
  void Load(const core::ArchiveReader& archive);

 private:
  std::size_t envs_;
  std::vector<double> running_returns_;  // [M, E]
  std::vector<double> running_lengths_;  // [M, E]
  std::vector<double> return_sums_;      // [M]
  std::vector<double> length_sums_;      // [M]
  std::vector<double> counts_;           // [M]
};

}  // namespace duet::runners
