// Bodies that walk or hop in the plane y = 0 and can fall.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"

namespace duet::envs {

struct PlanarWalkerOptions {
  LocomotionOptions body;
  HealthOptions health;
  Interval healthy_angle_range;  // of the torso, rad, exclusive
  Interval healthy_state_range;  // of every position and velocity from the angle on, exclusive
};

// Reads all but healthy_state_range, which only some of these tasks have.
void ReadOptions(OptionReader& reader, PlanarWalkerOptions& options);

// A body whose first joints are x, height and angle of the torso. Reward is its forward velocity
// and a bonus while it is healthy, less the cost of its actions; an unhealthy body ends the
// episode. Observed are qpos, without x where the options say so, and qvel clipped to +-10. Frame
// skip and noise of `task` are taken from the options.
std::unique_ptr<Env> MakePlanarWalker(MujocoTask task, const PlanarWalkerOptions& options);

}  // namespace duet::envs
