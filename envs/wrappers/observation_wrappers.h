// Wrappers that change what is observed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "envs/wrappers/noise_wrapper.h"
#include "envs/wrappers/row_ring.h"
#include "envs/wrappers/wrapper.h"

namespace duet::envs {

// The last `num_frames` observations one after the other, the oldest first; before there are so
// many, the first of the episode is repeated. As Gymnasium's FrameStackObservation with padding
// "reset", flattened.
class FrameStack : public Wrapper {
 public:
  // `num_frames` in [1, 1000].
  FrameStack(std::unique_ptr<Env> env, std::int64_t num_frames);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;
  void Write(std::span<double> observation) const;

  RowRing<double> frames_;
  std::vector<double> newest_;  // [O] of the inner environment
};

// Every observation is seen `delay` steps late. Before, all numbers are zero, clipped to the bounds
// of observations. As Gymnasium's DelayObservation.
class DelayObservation : public Wrapper {
 public:
  // `delay` in [0, 10000].
  DelayObservation(std::unique_ptr<Env> env, std::int64_t delay);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;

  RowRing<double> frames_;     // oldest: the one to be seen
  std::vector<double> blank_;  // [O] before there is one to be seen
};

// Adds standard_deviation * N(0, 1) to each number of an observation, not clipped.
class NoiseObservation : public NoiseWrapper {
 public:
  // `standard_deviation` in units of the observation, finite, >= 0.
  NoiseObservation(std::unique_ptr<Env> env, double standard_deviation);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  void AddNoise(std::span<double> observation);
};

}  // namespace duet::envs
