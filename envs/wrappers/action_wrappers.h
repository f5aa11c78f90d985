// Wrappers that change what becomes of an action.
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

// Actions in [low, high] mean the inner environment's whole range; beyond, the line goes on. Boxes
// with finite bounds only. Computed in float32 as Gymnasium's RescaleAction does.
class RescaleAction : public Wrapper {
 public:
  // Finite, low < high.
  RescaleAction(std::unique_ptr<Env> env, double low, double high);

  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  std::vector<float> gradient_;   // [A] of the line from inner to outer actions
  std::vector<float> intercept_;  // [A]
  std::vector<float> inner_action_;
};

// Actions are clipped to the range of the inner environment. Boxes only. As Gymnasium's ClipAction,
// except that the spec keeps saying which actions are useful.
class ClipAction : public Wrapper {
 public:
  explicit ClipAction(std::unique_ptr<Env> env);

  StepResult Step(ActionView action, std::span<double> observation) override;

 private:
  std::vector<float> inner_action_;
};

// An action takes effect `delay` steps after it was given. In the first steps of an episode the
// action is zero, clipped to the range, or index 0 where actions are discrete.
class DelayAction : public Wrapper {
 public:
  // `delay` in [0, 10000].
  DelayAction(std::unique_ptr<Env> env, std::int64_t delay);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;

  // Given but not yet taken, oldest first, and room for one more. An index is kept as one double.
  RowRing<double> waiting_;
  std::vector<double> row_;
  std::vector<float> inner_action_;
};

// Adds standard_deviation * N(0, 1) to each number of an action, not clipped. Boxes only.
class NoiseAction : public NoiseWrapper {
 public:
  // `standard_deviation` in units of the action, finite, >= 0.
  NoiseAction(std::unique_ptr<Env> env, double standard_deviation);

  StepResult Step(ActionView action, std::span<double> observation) override;
  EnvQuantities Describe() const override;

 private:
  std::vector<float> inner_action_;
};

}  // namespace duet::envs
