#include "envs/mujoco/locomotion.h"

#include <algorithm>
#include <utility>

#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

class ForwardMover : public MujocoEnv {
 public:
  ForwardMover(MujocoTask task, const LocomotionOptions& options, int num_positions)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.exclude_current_positions_from_observation ? num_positions : 0) {
    SetObservationSize(model().nq + model().nv - num_skipped_);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    WritePositionsAndVelocities(model(), data(), num_skipped_, observation);
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    DescribePositions({model(), task().joints}, num_skipped_, quantities);
    DescribeVelocities({model(), task().joints}, "", quantities);
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const double forward_reward = options_.forward_reward_weight * forward_velocity;
    return {.reward = forward_reward - ControlCost(options_.ctrl_cost_weight, action)};
  }

  LocomotionOptions options_;
  int num_skipped_;
};

}  // namespace

void ReadOptions(OptionReader& reader, LocomotionOptions& options) {
  reader.Number("forward_reward_weight", options.forward_reward_weight);
  reader.Number("ctrl_cost_weight", options.ctrl_cost_weight);
  reader.NonNegative("reset_noise_scale", options.reset_noise_scale);
  reader.Flag("exclude_current_positions_from_observation",
              options.exclude_current_positions_from_observation);
  reader.Count("frame_skip", options.frame_skip, 1, 1000);
}

void ReadOptions(OptionReader& reader, HealthOptions& options) {
  reader.Number("healthy_reward", options.healthy_reward);
  reader.Flag("terminate_when_unhealthy", options.terminate_when_unhealthy);
  reader.Range("healthy_z_range", options.healthy_z_range);
}

std::size_t WritePositionsAndVelocities(const mjModel& model, const mjData& data, int num_skipped,
                                        std::span<double> observation, double velocity_limit) {
  auto out = std::copy(data.qpos + num_skipped, data.qpos + model.nq, observation.begin());
  for (int i = 0; i < model.nv; ++i) {
    *out++ = std::clamp(data.qvel[i], -velocity_limit, velocity_limit);
  }
  return static_cast<std::size_t>(out - observation.begin());
}

std::unique_ptr<Env> MakeForwardMover(MujocoTask task, const LocomotionOptions& options,
                                      int num_positions) {
  task.frame_skip = options.frame_skip;
  task.reset_noise_scale = options.reset_noise_scale;
  return std::make_unique<ForwardMover>(std::move(task), options, num_positions);
}

}  // namespace duet::envs
