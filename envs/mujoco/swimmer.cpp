#include "envs/mujoco/swimmer.h"

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "Swimmer-v5";

class Swimmer : public MujocoEnv {
 public:
  Swimmer(MujocoTask task, const LocomotionOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.exclude_current_positions_from_observation ? 2 : 0) {
    SetObservationSize(model().nq + model().nv - num_skipped_);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    WritePositionsAndVelocities(model(), data(), num_skipped_, observation);
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const double forward_reward = options_.forward_reward_weight * forward_velocity;
    return {.reward = forward_reward - ControlCost(options_.ctrl_cost_weight, action)};
  }

  LocomotionOptions options_;
  int num_skipped_;
};

}  // namespace

std::unique_ptr<Env> MakeSwimmer(const EnvOptions& options) {
  LocomotionOptions settings = {
      .ctrl_cost_weight = 1e-4, .reset_noise_scale = 0.1, .frame_skip = 4};
  OptionReader reader(kId, options);
  ReadOptions(reader, settings);
  reader.Finish();
  MujocoTask task = {.id = kId,
                     .model = "swimmer",
                     .frame_skip = settings.frame_skip,
                     .reset_noise_scale = settings.reset_noise_scale};
  return std::make_unique<Swimmer>(std::move(task), settings);
}

}  // namespace duet::envs
