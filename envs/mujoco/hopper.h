// Hopper-v5: hop to the right on one leg without falling.
//
//   observation   0       height of the torso                                      m
//                 1       angle of the torso                                       rad
//                 2-4     angles of hip, knee, ankle                               rad
//                 5-6     velocity of the torso along x, z, clipped to +-10        m/s
//                 7-10    angular velocities in the order of 1-4, clipped to +-10  rad/s
//   action        0-2     torques of hip, knee, ankle, in [-1, 1], times 200       N m
//   reward        (vx + 1 while healthy) - 1e-3 * sum of squared actions
//                 vx: mean velocity of the torso over the step
//   end           terminated where not healthy; healthy: height > 0.7 m, |angle| < 0.2 rad, and
//                 every position and velocity from the angle on inside (-100, 100)
//   reset         qpos and qvel: rest + U(-0.005, 0.005)
//   options       forward_reward_weight 1, ctrl_cost_weight 1e-3, healthy_reward 1,
//                 terminate_when_unhealthy true, healthy_state_range [-100, 100],
//                 healthy_z_range [0.7, inf], healthy_angle_range [-0.2, 0.2],
//                 reset_noise_scale 0.005, frame_skip 4,
//                 exclude_current_positions_from_observation true (false: x first)
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeHopper(OptionReader& options);

}  // namespace duet::envs
