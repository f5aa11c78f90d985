// Plays an environment with random actions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/random.h"
#include "envs/env.h"

namespace duet::envs {

// Actions within the useful range, of the kind that a spec asks for.
class RandomActions {
 public:
  explicit RandomActions(std::uint64_t seed = 5) : rng_(seed) {}

  // Valid until the next call.
  ActionView Draw(const EnvSpec& spec) {
    if (spec.discrete()) return rng_.Index(spec.num_actions);
    box_.clear();
    for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
      box_.push_back(static_cast<float>(rng_.Uniform(spec.action_low[i], spec.action_high[i])));
    }
    return box_;
  }

 private:
  core::Rng rng_;
  std::vector<float> box_;
};

// What an environment gave, exactly: observations of resets, and for each step the reward, the
// flags and the observation.
using Record = std::vector<std::vector<double>>;

// The index of the first row in which two records differ; -1: they are equal.
inline std::ptrdiff_t FirstDifference(const Record& a, const Record& b) {
  if (a == b) return -1;
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

// An environment with room for its observation and actions from a stream of its own.
class Player {
 public:
  explicit Player(std::unique_ptr<Env> env, std::uint64_t seed_of_actions = 5)
      : env_(std::move(env)),
        observation_(static_cast<std::size_t>(env_->spec().observation_size), std::nan("")),
        actions_(seed_of_actions) {}

  void Reset(std::optional<std::uint64_t> seed) { env_->Reset(seed, observation_); }
  StepResult Step() { return Step(actions_.Draw(env_->spec())); }
  StepResult Step(ActionView action) { return env_->Step(action, observation_); }
  // A step, and a reset without a seed where it ends the episode.
  StepResult StepOn() {
    const StepResult result = Step();
    if (result.terminated || result.truncated) Reset(std::nullopt);
    return result;
  }

  // Resets, and steps on for a while.
  Record Play(std::optional<std::uint64_t> seed, int num_steps) {
    Record record;
    Reset(seed, record);
    for (int i = 0; i < num_steps; ++i) StepOn(record);
    return record;
  }
  void Reset(std::optional<std::uint64_t> seed, Record& record) {
    Reset(seed);
    record.push_back(observation_);
  }
  // As StepOn, written down.
  void StepOn(Record& record) {
    const StepResult result = Step();
    record.push_back({result.reward, result.terminated ? 1.0 : 0.0, result.truncated ? 1.0 : 0.0});
    record.push_back(observation_);
    if (result.terminated || result.truncated) Reset(std::nullopt, record);
  }

  // Gives the environment away; the player is of no use afterwards.
  std::unique_ptr<Env> Release() { return std::move(env_); }

  Env& env() { return *env_; }
  const std::vector<double>& observation() const { return observation_; }

 private:
  std::unique_ptr<Env> env_;
  std::vector<double> observation_;
  RandomActions actions_;
};

}  // namespace duet::envs
