// Noise that deterministic policies add to explore.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/archive.h"
#include "core/fields.h"
#include "core/random.h"

namespace duet::agents {

enum class NoiseKind { kGaussian, kOrnsteinUhlenbeck };

struct NoiseConfig {
  NoiseKind kind = NoiseKind::kGaussian;
  double std = 0.1;     // standard deviation, in units of the half action range
  double theta = 0.15;  // Ornstein-Uhlenbeck: pull to zero per step (arXiv:1509.02971, section 7)
};
void VisitFields(core::FieldVisitor& v, NoiseConfig& c);

// Noise for [M, E, A] actions; that of member m comes from its own random stream.
class ExplorationNoise {
 public:
  ExplorationNoise(NoiseConfig config, std::int64_t members, std::int64_t envs,
                   std::int64_t action_size);

  // Adds noise to actions in [-1, 1] and clips them to it.
  void Perturb(std::span<core::Rng> rngs, std::span<float> actions);
  // Starts the process of environment `index` (in [0, M E)) anew, as an episode ended there.
  void Restart(std::int64_t index);

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  NoiseConfig config_;
  std::int64_t action_size_;
  std::size_t values_per_member_;
  std::vector<double> state_;  // [M, E, A] of the Ornstein-Uhlenbeck process
};

}  // namespace duet::agents
