#include "envs/mujoco/hopper.h"

#include <algorithm>

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "Hopper-v5";
constexpr double kVelocityLimit = 10.0;  // of observed velocities

struct HopperOptions {
  LocomotionOptions body = {.ctrl_cost_weight = 1e-3, .reset_noise_scale = 5e-3, .frame_skip = 4};
  HealthOptions health = {.healthy_reward = 1.0, .healthy_z_range = {.low = 0.7}};
  Interval healthy_state_range = {-100.0, 100.0};  // exclusive
  Interval healthy_angle_range = {-0.2, 0.2};      // of the torso, rad, exclusive
};

class Hopper : public MujocoEnv {
 public:
  Hopper(MujocoTask task, const HopperOptions& options)
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
    const bool healthy = Healthy();
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    return {.reward = (forward_reward + healthy_reward) -
                      ControlCost(options_.body.ctrl_cost_weight, action),
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  bool Healthy() const {
    const auto in_state_range = [&](double value) {
      return Inside(options_.healthy_state_range, value);
    };
    return Inside(options_.health.healthy_z_range, data().qpos[1]) &&
           Inside(options_.healthy_angle_range, data().qpos[2]) &&
           std::all_of(data().qpos + 2, data().qpos + model().nq, in_state_range) &&
           std::all_of(data().qvel, data().qvel + model().nv, in_state_range);
  }

  HopperOptions options_;
  int num_skipped_;
};

}  // namespace

std::unique_ptr<Env> MakeHopper(OptionReader& options) {
  HopperOptions settings;
  ReadOptions(options, settings.body);
  ReadOptions(options, settings.health);
  options.Range("healthy_state_range", settings.healthy_state_range);
  options.Range("healthy_angle_range", settings.healthy_angle_range);
  MujocoTask task = {.id = kId,
                     .model = "hopper",
                     .frame_skip = settings.body.frame_skip,
                     .reset_noise_scale = settings.body.reset_noise_scale};
  return std::make_unique<Hopper>(std::move(task), settings);
}

}  // namespace duet::envs
