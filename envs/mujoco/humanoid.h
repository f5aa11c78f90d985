// Humanoid-v5: run to the right on two legs without falling.
//
//   observation   0         height of the torso                                            m
//                 1-4       orientation of the torso, a quaternion (w, x, y, z)
//                 5-21      angles of the joints abdomen z, y, x; right hip x, z, y, knee;
//                           left hip x, z, y, knee; right shoulder 1, 2, elbow;
//                           left shoulder 1, 2, elbow                                      rad
//                 22-24     velocity of the torso                                          m/s
//                 25-27     angular velocity of the torso                                  rad/s
//                 28-44     angular velocities of the joints                               rad/s
//                 45-174    mass and inertia about the centre of mass, 10 for each of the
//                           13 bodies                                                kg m^2, kg m,
//                           kg
//                 175-252   velocities about the centre of mass, 6 per body          rad/s, m/s
//                 253-269   torques of the joints                                          N m
//                 270-347   external torques (3) and forces (3), per body            N m, N
//   action        0-16      torques of abdomen y, z, x and then the joints in the order above, in
//                           [-0.4, 0.4], times 100 (hip y: 300, knees: 200, arms: 25)      N m
//   reward        (1.25 vx + 5 while healthy)
//                 - (0.1 * sum of squared actions + min(5e-7 * sum of squared external forces, 10))
//                 vx: mean velocity of the centre of mass over the step
//   end           terminated where not healthy; healthy: 1 m < height < 2 m
//   reset         qpos and qvel: rest + U(-0.01, 0.01), the quaternion not normalised
//   options       forward_reward_weight 1.25, ctrl_cost_weight 0.1, contact_cost_weight 5e-7,
//                 contact_cost_range [-inf, 10], healthy_reward 5, terminate_when_unhealthy true,
//                 healthy_z_range [1, 2], reset_noise_scale 0.01, frame_skip 5,
//                 exclude_current_positions_from_observation true (false: x, y first),
//                 include_{cinert,cvel,qfrc_actuator,cfrc_ext}_in_observation true
//
// Centre of mass, inertias and forces are those of the last physics step: a substep behind qpos.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeHumanoid(OptionReader& options);

}  // namespace duet::envs
