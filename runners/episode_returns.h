// Returns of training episodes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/archive.h"
#include "runners/learner_envs.h"

namespace duet::runners {

// Sums the rewards of each environment's running episode, exploration and all, and averages over
// the episodes that ended.
class EpisodeReturns {
 public:
  EpisodeReturns(std::int64_t members, std::int64_t envs);

  // Takes the latest step of the M E environments.
  void Add(const LearnerEnvs& env);
  // Mean per member, [M], of the episodes that ended since the last call; NaN where none did.
  std::vector<double> Take();

  void Save(core::ArchiveWriter& archive) const;
  // Throws IoError where the archive holds another number of environments.
  void Load(const core::ArchiveReader& archive);

 private:
  std::size_t envs_;
  std::vector<double> running_;  // [M, E]
  std::vector<double> sums_;     // [M]
  std::vector<double> counts_;   // [M]
};

}  // namespace duet::runners
