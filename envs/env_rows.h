// Environments and the rows that they write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

// N environments of one spec, each with a row of results: what VectorEnv and AsyncVectorEnv have in
// common. Different rows may be reset and stepped by different threads at the same time. An
// environment whose episode ended is reset in the same step: `observations` then holds the first
// observation of the next episode and `final_observations` the last one of the episode that ended.
class EnvRows {
 public:
  // `make` is called `count` times. Throws ConfigError where `count` is not positive.
  EnvRows(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count);

  const EnvSpec& spec() const { return spec_; }
  std::int64_t size() const { return static_cast<std::int64_t>(envs_.size()); }  // N

  // `scratch` is [O], the calling thread's own. They throw what the environment throws.
  void Reset(std::int64_t row, std::uint64_t seed, std::span<double> scratch);
  void Step(std::int64_t row, ActionView action, std::span<double> scratch);

  std::span<const float> observations() const { return observations_; }              // [N, O]
  std::span<const float> final_observations() const { return final_observations_; }  // [N, O]
  std::span<const double> rewards() const { return rewards_; }                       // [N]
  std::span<const std::uint8_t> terminated() const { return terminated_; }           // [N]
  std::span<const std::uint8_t> truncated() const { return truncated_; }             // [N]

  // States of all environments and the rows. LoadState throws IoError on a state of another id or
  // size.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  void WriteRow(std::vector<float>& rows, std::int64_t row, std::span<const double> values) const;

  EnvSpec spec_;
  std::vector<std::unique_ptr<Env>> envs_;
  std::vector<float> observations_;
  std::vector<float> final_observations_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_;
  std::vector<std::uint8_t> truncated_;
};

}  // namespace duet::envs
