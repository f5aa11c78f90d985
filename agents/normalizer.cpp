#include "agents/normalizer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "agents/host_loops.h"
#include "core/error.h"

namespace duet::agents {
namespace {

constexpr double kEpsilon = 1e-8;  // as the vectorised normalisers of Stable-Baselines3

}  // namespace

ObservationNormalizer::ObservationNormalizer(std::int64_t members, std::int64_t observation_size,
                                             bool enabled, double clip, at::Device device)
    : members_(members),
      size_(observation_size),
      enabled_(enabled),
      clip_(clip),
      count_(static_cast<std::size_t>(members), 0.0),
      mean_(static_cast<std::size_t>(members * observation_size), 0.0),
      squared_deviations_(static_cast<std::size_t>(members * observation_size), 0.0),
      host_(at::empty({2, members, 1, observation_size}, at::kFloat)),
      device_(at::empty({2, members, 1, observation_size},
                        at::TensorOptions().dtype(at::kFloat).device(device))) {
  RefreshDeviceCopies();
}

void ObservationNormalizer::Update(std::span<const float> observations) {
  if (!enabled_) return;
  const std::size_t size = static_cast<std::size_t>(size_);
  const std::size_t rows = observations.size() / static_cast<std::size_t>(members_) / size;
  const float* value = observations.data();
  for (std::size_t m = 0; m < count_.size(); ++m) {
    double* mean = &mean_[m * size];
    double* squares = &squared_deviations_[m * size];
    for (std::size_t row = 0; row < rows; ++row) {
      const double weight = 1.0 / ++count_[m];
      for (std::size_t i = 0; i < size; ++i) {
        const double x = *value++;
        const double deviation = x - mean[i];
        mean[i] += deviation * weight;
        squares[i] += deviation * (x - mean[i]);
      }
    }
  }
  RefreshDeviceCopies();
}

void ObservationNormalizer::RefreshDeviceCopies() {
  float* mean = host_.mutable_data_ptr<float>();
  float* scale = mean + mean_.size();
  const std::size_t size = static_cast<std::size_t>(size_);
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    const double count = count_[i / size];
    // One observation says nothing about the spread yet.
    const double variance = count > 1.0 ? squared_deviations_[i] / count : 1.0;
    mean[i] = static_cast<float>(mean_[i]);
    scale[i] = static_cast<float>(1.0 / std::sqrt(variance + kEpsilon));
  }
  device_.copy_(host_);
}

Tensor ObservationNormalizer::Normalize(const Tensor& observations) const {
  return Normalize(observations, {.count = members_});
}

Tensor ObservationNormalizer::Normalize(const Tensor& observations, const Shard& shard) const {
  CheckShape(observations, {shard.count, -1, size_}, "observations");
  if (!enabled_) return observations;
  if (OnHost(observations)) return NormalizeOnHost(observations, shard);
  return at::sub(observations, shard.Rows(device_.select(0, 0)))
      .mul_(shard.Rows(device_.select(0, 1)))
      .clamp_(-clip_, clip_);
}

Tensor ObservationNormalizer::NormalizeOnHost(const Tensor& observations,
                                              const Shard& shard) const {
  const HostNumbers observation(observations);
  const auto bound = static_cast<float>(clip_);
  Tensor normalized = EmptyLike(observations, observations.sizes());
  float* out = normalized.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < shard.count; ++m) {
    const float* const mean = host_.const_data_ptr<float>() + (shard.first + m) * size_;
    const float* const scale = mean + members_ * size_;
    for (std::int64_t b = 0; b < observations.size(1); ++b) {
      for (std::int64_t i = 0; i < size_; ++i) {
        *out++ = std::clamp((observation(m, b, i) - mean[i]) * scale[i], -bound, bound);
      }
    }
  }
  return normalized;
}

void ObservationNormalizer::Save(core::ArchiveWriter& archive, const std::string& name) const {
  const auto add = [&](const std::string& entry, const std::vector<double>& values) {
    archive.AddArray(name + entry, core::ElementType::kFloat64,
                     {members_, static_cast<std::int64_t>(values.size()) / members_},
                     std::as_bytes(std::span(values)));
  };
  archive.AddText(name + ".clip", enabled_ ? fmt::format("{}", clip_) : "off");
  add(".count", count_);
  add(".mean", mean_);
  add(".squared_deviations", squared_deviations_);
}

void ObservationNormalizer::Load(const core::ArchiveReader& archive, const std::string& name,
                                 std::span<const std::int64_t> members) {
  const std::string& clip = archive.GetText(name + ".clip");
  enabled_ = clip != "off";
  if (enabled_) clip_ = std::stod(clip);
  const auto load = [&](const std::string& entry, std::vector<double>& values) {
    const Tensor saved = ReadTensor(archive, name + entry);
    const std::size_t width = values.size() / static_cast<std::size_t>(members_);
    if (saved.scalar_type() != at::kDouble || saved.dim() != 2 ||
        saved.size(1) != static_cast<std::int64_t>(width)) {
      throw IoError(fmt::format("{}: the statistics are of {} observation entries; this run has {}",
                                archive.path().string(), saved.dim() == 2 ? saved.size(1) : 0,
                                size_));
    }
    const double* from = saved.const_data_ptr<double>();
    for (std::size_t m = 0; m < members.size(); ++m) {
      if (members[m] < 0 || members[m] >= saved.size(0)) {
        throw IoError(fmt::format("{}: member {} is asked for; there are {}",
                                  archive.path().string(), members[m], saved.size(0)));
      }
      for (std::size_t i = 0; i < width; ++i) {
        values[m * width + i] = from[static_cast<std::size_t>(members[m]) * width + i];
      }
    }
  };
  load(".count", count_);
  load(".mean", mean_);
  load(".squared_deviations", squared_deviations_);
  RefreshDeviceCopies();
}

}  // namespace duet::agents
