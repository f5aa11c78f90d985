#include "envs/env_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "envs/state_bytes.h"

namespace duet::envs {

EnvRows::EnvRows(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count) {
  if (count <= 0) {
    throw ConfigError(fmt::format("{} environments; allowed is a number above 0", count));
  }
  for (std::int64_t i = 0; i < count; ++i) envs_.push_back(make());
  spec_ = envs_.front()->spec();
  const auto n = static_cast<std::size_t>(count);
  observations_.resize(n * static_cast<std::size_t>(spec_.observation_size));
  final_observations_.resize(observations_.size());
  rewards_.resize(n);
  terminated_.resize(n);
  truncated_.resize(n);
}

void EnvRows::WriteRow(std::vector<float>& rows, std::int64_t row,
                       std::span<const double> values) const {
  std::transform(values.begin(), values.end(), rows.begin() + row * spec_.observation_size,
                 [](double value) { return static_cast<float>(value); });
}

void EnvRows::Reset(std::int64_t row, std::uint64_t seed, std::span<double> scratch) {
  const auto i = static_cast<std::size_t>(row);
  rewards_[i] = 0.0;
  terminated_[i] = 0;
  truncated_[i] = 0;
  envs_[i]->Reset(seed, scratch);
  WriteRow(observations_, row, scratch);
  WriteRow(final_observations_, row, scratch);
}

void EnvRows::Step(std::int64_t row, ActionView action, std::span<double> scratch) {
  const auto i = static_cast<std::size_t>(row);
  const StepResult result = envs_[i]->Step(action, scratch);
  rewards_[i] = result.reward;
  terminated_[i] = result.terminated ? 1 : 0;
  truncated_[i] = result.truncated ? 1 : 0;
  WriteRow(final_observations_, row, scratch);
  if (result.terminated || result.truncated) envs_[i]->Reset(std::nullopt, scratch);
  WriteRow(observations_, row, scratch);
}

std::string EnvRows::SaveState() const {
  StateWriter writer("vector", spec_.id);
  writer.Add(size());
  for (const auto& env : envs_) writer.Add(env->SaveState());
  writer.Add(observations());
  writer.Add(final_observations());
  writer.Add(rewards());
  writer.Add(terminated());
  writer.Add(truncated());
  return writer.Finish();
}

void EnvRows::LoadState(const std::string& state) {
  StateReader reader("vector", spec_.id, state);
  const std::int64_t count = reader.Integer();
  if (count != size()) {
    throw IoError(fmt::format("{}: the saved state is one of {} environments; allowed is one of {}",
                              spec_.id, count, size()));
  }
  for (const auto& env : envs_) env->LoadState(reader.Text());
  reader.Fill(std::span(observations_));
  reader.Fill(std::span(final_observations_));
  reader.Fill(std::span(rewards_));
  reader.Fill(std::span(terminated_));
  reader.Fill(std::span(truncated_));
  reader.Finish();
}

}  // namespace duet::envs
