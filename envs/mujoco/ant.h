// Ant-v5: run to the right on four legs without falling over.
//
//   observation   0         height of the torso                                            m
//                 1-4       orientation of the torso, a quaternion (w, x, y, z)
//                 5-12      angles of the joints: hip and ankle of the legs front left,
//                           front right, back left, back right                             rad
//                 13-15     velocity of the torso                                          m/s
//                 16-18     angular velocity of the torso                                  rad/s
//                 19-26     angular velocities of the joints                               rad/s
//                 27-104    torque (3) and force (3) of contacts on each of the 13 bodies,
//                           clipped to [-1, 1]                                             N m, N
//   action        0-7       torques of hip and ankle of the legs back right, front left,
//                           front right, back left, in [-1, 1], times 150                  N m
//   reward        (vx + 1 while healthy)
//                 - (0.5 * sum of squared actions + 5e-4 * sum of squared clipped contact forces)
//                 vx: mean velocity of the main body over the step
//   end           terminated where not healthy; healthy: 0.2 m <= height <= 1 m
//   reset         qpos: rest + U(-0.1, 0.1), the quaternion not normalised; qvel 0.1 N(0, 1)
//   options       forward_reward_weight 1, ctrl_cost_weight 0.5, contact_cost_weight 5e-4,
//                 healthy_reward 1, main_body 1 (index or name of a body, "torso"),
//                 terminate_when_unhealthy true, healthy_z_range [0.2, 1],
//                 contact_force_range [-1, 1], reset_noise_scale 0.1, frame_skip 5,
//                 exclude_current_positions_from_observation true (false: x, y first),
//                 include_cfrc_ext_in_observation true
//
// The main body and the forces are those of the last physics step: a substep behind qpos.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeAnt(OptionReader& options);

}  // namespace duet::envs
