// Settings and observations that the moving bodies share.
#pragma once

#include <mujoco/mujoco.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/mujoco/mujoco_env.h"

namespace duet::envs {

// Settings that every moving body has, with Gymnasium's names.
struct LocomotionOptions {
  double forward_reward_weight = 1.0;  // reward per m/s
  double ctrl_cost_weight = 0.0;       // cost per squared action
  double reset_noise_scale = 0.0;      // of positions (m, rad) and velocities (m/s, rad/s), >= 0
  bool exclude_current_positions_from_observation = true;
  std::int64_t frame_skip = 1;  // physics steps per environment step
};

// Settings of the bodies that can fall, besides.
struct HealthOptions {
  double healthy_reward = 0.0;           // per step
  bool terminate_when_unhealthy = true;  // else only the reward stops
  Interval healthy_z_range;              // height of the root, m, exclusive
};

void ReadOptions(OptionReader& reader, LocomotionOptions& options);
void ReadOptions(OptionReader& reader, HealthOptions& options);

// Strictly inside.
inline bool Inside(const Interval& interval, double value) {
  return interval.low < value && value < interval.high;
}

// Writes qpos without its first `num_skipped` entries and then qvel, clipped to +-velocity_limit.
// Returns how many numbers that were.
std::size_t WritePositionsAndVelocities(
    const mjModel& model, const mjData& data, int num_skipped, std::span<double> observation,
    double velocity_limit = std::numeric_limits<double>::infinity());

// A body that only has to move forward: reward is its velocity less the cost of its actions, and
// nothing ends an episode. Observed are qpos, without its first `num_positions` entries where the
// options say so, and qvel. Frame skip and noise of `task` are taken from the options.
std::unique_ptr<Env> MakeForwardMover(MujocoTask task, const LocomotionOptions& options,
                                      int num_positions);

}  // namespace duet::envs
