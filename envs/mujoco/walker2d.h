// Walker2d-v5: walk to the right on two legs without falling.
//
//   observation   0       height of the torso                                      m
//                 1       angle of the torso                                       rad
//                 2-4     angles of right hip, knee, ankle                         rad
//                 5-7     angles of the left joints                                rad
//                 8-9     velocity of the torso along x, z, clipped to +-10        m/s
//                 10-16   angular velocities in the order of 1-7, clipped to +-10  rad/s
//   action        0-5     torques of the joints in the order of 2-7, in [-1, 1],
//                         times 100                                                N m
//   reward        (vx + 1 while healthy) - 1e-3 * sum of squared actions
//                 vx: mean velocity of the torso over the step
//   end           terminated where not healthy; healthy: 0.8 m < height < 2 m and |angle| < 1 rad
//   reset         qpos and qvel: rest + U(-0.005, 0.005)
//   options       forward_reward_weight 1, ctrl_cost_weight 1e-3, healthy_reward 1,
//                 terminate_when_unhealthy true, healthy_z_range [0.8, 2],
//                 healthy_angle_range [-1, 1], reset_noise_scale 0.005, frame_skip 4,
//                 exclude_current_positions_from_observation true (false: x first)
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeWalker2d(OptionReader& options);

}  // namespace duet::envs
