#include "agents/exploration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, NoiseConfig& c) {
  static constexpr core::Option<NoiseKind> kKinds[] = {
      {"gaussian", NoiseKind::kGaussian}, {"ornstein_uhlenbeck", NoiseKind::kOrnsteinUhlenbeck}};
  v.Choice("kind", c.kind, kKinds, "exploration noise");
  v.Field("std", c.std, {0.0, 10.0}, "standard deviation, in half action ranges");
  v.Field("theta", c.theta, {0.0, 1.0}, "pull to zero per step, Ornstein-Uhlenbeck only");
}

ExplorationNoise::ExplorationNoise(NoiseConfig config, std::int64_t members, std::int64_t envs,
                                   std::int64_t action_size)
    : config_(config),
      action_size_(action_size),
      values_per_member_(static_cast<std::size_t>(envs * action_size)),
      state_(static_cast<std::size_t>(members) * values_per_member_, 0.0) {}

void ExplorationNoise::Perturb(std::span<core::Rng> rngs, std::span<float> actions) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    double noise = config_.std * rngs[i / values_per_member_].Normal();
    if (config_.kind == NoiseKind::kOrnsteinUhlenbeck) {
      state_[i] += -config_.theta * state_[i] + noise;
      noise = state_[i];
    }
    actions[i] = std::clamp(actions[i] + static_cast<float>(noise), -1.0F, 1.0F);
  }
}

void ExplorationNoise::Restart(std::int64_t index) {
  std::fill_n(state_.begin() + index * action_size_, action_size_, 0.0);
}

void ExplorationNoise::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddArray(name, core::ElementType::kFloat64, {static_cast<std::int64_t>(state_.size())},
                   std::as_bytes(std::span(state_)));
}

void ExplorationNoise::Load(const core::ArchiveReader& archive, const std::string& name) {
  const core::ArchiveReader::Array& array = archive.GetArray(name);
  if (array.type != core::ElementType::kFloat64 ||
      array.bytes.size() != state_.size() * sizeof(double)) {
    throw IoError(fmt::format("{}: \"{}\" is of another size than this run's",
                              archive.path().string(), name));
  }
  std::memcpy(state_.data(), array.bytes.data(), array.bytes.size());
}

}  // namespace duet::agents
