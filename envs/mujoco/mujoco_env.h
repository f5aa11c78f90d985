// What all MuJoCo tasks have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/numpy_random.h"
#include "envs/env.h"
#include "envs/mujoco/model.h"
#include "envs/recorded_state.h"

namespace duet::envs {

// Draws qpos and qvel of a new episode into `data`, which lies at rest: the draws that Gymnasium
// makes, in its order. Settings that make the noise zero change no number of draws.
using StateDraw = void (*)(const mjModel& model, double noise_scale, core::NumpyRng& rng,
                           mjData& data);

// qpos: rest + U(-s, s); then qvel: U(-s, s).
void DrawUniform(const mjModel& model, double noise_scale, core::NumpyRng& rng, mjData& data);
// qpos: rest + U(-s, s); then qvel: s * N(0, 1).
void DrawNormalVelocities(const mjModel& model, double noise_scale, core::NumpyRng& rng,
                          mjData& data);

// The constants of one task.
struct MujocoTask {
  std::string id;
  std::string_view model;       // name of the MJCF file in assets/
  double total_mass = 0.0;      // kg, to which the model is scaled; 0: as the file says
  std::int64_t frame_skip = 1;  // physics steps per environment step
  double reset_noise_scale = 0.0;
  StateDraw draw = &DrawUniform;
  bool contact_forces = false;  // whether the task reads cfrc_ext, which costs extra time
  // What people call the joints, in the model's order; see JointWords.
  std::span<const std::string_view> joints = {};
};

// Starts an episode: forgets everything in `data`, draws qpos and qvel as the task says, and calls
// mj_forward once.
void DrawInitialState(const MujocoTask& task, const mjModel& model, core::NumpyRng& rng,
                      mjData& data);

// An environment on one mjData of a shared model. A step writes the action to ctrl as it is (the
// model clamps the force, not the number that costs are computed from), calls mj_step `frame_skip`
// times and nothing after it, so derived arrays lag behind qpos by a substep, as in Gymnasium.
//
// MuJoCo resets a simulation that has become unstable and goes on; here Step throws NonFiniteError
// naming the quantity and the step instead, and the episode is over.
class MujocoEnv : public Env, public Replayable {
 public:
  const EnvSpec& spec() const final { return spec_; }
  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) final;
  StepResult Step(ActionView action, std::span<double> observation) final;
  std::string SaveState() const final;
  void LoadState(const std::string& state) final;
  void StartFrom(const RecordedState& state, std::span<double> observation) final;
  EnvQuantities Describe() const final;

  const mjModel& model() const { return *model_; }
  // What data() is stepped with; see SteppingModel.
  const mjModel& stepping_model() const { return *stepping_model_; }
  const mjData& data() const { return *data_; }
  const MujocoTask& task() const { return task_; }

 protected:
  explicit MujocoEnv(MujocoTask task);
  // The same on a model of another source; `task.model` and `task.total_mass` are not looked at.
  MujocoEnv(MujocoTask task, const std::shared_ptr<const mjModel>& model);

  // To be called once, by the constructor of the task.
  void SetObservationSize(std::int64_t size) { spec_.observation_size = size; }
  // Room for what Remember writes; none unless set.
  void SetMemorySize(std::size_t size) { memory_.resize(size); }
  // Where the useful actions are not the actuator's ctrlrange.
  void SetActionRange(std::size_t actuator, float low, float high) {
    spec_.action_low.at(actuator) = low;
    spec_.action_high.at(actuator) = high;
  }

  // Writes all of `observation` ([O]) from data().
  virtual void WriteObservation(std::span<double> observation) const = 0;
  // Fills `quantities`, which is empty, with what these numbers are ([O]).
  virtual void DescribeObservation(std::vector<Quantity>& quantities) const = 0;
  // Reward and termination after a step. `forward_velocity` is the change of Position() over the
  // duration of the step.
  virtual StepResult Judge(std::span<const float> action, double forward_velocity) const = 0;
  // Where the task says the body is along x, m.
  virtual double Position() const { return data_->qpos[0]; }
  // Writes what the task has to know, after the next step, of the state before it. Called after
  // each reset and each step; saved with the state.
  virtual void Remember(std::span<double> memory [[maybe_unused]]) const {}
  // What Remember wrote last.
  std::span<const double> memory() const { return memory_; }

 private:
  MujocoEnv(MujocoTask task, std::shared_ptr<const mjModel> model,
            std::shared_ptr<const mjModel> stepping_model);
  void CheckObservationSize(std::size_t size) const;
  void CheckWarnings() const;
  std::string Where() const;  // "Hopper-v5: step 12"

  MujocoTask task_;
  std::shared_ptr<const mjModel> model_;
  std::shared_ptr<const mjModel> stepping_model_;
  DataHandle data_;
  EnvSpec spec_;
  core::NumpyRng rng_;
  std::vector<double> memory_;
  double position_ = 0.0;       // Position() after the latest step or reset
  std::int64_t num_steps_ = 0;  // since the reset
};

}  // namespace duet::envs
