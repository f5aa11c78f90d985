#include "envs/mujoco/humanoid.h"

#include <utility>

#include "envs/mujoco/humanoid_body.h"
#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

struct HumanoidOptions {
  LocomotionOptions body = {.forward_reward_weight = 1.25,
                            .ctrl_cost_weight = 0.1,
                            .reset_noise_scale = 1e-2,
                            .frame_skip = 5};
  HealthOptions health = {.healthy_reward = 5.0, .healthy_z_range = {1.0, 2.0}};
  double contact_cost_weight = 5e-7;             // cost per squared external force
  Interval contact_cost_range = {.high = 10.0};  // to which that cost is clipped
  HumanoidLayout layout;
};

class Humanoid : public HumanoidBody {
 public:
  Humanoid(MujocoTask task, const HumanoidOptions& options)
      : HumanoidBody(std::move(task), options.layout), options_(options) {
    const std::span<const double> masses(model().body_mass,
                                         static_cast<std::size_t>(model().nbody));
    total_mass_ = Sum<double>(masses, [](double mass) { return mass; });
  }

 private:
  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const bool healthy = Inside(options_.health.healthy_z_range, data().qpos[2]);
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    const double control_cost = options_.body.ctrl_cost_weight * SumOfSquares<double>(action);
    const double contact_cost =
        ForceCost(options_.contact_cost_weight, options_.contact_cost_range);
    return {.reward = (forward_reward + healthy_reward) - (control_cost + contact_cost),
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  // x of the centre of mass.
  double Position() const override {
    double sum = 0.0;
    for (int i = 0; i < model().nbody; ++i) sum += model().body_mass[i] * data().xipos[3 * i];
    return sum / total_mass_;
  }

  HumanoidOptions options_;
  double total_mass_ = 0.0;  // kg
};

}  // namespace

std::unique_ptr<Env> MakeHumanoid(OptionReader& options) {
  HumanoidOptions settings;
  ReadOptions(options, settings.body);
  ReadOptions(options, settings.health);
  options.Number("contact_cost_weight", settings.contact_cost_weight);
  options.Range("contact_cost_range", settings.contact_cost_range);
  ReadOptions(options, settings.layout);
  settings.layout.exclude_current_positions_from_observation =
      settings.body.exclude_current_positions_from_observation;
  MujocoTask task = {.id = "Humanoid-v5",
                     .model = "humanoid",
                     .frame_skip = settings.body.frame_skip,
                     .reset_noise_scale = settings.body.reset_noise_scale,
                     .contact_forces = settings.layout.include_cfrc_ext_in_observation ||
                                       settings.contact_cost_weight != 0.0};
  return std::make_unique<Humanoid>(std::move(task), settings);
}

}  // namespace duet::envs
