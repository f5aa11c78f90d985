#include "envs/mujoco/locomotion.h"

#include <algorithm>

namespace duet::envs {

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

}  // namespace duet::envs
