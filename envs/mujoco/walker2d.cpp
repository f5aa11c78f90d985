#include "envs/mujoco/walker2d.h"

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "Walker2d-v5";
constexpr double kVelocityLimit = 10.0;  // of observed velocities

struct Walker2dOptions {
  LocomotionOptions body = {.ctrl_cost_weight = 1e-3, .reset_noise_scale = 5e-3, .frame_skip = 4};
  HealthOptions health = {.healthy_reward = 1.0, .healthy_z_range = {0.8, 2.0}};
  Interval healthy_angle_range = {-1.0, 1.0};  // of the torso, rad, exclusive
};

class Walker2d : public MujocoEnv {
 public:
  Walker2d(MujocoTask task, const Walker2dOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.body.exclude_current_positions_from_observation ? 1 : 0) {
    SetObservationSize(model().nq + model().nv - num_skipped_);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    WritePositionsAndVelocities(model(), data(), num_skipped_, observation, kVelocityLimit);
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const bool healthy = Inside(options_.health.healthy_z_range, data().qpos[1]) &&
                         Inside(options_.healthy_angle_range, data().qpos[2]);
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    return {.reward = (forward_reward + healthy_reward) -
                      ControlCost(options_.body.ctrl_cost_weight, action),
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  Walker2dOptions options_;
  int num_skipped_;
};

}  // namespace

std::unique_ptr<Env> MakeWalker2d(OptionReader& options) {
  Walker2dOptions settings;
  ReadOptions(options, settings.body);
  ReadOptions(options, settings.health);
  options.Range("healthy_angle_range", settings.healthy_angle_range);
  MujocoTask task = {.id = kId,
                     .model = "walker2d",
                     .frame_skip = settings.body.frame_skip,
                     .reset_noise_scale = settings.body.reset_noise_scale};
  return std::make_unique<Walker2d>(std::move(task), settings);
}

}  // namespace duet::envs
