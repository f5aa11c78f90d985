// Wrappers that bring observations and rewards to a size of about one. Their statistics go on over
// episodes and seeds, so the same seed gives the same task but not the same numbers, unless
// update_running_mean is off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "envs/wrappers/wrapper.h"

namespace duet::envs {

// Mean and variance of all numbers so far, one at a time: Chan, Golub and LeVeque, "Algorithms for
// Computing the Sample Variance" (1983), as Gymnasium's RunningMeanStd: starts as 1e-4 numbers of
// mean 0 and variance 1.
struct RunningMoments {
  double mean = 0.0;
  double variance = 1.0;
  double count = 1e-4;

  void Update(double value);

  void Save(StateWriter& writer) const;
  void Load(StateReader& reader);
};

// Each number of an observation becomes (x - mean) / sqrt(variance + epsilon) over what was
// observed so far, this observation included, rounded to float32. As Gymnasium's
// NormalizeObservation, whose statistics are in float32 for tasks that observe in it; here they are
// in double for all.
class NormalizeObservation : public Wrapper {
 public:
  // `epsilon` finite, > 0.
  explicit NormalizeObservation(std::unique_ptr<Env> env, double epsilon = 1e-8);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

  // Whether observations still change the statistics; true at first, part of the state.
  bool update_running_mean() const { return update_running_mean_; }
  void set_update_running_mean(bool update) { update_running_mean_ = update; }

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;
  void Normalize(std::span<double> observation);

  double epsilon_;
  bool update_running_mean_ = true;
  std::vector<RunningMoments> moments_;  // [O]
};

// The reward becomes reward / sqrt(variance + epsilon) with the variance of the discounted sum of
// rewards so far, G = gamma * G * (1 - terminated) + reward. As Gymnasium's NormalizeReward: G goes
// on over a truncation.
class NormalizeReward : public Wrapper {
 public:
  // `gamma` in [0, 1]; `epsilon` finite, > 0.
  explicit NormalizeReward(std::unique_ptr<Env> env, double gamma = 0.99, double epsilon = 1e-8);

  StepResult Step(ActionView action, std::span<double> observation) override;

  // Whether rewards still change the variance; true at first, part of the state.
  bool update_running_mean() const { return update_running_mean_; }
  void set_update_running_mean(bool update) { update_running_mean_ = update; }

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;

  double gamma_;
  double epsilon_;
  bool update_running_mean_ = true;
  double discounted_return_ = 0.0;  // G
  RunningMoments moments_;
};

}  // namespace duet::envs
