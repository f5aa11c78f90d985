#include "runners/episode_returns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "core/error.h"

namespace duet::runners {
namespace {

void SaveValues(core::ArchiveWriter& archive, const std::string& name,
                const std::vector<double>& values) {
  archive.AddArray(name, core::ElementType::kFloat64, {static_cast<std::int64_t>(values.size())},
                   std::as_bytes(std::span(values)));
}

void LoadValues(const core::ArchiveReader& archive, const std::string& name,
                std::vector<double>& values) {
  const core::ArchiveReader::Array& array = archive.GetArray(name);
  if (array.type != core::ElementType::kFloat64 ||
      array.bytes.size() != values.size() * sizeof(double)) {
    throw IoError(fmt::format("{}: \"{}\" is of another size than this run's",
                              archive.path().string(), name));
  }
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
}

}  // namespace

EpisodeReturns::EpisodeReturns(std::int64_t members, std::int64_t envs)
    : envs_(static_cast<std::size_t>(envs)),
      running_(static_cast<std::size_t>(members * envs), 0.0),
      sums_(static_cast<std::size_t>(members), 0.0),
      counts_(static_cast<std::size_t>(members), 0.0) {}

void EpisodeReturns::Add(const LearnerEnvs& env) {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    running_[i] += env.rewards()[i];
    if (env.terminated()[i] == 0 && env.truncated()[i] == 0) continue;
    sums_[i / envs_] += std::exchange(running_[i], 0.0);
    counts_[i / envs_] += 1.0;
  }
}

std::vector<double> EpisodeReturns::Take() {
  std::vector<double> means(sums_.size(), std::nan(""));
  for (std::size_t m = 0; m < means.size(); ++m) {
    if (counts_[m] > 0.0) means[m] = sums_[m] / counts_[m];
  }
  std::fill(sums_.begin(), sums_.end(), 0.0);
  std::fill(counts_.begin(), counts_.end(), 0.0);
  return means;
}

void EpisodeReturns::Save(core::ArchiveWriter& archive) const {
  SaveValues(archive, "episodes.running", running_);
  SaveValues(archive, "episodes.sums", sums_);
  SaveValues(archive, "episodes.counts", counts_);
}

void EpisodeReturns::Load(const core::ArchiveReader& archive) {
  LoadValues(archive, "episodes.running", running_);
  LoadValues(archive, "episodes.sums", sums_);
  LoadValues(archive, "episodes.counts", counts_);
}

}  // namespace duet::runners
