// What the Box2D tasks have in common: episodes that can be played again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/numpy_random.h"
#include "envs/box2d/world.h"
#include "envs/drawing.h"
#include "envs/env.h"
#include "envs/recorded_state.h"

namespace duet::envs {

// The engine's state cannot be copied out of it. So an episode is kept as the numbers that were
// drawn for it and the actions so far; LoadState plays them again, which takes as long as the steps
// did.
//
// Every episode has a fresh world. Gymnasium's walker keeps its world over resets, and the solver
// then starts otherwise; the episodes here are those of a fresh environment.
class Box2dEnv : public Env, public Replayable, public Drawable {
 public:
  const EnvSpec& spec() const override { return spec_; }
  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  // Throws NonFiniteError on an action that is not finite.
  StepResult Step(ActionView action, std::span<double> observation) override;
  std::string SaveState() const override;
  void LoadState(const std::string& state) override;
  void StartFrom(const RecordedState& state, std::span<double> observation) override;
  bool starts_anywhere() const override { return false; }

 protected:
  using Numbers = std::vector<double>;

  explicit Box2dEnv(EnvSpec spec);

  // The numbers that make an episode: drawn in the reference's order, or out of a recording.
  virtual void DrawStart(core::NumpyRng& rng, Numbers& start) const = 0;
  virtual Numbers ReadStart(const RecordedState& state) const = 0;
  // Whether the engine can take such numbers, which are finite.
  virtual bool FitsStart(std::span<const double> start) const = 0;
  // Draws of the steps from the reset's own on, as far as a recording has them.
  virtual Numbers ReadDraws(const RecordedState& /*state*/) const { return {}; }

  // Creates the bodies in the empty world.
  virtual void Build(std::span<const double> start) = 0;
  // One step of the simulation: an action's numbers, or its index as the only one.
  virtual StepResult Advance(std::span<const float> action) = 0;
  virtual std::span<const double> State() const = 0;  // [O] before it is rounded to float

  virtual double gravity() const { return -10.0; }
  World& world() { return world_; }
  const World& world() const { return world_; }
  // U(-1, 1), drawn now or as recorded.
  double NextDraw();

 private:
  struct Episode {
    Numbers start;
    Numbers draws;
    std::vector<float> actions;  // [steps][row_size]
  };

  std::size_t row_size() const;  // numbers of an action
  std::string Where(std::size_t step) const;
  void CheckObservationSize(std::size_t size) const;
  std::span<const float> CheckedAction(const ActionView& action, float& index) const;
  bool Fits(const Episode& episode) const;
  bool FitsActions(std::span<const float> actions) const;
  // Builds the world of `episode_.start` and takes the first step, which belongs to the reset.
  void Begin();
  StepResult Play(std::span<const float> action);
  void WriteObservation(std::span<double> observation) const;

  EnvSpec spec_;
  World world_;
  core::NumpyRng rng_;
  Episode episode_;
  std::size_t num_draws_ = 0;  // used of the episode's
  std::size_t num_steps_ = 0;
  bool ready_ = false;  // false: before the first reset, or after the engine gave up
};

}  // namespace duet::envs
