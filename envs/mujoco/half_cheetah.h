// HalfCheetah-v5: run to the right.
//
//   observation   0       height of the torso                                      m
//                 1       angle of the torso                                       rad
//                 2-7     angles of hip, knee and ankle of the hind leg (in the
//                         model bthigh, bshin, bfoot), then of the front leg       rad
//                 8-9     velocity of the torso along x, z                         m/s
//                 10-16   angular velocities in the order of 1-7                   rad/s
//   action        0-5     torques of the joints in the order above, in [-1, 1],
//                         times 120, 90, 60, 120, 60, 30                           N m
//   reward        vx - 0.1 * sum of squared actions; vx: mean velocity of the torso over the step
//   end           none
//   reset         qpos U(-0.1, 0.1), qvel 0.1 N(0, 1)
//   options       forward_reward_weight 1, ctrl_cost_weight 0.1, reset_noise_scale 0.1,
//                 frame_skip 5,
//                 exclude_current_positions_from_observation true (false: x first)
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeHalfCheetah(OptionReader& options);

}  // namespace duet::envs
