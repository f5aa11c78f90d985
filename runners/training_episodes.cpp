#include "runners/training_episodes.h"

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

TrainingEpisodes::TrainingEpisodes(std::int64_t members, std::int64_t envs)
    : envs_(static_cast<std::size_t>(envs)),
      running_returns_(static_cast<std::size_t>(members * envs), 0.0),
      running_lengths_(running_returns_.size(), 0.0),
      return_sums_(static_cast<std::size_t>(members), 0.0),
      length_sums_(return_sums_.size(), 0.0),
      counts_(return_sums_.size(), 0.0) {}

void TrainingEpisodes::Add(const LearnerEnvs& env) {
  for (std::size_t i = 0; i < running_returns_.size(); ++i) {
    running_returns_[i] += env.rewards()[i];
    running_lengths_[i] += 1.0;
    if (env.terminated()[i] == 0 && env.truncated()[i] == 0) continue;
    return_sums_[i / envs_] += std::exchange(running_returns_[i], 0.0);
    length_sums_[i / envs_] += std::exchange(running_lengths_[i], 0.0);
    counts_[i / envs_] += 1.0;
  }
}

TrainingEpisodes::Means TrainingEpisodes::Take() {
  const std::size_t members = counts_.size();
  Means means{std::vector<double>(members, std::nan("")),
              std::vector<double>(members, std::nan(""))};
  for (std::size_t m = 0; m < members; ++m) {
    if (counts_[m] == 0.0) continue;
    means.returns[m] = return_sums_[m] / counts_[m];
    means.lengths[m] = length_sums_[m] / counts_[m];
  }
  for (std::vector<double>* sums : {&return_sums_, &length_sums_, &counts_}) {
    std::fill(sums->begin(), sums->end(), 0.0);
  }
  return means;
}

void TrainingEpisodes::Save(core::ArchiveWriter& archive) const {
  SaveValues(archive, "episodes.running_returns", running_returns_);
  SaveValues(archive, "episodes.running_lengths", running_lengths_);
  SaveValues(archive, "episodes.return_sums", return_sums_);
  SaveValues(archive, "episodes.length_sums", length_sums_);
  SaveValues(archive, "episodes.counts", counts_);
}

void TrainingEpisodes::Load(const core::ArchiveReader& archive) {
  LoadValues(archive, "episodes.running_returns", running_returns_);
  LoadValues(archive, "episodes.running_lengths", running_lengths_);
  LoadValues(archive, "episodes.return_sums", return_sums_);
  LoadValues(archive, "episodes.length_sums", length_sums_);
  LoadValues(archive, "episodes.counts", counts_);
}

}  // namespace duet::runners
