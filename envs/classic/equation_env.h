// What all tasks of plain equations have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/numpy_random.h"
#include "envs/drawing.h"
#include "envs/env.h"
#include "envs/recorded_state.h"

namespace duet::envs {

// x^2 as NumPy's `x ** 2` gives it: through the C library's pow, which differs from x * x in the
// last bit now and then.
double PowerOfTwo(double x);
float PowerOfTwo(float x);

// A task whose whole state is a few numbers. Sines and cosines are the C library's, whose double
// ones NumPy's equal.
class EquationEnv : public Env, public Replayable, public Drawable {
 public:
  const EnvSpec& spec() const final { return spec_; }
  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) final;
  // Throws NonFiniteError naming the step where a number of the action is not finite.
  StepResult Step(ActionView action, std::span<double> observation) final;
  std::string SaveState() const final;
  void LoadState(const std::string& state) final;
  EnvQuantities Describe() const final { return quantities_; }
  // From `state`, the numbers of the task's state.
  void StartFrom(const RecordedState& state, std::span<double> observation) final;

 protected:
  // `spec` without observation_size, which the bounds tell. The state has `state_size` numbers.
  EquationEnv(EnvSpec spec, EnvQuantities quantities, std::size_t state_size);

  // Draws the state in which an episode starts.
  virtual void DrawState(core::NumpyRng& rng, std::span<double> state) const = 0;
  // One step. The action is of the right kind and finite.
  virtual StepResult Advance(ActionView action, std::span<double> state) const = 0;
  // Observations are float32 numbers.
  virtual void WriteObservation(std::span<const double> state,
                                std::span<double> observation) const = 0;

  std::span<const double> state() const { return state_; }
  std::int64_t num_steps() const { return num_steps_; }  // since the reset

 private:
  void RequireRoom(std::size_t size) const;

  EnvSpec spec_;
  EnvQuantities quantities_;
  std::vector<double> state_;
  std::int64_t num_steps_ = 0;
  core::NumpyRng rng_;
};

}  // namespace duet::envs
