#include "agents/reward_normalizer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "agents/members.h"

namespace duet::agents {
namespace {

constexpr double kEpsilon = 1e-8;  // as Gymnasium and Stable-Baselines3

}  // namespace

RewardNormalizer::RewardNormalizer(std::int64_t members, std::int64_t envs, bool enabled,
                                   double gamma, double clip)
    : enabled_(enabled),
      gamma_(gamma),
      clip_(clip),
      statistics_(at::zeros({members, 3}, at::kDouble)),
      returns_(at::zeros({members, envs}, at::kDouble)) {}

void RewardNormalizer::Normalize(std::span<const double> rewards,
                                 std::span<const std::uint8_t> terminated,
                                 std::span<const std::uint8_t> truncated,
                                 std::span<float> normalized) {
  const auto envs = static_cast<std::size_t>(returns_.size(1));
  double* const returns = returns_.mutable_data_ptr<double>();
  for (std::int64_t m = 0; m < returns_.size(0); ++m) {
    const std::size_t first = static_cast<std::size_t>(m) * envs;
    auto* const numbers = statistics_.mutable_data_ptr<double>() + 3 * m;
    for (std::size_t i = first; i < first + envs && enabled_; ++i) {
      returns[i] = gamma_ * returns[i] + rewards[i];
      const double deviation = returns[i] - numbers[1];
      numbers[1] += deviation / ++numbers[0];
      numbers[2] += deviation * (returns[i] - numbers[1]);
      if (terminated[i] != 0 || truncated[i] != 0) returns[i] = 0.0;
    }
    for (std::size_t i = first; i < first + envs; ++i) normalized[i] = Normalize(rewards[i], m);
  }
}

float RewardNormalizer::Normalize(double reward, std::int64_t member) const {
  if (!enabled_) return static_cast<float>(reward);
  return static_cast<float>(std::clamp(reward / Scale(member), -clip_, clip_));
}

double RewardNormalizer::Scale(std::int64_t member) const {
  const double* const numbers = statistics_.const_data_ptr<double>() + 3 * member;
  // One return says nothing about the spread yet.
  if (!enabled_ || numbers[0] < 2.0) return 1.0;
  return std::sqrt(numbers[2] / numbers[0] + kEpsilon);
}

void RewardNormalizer::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddText(name + ".clip", enabled_ ? fmt::format("{}", clip_) : "off");
  SaveTensor(archive, name + ".statistics", statistics_);
}

void RewardNormalizer::Load(const core::ArchiveReader& archive, const std::string& name,
                            std::span<const std::int64_t> members) {
  const std::string& clip = archive.GetText(name + ".clip");
  enabled_ = clip != "off";
  if (enabled_) clip_ = std::stod(clip);
  LoadRows(archive, name + ".statistics", statistics_, members);
}

void RewardNormalizer::SaveReturns(core::ArchiveWriter& archive, const std::string& name) const {
  SaveTensor(archive, name, returns_);
}

void RewardNormalizer::LoadReturns(const core::ArchiveReader& archive, const std::string& name) {
  LoadTensor(archive, name, returns_);
}

}  // namespace duet::agents
