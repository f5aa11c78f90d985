#include "envs/mujoco/humanoid_standup.h"

#include <utility>

#include "envs/mujoco/humanoid_body.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

struct HumanoidStandupOptions {
  double uph_cost_weight = 1.0;  // without effect: Gymnasium reads it and does not use it
  double ctrl_cost_weight = 0.1;
  double impact_cost_weight = 0.5e-6;           // cost per squared external force
  Interval impact_cost_range = {.high = 10.0};  // to which that cost is clipped
  HumanoidLayout layout;
};

class HumanoidStandup : public HumanoidBody {
 public:
  HumanoidStandup(MujocoTask task, const HumanoidStandupOptions& options)
      : HumanoidBody(std::move(task), options.layout), options_(options) {}

 private:
  StepResult Judge(std::span<const float> action, double) const override {
    const double height_reward = data().qpos[2] / model().opt.timestep;
    const double control_cost = options_.ctrl_cost_weight * SumOfSquares<double>(action);
    const double impact_cost = ForceCost(options_.impact_cost_weight, options_.impact_cost_range);
    return {.reward = height_reward - control_cost - impact_cost + 1.0};
  }

  HumanoidStandupOptions options_;
};

}  // namespace

std::unique_ptr<Env> MakeHumanoidStandup(OptionReader& options) {
  HumanoidStandupOptions settings;
  MujocoTask task = {.id = "HumanoidStandup-v5",
                     .model = "humanoid_standup",
                     .frame_skip = 5,
                     .reset_noise_scale = 1e-2};
  options.Number("uph_cost_weight", settings.uph_cost_weight);
  options.Number("ctrl_cost_weight", settings.ctrl_cost_weight);
  options.Number("impact_cost_weight", settings.impact_cost_weight);
  options.Range("impact_cost_range", settings.impact_cost_range);
  options.NonNegative("reset_noise_scale", task.reset_noise_scale);
  options.Flag("exclude_current_positions_from_observation",
               settings.layout.exclude_current_positions_from_observation);
  options.Count("frame_skip", task.frame_skip, 1, 1000);
  ReadOptions(options, settings.layout);
  task.contact_forces =
      settings.layout.include_cfrc_ext_in_observation || settings.impact_cost_weight != 0.0;
  return std::make_unique<HumanoidStandup>(std::move(task), settings);
}

}  // namespace duet::envs
